"""Particles on the face of the endcap: what comes in, where, in which direction and when."""

from collections.abc import Sequence
from math import log, pi
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.simulate.detector.card import INVISIBLE
from femtobarn.simulate.detector.propagation import BEND, propagate
from femtobarn.simulate.endcap.geometry import LIGHT, Endcap
from femtobarn.simulate.particles import Particles

_BARREL = 1600.0  # mm; what gets farther out before the face hits the barrel
_HADRONS = 100  # codes of mesons and baryons begin above


class Incoming(NamedTuple):
    """Particles on the face, one event after the other: `offset[i]` to `offset[i + 1]` are those of event i."""

    offset: Int[np.ndarray, " boundary"]
    pdg: Int[np.ndarray, " particle"]
    charge: Float[np.ndarray, " particle"]
    energy: Float[np.ndarray, " particle"]  # kinetic, GeV; of an antibaryon with what its annihilation gives
    position: Float[np.ndarray, "particle 3"]  # mm
    direction: Float[np.ndarray, "particle 3"]  # unit vectors
    time: Float[np.ndarray, " particle"]  # ns since the middle of the crossing

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.offset) - 1

    @property
    def event(self) -> Int[np.ndarray, " particle"]:
        """The event that each particle belongs to."""
        return np.repeat(np.arange(self.events), np.diff(self.offset))

    @property
    def phi(self) -> Float[np.ndarray, " particle"]:
        """Azimuth where it comes in."""
        return np.arctan2(self.position[:, 1], self.position[:, 0])

    @property
    def eta(self) -> Float[np.ndarray, " particle"]:
        """Pseudorapidity of the place where it comes in."""
        return np.arcsinh(self.position[:, 2] / np.hypot(self.position[:, 0], self.position[:, 1]))

    def keep(self, wanted: Bool[np.ndarray, " particle"]) -> "Incoming":
        """The particles where `wanted` is true; every event stays."""
        before = np.concatenate(([0], np.cumsum(wanted)))
        return Incoming(before[self.offset], *(column[wanted] for column in self[1:]))


def together(parts: Sequence[Incoming]) -> Incoming:
    """Event by event the particles of all parts, those of the first part first.

    Raises:
        InputError: The parts have different numbers of events.
    """
    if len({part.events for part in parts}) != 1:
        raise InputError(
            f"expected parts of as many events, got {', '.join(str(part.events) for part in parts)}"
        )
    order = np.argsort(np.concatenate([part.event for part in parts]), kind="stable")
    columns = [np.concatenate(column)[order] for column in list(zip(*parts, strict=True))[1:]]
    return Incoming(np.sum([part.offset for part in parts], axis=0), *columns)


def arriving(particles: Particles, endcap: Endcap, *, least: float = 0.3) -> Incoming:
    """The particles of collisions that reach the face, turned by the field on their way.

    Neutrinos and other invisible ones do not arrive.

    Args:
        particles: Final particles, for instance of crossings with pile-up.
        endcap: Where they go; its field turns them.
        least: Kinetic energy below which particles are left out, GeV: most of them stop in the first absorber.

    Raises:
        InputError: A particle that is neither photon, electron, muon nor hadron.
    """
    forward = (particles.momentum[:, 3] > 0) & ~np.isin(np.abs(particles.pdg), INVISIBLE)
    some = particles.keep(forward)
    found = propagate(some, radius=_BARREL, half_length=endcap.face, field=endcap.field)
    p = some.momentum.astype(np.float64)
    momentum = np.linalg.norm(p[:, 1:], axis=1)
    mass = np.sqrt(np.maximum(p[:, 0] ** 2 - momentum**2, 0.0))
    kinetic = np.where(some.pdg < -1000, p[:, 0] + mass, p[:, 0] - mass)  # an antibaryon annihilates
    low, high = endcap.eta
    wanted = found.arrived & (found.position[:, 3] >= endcap.face * (1 - 1e-9)) & (kinetic > least)
    wanted &= (found.eta > low) & (found.eta < high)
    rows = np.flatnonzero(wanted)
    kept = some.keep(wanted)
    _check(kept.pdg)
    turn = BEND * endcap.field * kept.charge * (endcap.face - kept.vertex[:, 3]) / p[rows, 3]
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = p[rows, 1], p[rows, 2]
    turned = np.column_stack((cos * x + sin * y, cos * y - sin * x, p[rows, 3])) / momentum[rows, None]
    position = found.position[rows]
    return Incoming(
        kept.offset,
        kept.pdg.astype(np.int64),
        kept.charge.astype(np.float64),
        kinetic[rows],
        position[:, 1:],
        turned,
        position[:, 0] / LIGHT,
    )


def gun(
    events: int,
    endcap: Endcap,
    *,
    generator: np.random.Generator,
    number: tuple[int, int] = (5, 20),
    kinds: Sequence[int] = (22, 11, 211, -211, 130),
    energy: tuple[float, float] = (1.0, 200.0),
    eta: tuple[float, float] = (1.6, 2.9),
    phi: tuple[float, float] = (-pi, pi),
) -> Incoming:
    """Particles straight from the middle of the detector, a random number in each event.

    Args:
        events: How many.
        endcap: What they hit.
        generator: Source of randomness.
        number: Least and largest number of particles, all equally likely.
        kinds: PDG codes, all equally likely.
        energy: Range of the kinetic energy in GeV, uniform in the logarithm.
        eta, phi: Ranges of pseudorapidity and azimuth, uniform.

    Raises:
        InputError: A range that is none, or a particle that does not shower.
    """
    if not (0 <= number[0] <= number[1] and 0 < energy[0] <= energy[1] and events >= 0):
        raise InputError(f"expected rising ranges above 0, got {events} events, {number}, {energy} GeV")
    _check(np.array(kinds))
    size = generator.integers(number[0], number[1], events, endpoint=True)
    n = int(size.sum())
    return _straight(
        np.concatenate(([0], np.cumsum(size))),
        generator.choice(np.array(kinds), n),
        np.exp(generator.uniform(log(energy[0]), log(energy[1]), n)),
        generator.uniform(*eta, n),
        generator.uniform(*phi, n),
        endcap,
    )


def pairs(
    events: int,
    endcap: Endcap,
    *,
    distance: tuple[float, float],
    generator: np.random.Generator,
    pdg: int = 22,
    energy: tuple[float, float] = (10.0, 50.0),
    eta: tuple[float, float] = (1.8, 2.7),
    phi: tuple[float, float] = (-pi, pi),
) -> tuple[Incoming, Float[np.ndarray, " event"]]:
    """Two particles of one kind side by side in each event, and their distance on the face.

    Args:
        events: How many.
        endcap: What they hit.
        distance: Range of their distance on the face in units of the Moliere radius, uniform.
        generator: Source of randomness.
        pdg, energy, eta, phi: As for `gun`; eta and phi of the point half way between the two.
    """
    _check(np.array([pdg]))
    apart = generator.uniform(*distance, events)
    half = 0.5 * apart * endcap.moliere_radius
    turn, middle, azimuth = (generator.uniform(*each, events) for each in ((-pi, pi), eta, phi))
    r = endcap.face / np.sinh(middle)
    x = np.stack([r * np.cos(azimuth) + side * half * np.cos(turn) for side in (-1, 1)], axis=1).ravel()
    y = np.stack([r * np.sin(azimuth) + side * half * np.sin(turn) for side in (-1, 1)], axis=1).ravel()
    energies = np.exp(generator.uniform(log(energy[0]), log(energy[1]), 2 * events))
    place = np.arcsinh(endcap.face / np.hypot(x, y))
    every = 2 * np.arange(events + 1)
    return _straight(every, np.full(2 * events, pdg), energies, place, np.arctan2(y, x), endcap), apart


def charge_of(pdg: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Charge of the particles of a gun."""
    size = np.isin(np.abs(pdg), (11, 13, 211, 321, 2212))
    return np.where(size, np.sign(pdg) * np.where(np.abs(pdg) < _HADRONS, -1, 1), 0).astype(float)


def _straight(
    offset: np.ndarray,
    pdg: np.ndarray,
    energy: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    endcap: Endcap,
) -> Incoming:
    sine = 1 / np.cosh(eta)
    direction = np.column_stack((sine * np.cos(phi), sine * np.sin(phi), np.tanh(eta)))
    position = direction * (endcap.face / direction[:, 2:])
    time = np.linalg.norm(position, axis=1) / LIGHT
    return Incoming(offset, pdg.astype(np.int64), charge_of(pdg), energy, position, direction, time)


def _check(pdg: Int[np.ndarray, " n"]) -> None:
    kinds = np.abs(pdg)
    known = np.isin(kinds, (11, 13, 22)) | (kinds > _HADRONS)
    if not known.all():
        raise InputError(
            f"expected photons, electrons, muons or hadrons on the face, got the code {pdg[~known][0]}"
        )
