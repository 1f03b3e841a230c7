"""Which charged particles leave a track, and what the tracker measures of them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from femtobarn.simulate.detector import draws
from femtobarn.simulate.detector.card import ELECTRON, MUON, Card, Tracking
from femtobarn.simulate.detector.propagation import Arrival
from femtobarn.simulate.particles import Particles

PION_MASS, ELECTRON_MASS, MUON_MASS = 0.13957, 0.000511, 0.10566  #: GeV (Particle Data Group 2024)


class Tracks(NamedTuple):
    """Tracks of many events, one event after the other; `offset` as in `Particles`."""

    offset: Int[np.ndarray, "boundary"]
    truth: Int[np.ndarray, "track"]  # row of the particle
    pdg: Int[np.ndarray, "track"]  # electron, muon, or pion for all hadrons
    charge: Float[np.ndarray, "track"]
    momentum: Float[np.ndarray, "track 4"]  # energy, px, py, pz in GeV, with the mass of `pdg`
    vertex: Float[np.ndarray, "track 4"]  # c t, x, y, z in mm: the true one
    resolution: Float[np.ndarray, "track"]  # sigma(pT) / pT as the card has it

    def scaled(self, factor: Float[np.ndarray, "track"]) -> "Tracks":
        """The tracks with each momentum times a factor."""
        momentum = np.empty_like(self.momentum)
        momentum[:, 1:] = self.momentum[:, 1:] * factor[:, None]
        momentum[:, 0] = energy(self.pdg, momentum[:, 1:])
        return self._replace(momentum=momentum)


def track(particles: Particles, arrival: Arrival, *, card: Card, keys: UInt64[np.ndarray, "event"]) -> Tracks:
    """The particles that the tracker finds, with pT smeared log-normally, and eta and phi if the card says so.

    Electrons and muons are always told from hadrons, hadrons never from each other: all are taken for pions.
    """
    charged = np.flatnonzero((particles.charge != 0) & arrival.arrived)
    event, code = particles.event[charged], np.abs(particles.pdg[charged])
    _, px, py, pz = particles.momentum[charged].astype(np.float64).T
    pt = np.hypot(px, py)
    if card.eta == "arrival":
        eta = np.abs(arrival.eta[charged])
    else:
        eta = np.arcsinh(np.divide(np.abs(pz), pt, out=np.full_like(pt, np.inf), where=pt > 0))
    efficiency, resolution = np.zeros_like(pt), np.zeros_like(pt)
    for kind, chosen in _kinds(card, code):
        efficiency[chosen] = _efficiency(kind, eta[chosen], pt[chosen])
        resolution[chosen] = _resolution(kind, eta[chosen], pt[chosen])
    number = 2 * (charged - particles.offset[event])
    found = draws.uniform(keys[event], number) < efficiency
    charged, event, number, code = charged[found], event[found], number[found], code[found]
    pt, resolution = pt[found], resolution[found]

    scale = draws.log_normal(np.ones_like(pt), resolution, draws.normal(keys[event], number + 1))
    lepton = (code == ELECTRON) | (code == MUON)
    charge = particles.charge[charged].astype(np.float64)
    pdg = np.where(lepton, particles.pdg[charged], 211 * np.sign(charge).astype(np.int64))
    momentum = np.empty((len(charged), 4))
    momentum[:, 1:] = particles.momentum[charged, 1:] * scale[:, None]
    angle = np.zeros(len(charged))
    for kind, chosen in _kinds(card, code):
        angle[chosen] = kind.angle
    if angle.any():
        momentum[:, 1:] = _turned(momentum[:, 1:], angle, draws.derived(keys, 0)[event], number)
    momentum[:, 0] = energy(pdg, momentum[:, 1:])
    offset = np.searchsorted(event, np.arange(particles.events + 1))
    vertex = particles.vertex[charged].astype(np.float64)
    return Tracks(offset, charged, pdg, charge, momentum, vertex, resolution)


def energy(
    pdg: Int[np.ndarray, "track"], momentum: Float[np.ndarray, "track 3"]
) -> Float[np.ndarray, "track"]:
    """Energy of (px, py, pz) with the mass of an electron, a muon or else a pion, in GeV."""
    code = np.abs(pdg)
    mass = np.where(code == ELECTRON, ELECTRON_MASS, np.where(code == MUON, MUON_MASS, PION_MASS))
    return np.sqrt((momentum**2).sum(axis=1) + mass**2)


def _kinds(
    card: Card, code: Int[np.ndarray, "track"]
) -> tuple[tuple[Tracking, Bool[np.ndarray, "track"]], ...]:
    electron, muon = code == ELECTRON, code == MUON
    return (card.electrons, electron), (card.muons, muon), (card.hadrons, ~(electron | muon))


def _turned(
    momentum: Float[np.ndarray, "track 3"],
    angle: Float[np.ndarray, "track"],
    keys: UInt64[np.ndarray, "track"],
    number: Int[np.ndarray, "track"],
) -> Float[np.ndarray, "track 3"]:
    """The same pT at an eta and a phi that are off by normal errors of these widths."""
    px, py, pz = momentum.T
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / pt) + angle * draws.normal(keys, number)
    phi = np.arctan2(py, px) + angle * draws.normal(keys, number + 1)
    return np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=1)


def _efficiency(
    kind: Tracking, eta: Float[np.ndarray, "track"], pt: Float[np.ndarray, "track"]
) -> Float[np.ndarray, "track"]:
    row = np.searchsorted(kind.eta, eta, side="left")  # a bin holds its upper edge in |eta| ...
    column = np.searchsorted(kind.pt, pt, side="left")  # ... and in pT
    table = np.pad(np.array(kind.efficiency), ((0, 1), (1, 0)))
    return table[row, column] * np.exp(np.minimum((kind.knee - pt) / kind.slope, 0.0))


def _resolution(
    kind: Tracking, eta: Float[np.ndarray, "track"], pt: Float[np.ndarray, "track"]
) -> Float[np.ndarray, "track"]:
    edges, constant, slope = np.array(kind.resolution).T
    row = np.minimum(np.searchsorted(edges, eta, side="left"), len(edges) - 1)
    return np.minimum(np.hypot(constant[row], slope[row] * pt), 1.0)
