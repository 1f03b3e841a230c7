"""Events for particle flow: top pairs with pile-up in the detector, as elements with the particles they stand for.

Stands in for the Delphes sample of arXiv:2101.08578: same process, energy, pile-up and detector numbers; `CMS_SHOWERS`
adds what that detector lacks, without which rules are nearly perfect.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import FlowEvents
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import minimum_bias, top_pairs
from femtobarn.simulate.collisions.pythia import version
from femtobarn.simulate.collisions.sample import CollisionSettings, collisions, event_chunk
from femtobarn.simulate.detector import CMS, CMS_SHOWERS, Card, Detected, detect
from femtobarn.simulate.detector.calorimeter import Towers
from femtobarn.simulate.detector.card import ELECTRON, INVISIBLE, MUON
from femtobarn.simulate.particles import Particles

_VERSION = 1  # raise it when the same settings give other events
_PER_CHUNK = 50
_ENERGY = 14_000.0  # GeV
_POOL = 5  # soft collisions to draw from, for each of the mean
_ACCEPTANCE = 5.0  # |eta| of particles that count
_TRACKER = 2.5  # |eta| beyond which a charged particle cannot be told from a neutral one
_PHOTON = 22
_LEAST_NEUTRAL = 9.0  # GeV below which a neutral hadron is no target (jpata/particleflow, tag v1.0)


@dataclass(frozen=True)
class FlowSample:
    """Which events are made."""

    pileup: float = 0.0
    """Mean number of collisions laid over an event."""
    showers: bool = True
    """Showers spread and start early (card `CMS_SHOWERS`); else the detector is as in Delphes (`CMS`)."""

    def __post_init__(self) -> None:
        if not 0 <= self.pileup < np.inf:
            raise InputError(f"expected a pile-up of 0 or more, got {self.pileup:g}")

    @property
    def card(self) -> Card:
        """The detector."""
        return CMS_SHOWERS if self.showers else CMS


def flow_sample(
    sample: FlowSample,
    events: int,
    *,
    seed: int,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> FlowEvents:
    """Top pairs at 14 TeV as elements and particles, kept in the cache for the next call.

    Args:
        sample: Pile-up and detector.
        events: Number of events.
        seed: Of the sample; each chunk of 50 events has its own from it.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar.

    Raises:
        InputError: No events asked for.
        MissingExtraError: pythia8mc is not installed.
    """
    if events < 1:
        raise InputError(f"expected at least one event, got {events}")
    _pool(sample)  # once, before processes ask for it side by side
    chunks = Chunks(flow_chunk, sample, events, _PER_CHUNK, seed, (_VERSION, *version()))
    parts = run_chunks(
        chunks, workers=workers, scheduler=scheduler, progress=progress, label="events in the detector"
    )
    return flow.joined([FlowEvents(**part) for part in parts])


def flow_chunk(sample: FlowSample, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the sample."""
    begin, rest = seed.spawn(2)
    generator = np.random.default_rng(rest)
    particles = Particles(**event_chunk(CollisionSettings(top_pairs(), _ENERGY, mpi=True), items, begin))
    if (pool := _pool(sample)) is not None:
        particles, _ = overlay(particles, pool, mean=float(sample.pileup), generator=generator)
    return vars(flow_events(particles, detect(particles, card=sample.card, generator=generator)))


def flow_events(particles: Particles, detected: Detected) -> FlowEvents:
    """Elements of detected events, the particles they stand for, and what the rules make of them.

    An element is a track, or a tower of one calorimeter with measured energy. A track stands for its particle. A
    particle without a track belongs to the tower with measured energy in which it left most; a tower stands for the
    sum of its particles, with the class that has most energy in it. Charged particles beyond |eta| = 2.5 count as
    neutral there, and neutral hadrons below 9 GeV as none: `remaining` holds them.
    """
    tracks, calorimeters = detected.tracks, (detected.ecal, detected.hcal)
    shown = [np.flatnonzero(towers.measured > 0) for towers in calorimeters]
    event = np.concatenate(
        [
            _events_of(tracks.offset),
            *(_events_of(c.offset)[rows] for c, rows in zip(calorimeters, shown, strict=True)),
        ]
    )
    order = np.argsort(event, kind="stable")
    element = np.concatenate(
        [
            _tracks(detected),
            *(_towers(c, rows, at) for at, (c, rows) in enumerate(zip(calorimeters, shown, strict=True))),
        ]
    )
    owner = _owners(detected, shown)
    target, left = _targets(particles, owner, len(element), tracks=len(tracks.truth))
    left &= np.abs(cylindrical(particles.momentum)[:, 1]) < _ACCEPTANCE
    rest = particles.keep(left)
    return FlowEvents(
        np.searchsorted(event[order], np.arange(detected.events + 1)),
        element[order].astype(np.float32),
        target[order].astype(np.float32),
        _candidates(detected, shown)[order].astype(np.float32),
        rest.offset,
        _particle_rows(_classes(rest), rest.charge, rest.momentum).astype(np.float32),
    )


def _pool(sample: FlowSample) -> Particles | None:
    if not sample.pileup:
        return None
    count = max(200, int(np.ceil(_POOL * sample.pileup)))
    return collisions(minimum_bias(), count, seed=1, energy=_ENERGY, workers=1)


def _events_of(offset: np.ndarray) -> Int[np.ndarray, "row"]:
    return np.repeat(np.arange(len(offset) - 1), np.diff(offset))


def _tracks(detected: Detected) -> Float[np.ndarray, "track 12"]:
    tracks, arrival = detected.tracks, detected.arrival
    pt, eta, phi, _ = cylindrical(tracks.momentum).T
    outer_eta, outer_phi = arrival.eta[tracks.truth], arrival.phi[tracks.truth]
    code = np.abs(tracks.pdg)
    return np.column_stack(
        (
            np.full(len(pt), float(flow.TRACK)), pt, eta, np.sin(phi), np.cos(phi), pt * np.cosh(eta),
            outer_eta, np.sin(outer_phi), np.cos(outer_phi), tracks.charge, code == MUON, code == ELECTRON,
        )
    )  # fmt: skip


def _towers(towers: Towers, rows: np.ndarray, calorimeter: int) -> Float[np.ndarray, "tower 12"]:
    energy, eta, phi = towers.measured[rows], towers.eta[rows], towers.phi[rows]
    found = np.zeros((len(rows), 12))
    found[:, :6] = np.column_stack(
        (np.full(len(rows), flow.TOWER), energy / np.cosh(eta), eta, np.sin(phi), np.cos(phi), energy)
    )
    found[:, 6 + calorimeter] = energy
    return found


def _owners(detected: Detected, shown: list[np.ndarray]) -> Int[np.ndarray, "particle"]:
    """Element (tracks first, then towers) that each particle belongs to; -1 for none."""
    tracks, start = detected.tracks, len(detected.tracks.truth)
    owner, links = np.full(len(detected.ecal.tower), -1), []
    for towers, rows in zip((detected.ecal, detected.hcal), shown, strict=True):
        number = np.full(len(towers.cell), -1)
        number[rows] = start + np.arange(len(rows))
        start += len(rows)
        deposits = towers.deposits
        element = number[deposits.tower]
        there = element >= 0
        links.append((deposits.particle[there], element[there], deposits.energy[there]))
    particle, element, energy = (np.concatenate(column) for column in zip(*links, strict=True))
    order = np.lexsort((energy, particle))
    owner[particle[order]] = element[order]  # the last one, with most energy, stays
    owner[tracks.truth] = np.arange(len(tracks.truth))
    return owner


def _targets(
    particles: Particles, owner: Int[np.ndarray, "particle"], elements: int, *, tracks: int
) -> tuple[Float[np.ndarray, "element 7"], Bool[np.ndarray, "particle"]]:
    """What each element stands for, and which visible particles belong to none."""
    there = owner >= 0
    mine, momentum = owner[there], particles.momentum[there].astype(np.float64)
    kind = _classes(particles, tracked=there & (owner < tracks))[there]
    total = np.zeros((elements, 4))
    np.add.at(total, mine, momentum)
    energies = np.bincount(mine * len(flow.CLASSES) + kind, momentum[:, 0], elements * len(flow.CLASSES))
    best = energies.reshape(elements, len(flow.CLASSES)).argmax(axis=1)
    charge = np.zeros(elements)
    leading = np.argsort(momentum[:, 0], kind="stable")
    charge[mine[leading]] = particles.charge[there][leading]
    charge[np.isin(best, (flow.NONE, flow.NEUTRAL, flow.PHOTON))] = 0.0
    weak = (best == flow.NEUTRAL) & (total[:, 0] < _LEAST_NEUTRAL)
    best[weak] = flow.NONE
    target = _particle_rows(best, charge, total)
    target[best == flow.NONE] = 0.0
    visible = ~np.isin(np.abs(particles.pdg), INVISIBLE)
    return target, visible & ~(there & ~np.append(weak, False)[owner])


def _candidates(detected: Detected, shown: list[np.ndarray]) -> Float[np.ndarray, "element 7"]:
    """What the rules make of each element: corrected tracks, and what is left of towers."""
    tracks = detected.flow_tracks
    code = np.abs(tracks.pdg)
    kind = np.where(code == MUON, flow.MUON, np.where(code == ELECTRON, flow.ELECTRON, flow.CHARGED))
    parts = [_particle_rows(kind, tracks.charge, tracks.momentum)]
    found = (detected.photons, detected.neutral_hadrons)
    for neutrals, towers, rows, code in zip(
        found, (detected.ecal, detected.hcal), shown, (flow.PHOTON, flow.NEUTRAL), strict=True
    ):
        every = np.zeros((len(towers.cell), len(flow.PARTICLE_COLUMNS)))
        many = len(neutrals.tower)
        every[neutrals.tower] = _particle_rows(np.full(many, code), np.zeros(many), neutrals.momentum)
        parts.append(every[rows])
    return np.concatenate(parts)


def _classes(
    particles: Particles, *, tracked: Bool[np.ndarray, "particle"] | None = None
) -> Int[np.ndarray, "particle"]:
    """Class of each particle; a charged one beyond the tracker is taken for what it looks like there."""
    code, charged = np.abs(particles.pdg), particles.charge != 0
    if tracked is None or not tracked.all():
        far = np.abs(cylindrical(particles.momentum)[:, 1]) > _TRACKER
        charged = charged & ~(far if tracked is None else far & ~tracked)
    like = np.where(charged, flow.CHARGED, flow.NEUTRAL)
    like[(code == ELECTRON) & charged] = flow.ELECTRON
    like[(code == ELECTRON) & ~charged] = flow.PHOTON
    like[code == MUON] = flow.MUON
    like[code == _PHOTON] = flow.PHOTON
    return like


def _particle_rows(
    kind: Int[np.ndarray, "row"], charge: Float[np.ndarray, "row"], momentum: Float[np.ndarray, "row 4"]
) -> Float[np.ndarray, "row 7"]:
    pt, eta, phi, _ = cylindrical(momentum).T
    return np.column_stack((kind, charge, pt, eta, np.sin(phi), np.cos(phi), momentum[:, 0]))
