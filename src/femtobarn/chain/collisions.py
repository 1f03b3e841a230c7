"""Hard collisions of each sample and the soft ones over them: the particles that all detectors see."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.clustering import Jets, anti_kt
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.chunks import Arrays, Chunks
from femtobarn.simulate.collisions.dark import Shower, decay_scalars, suep_process
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import dijets, minimum_bias, top_pairs
from femtobarn.simulate.collisions.pythia import (
    final_particles,
    hard_pair,
    next_records,
    start_pythia,
    version,
)
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.detector.card import INVISIBLE
from femtobarn.simulate.particles import Particles, joined

JETS, ZERO_BIAS, TOPS, SUEP = "dijets", "zero bias", "top pairs", "SUEP 400 GeV"
SIGNALS = (TOPS, SUEP)
ENERGY = 14_000.0  #: GeV, of the two protons together
RADIUS, LEAST_JET = 0.4, 30.0  #: of true jets; GeV
ENDCAP = (1.7, 2.7)  #: pseudorapidities of the axes of jets that the silicon endcap holds
ACCEPTANCE = 3.0  #: |eta| up to which anything counts

_VERSION = 1  # raise it when the same settings give other collisions
_POOL, _PER_PILEUP = 200, 6  # soft collisions to draw from: at least, and for each of the mean
_SPREAD = 0.5  # of the mean pile-up of zero bias, either way
_PATIENCE = 20_000  # collisions without a jet in the endcap before we give up


class Crossings(NamedTuple):
    """Crossings with the truth of their hard collisions."""

    particles: Particles
    own: Bool[np.ndarray, "particle"]
    """Of the hard collision."""
    pileup: Float[np.ndarray, "event"]
    """Mean number of soft collisions."""
    parton: Int[np.ndarray, "event 2"]
    """PDG codes of the two particles that leave the hard collision; 0 in zero bias."""
    parton_momentum: Float[np.ndarray, "event 2 4"]

    @property
    def vertex(self) -> Float[np.ndarray, "event"]:
        """z of the hard collisions, mm."""
        z, part = self.particles.vertex[self.own, 3], self.particles.keep(self.own)
        return np.array([np.median(each) if len(each) else 0.0 for each in np.split(z, part.offset[1:-1])])

    def visible(self) -> Particles:
        """What of the hard collisions can be seen at all."""
        return _visible(self.particles.keep(self.own))


@dataclass(frozen=True)
class Sample:
    """Which hard collisions."""

    kind: str


def crossings(
    kind: str, pileup: float, items: range, *, per_chunk: int, seed: int, draws: np.random.SeedSequence
) -> Crossings:
    """Crossings of a kind; those of zero bias have a pile-up of their own each.

    The hard collisions are kept in the cache, and are the same at every pile-up.

    Args:
        kind: Of the hard collisions.
        pileup: Mean number of soft collisions.
        items: Which of the sample.
        per_chunk: How many of the sample are made at once.
        seed: Of the sample.
        draws: Of the pile-up.

    Raises:
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    chunks = Chunks(hard_collisions, Sample(kind), items.stop, per_chunk, seed, (_VERSION, *version()))
    made = chunks.get(items.start // per_chunk)
    parton, momentum = made.pop("parton"), made.pop("parton_momentum")
    draw = np.random.default_rng(draws)
    low = 1 - _SPREAD if kind == ZERO_BIAS else 1.0
    mean = pileup * draw.uniform(low, 2 - low, len(items))
    pool = soft_pool(2 * pileup if kind == ZERO_BIAS else pileup)
    crossed, collision = overlay(Particles(**made), pool, mean=mean, generator=draw)
    return Crossings(crossed, collision == 0, mean, parton, momentum)


def soft_pool(pileup: float, *, progress: bool = False) -> Particles:
    """Soft collisions that pile-up is drawn from, kept in the cache."""
    count = max(_POOL, round(_PER_PILEUP * pileup))
    return collisions(minimum_bias(), count, seed=1, energy=ENERGY, workers=1, progress=progress)


def true_jets(particles: Particles) -> Jets:
    """Jets of visible particles."""
    return anti_kt(particles.momentum.astype(np.float64), particles.offset, radius=RADIUS, min_pt=LEAST_JET)


def hard_collisions(settings: Sample, items: range, seed: np.random.SeedSequence) -> Arrays:
    """Particles of some hard collisions without pile-up, and what leaves the hard process."""
    kind, draw, count = settings.kind, np.random.default_rng(seed), len(items)
    if kind == ZERO_BIAS:
        pool = soft_pool(0.0)
        nothing = {"parton": np.zeros((count, 2), np.int64), "parton_momentum": np.zeros((count, 2, 4))}
        return _taken(pool, draw.integers(pool.events, size=count))._asdict() | nothing
    process = {JETS: dijets((40.0, ENERGY)), TOPS: top_pairs(), SUEP: suep_process(400.0)}[kind]
    pythia = start_pythia(process, seed=np.random.SeedSequence(draw.integers(2**31)), energy=ENERGY, mpi=True)
    found, partons, tried, kept = list[Particles](), list[tuple[np.ndarray, ...]](), 0, 0
    while kept < count:
        records = next_records(pythia, 4 * count if kind == JETS else count - kept)
        made, pair = final_particles(pythia, records), hard_pair(records)
        tried += made.events
        if kind == JETS:
            made, pair = _with_endcap_jet(made, *pair)
        found.append(made)
        partons.append(pair)
        kept += made.events
        if tried > _PATIENCE and not kept:
            raise InputError(f"{process.name}: none of {tried} collisions has a jet in the endcap")
    parton, momentum = (np.concatenate(column)[:count] for column in zip(*partons, strict=True))
    hard = _taken(joined(found), np.arange(count))
    if kind == SUEP:
        hard = decay_scalars(hard, Shower(), generator=draw)
    return hard._asdict() | {"parton": parton, "parton_momentum": momentum}


def _with_endcap_jet(
    made: Particles, parton: np.ndarray, momentum: np.ndarray
) -> tuple[Particles, tuple[np.ndarray, np.ndarray]]:
    """Collisions with a true jet in the endcap; those that have one on the other side only are mirrored."""
    jets = true_jets(_visible(made))
    eta = cylindrical(jets.momentum)[:, 1]
    there, other = (
        np.bincount(jets.event[(side * eta > ENDCAP[0]) & (side * eta < ENDCAP[1])], minlength=made.events)
        > 0
        for side in (1, -1)
    )
    turned, rows = other & ~there, np.flatnonzero(there | other)
    momentum = momentum * np.where(turned, -1.0, 1.0)[:, None, None] ** [0, 0, 0, 1]
    return _taken(_mirrored(made, turned), rows), (parton[rows], momentum[rows])


def _mirrored(particles: Particles, events: Bool[np.ndarray, "event"]) -> Particles:
    sign = np.where(events[particles.event], -1.0, 1.0)
    momentum, vertex = particles.momentum.copy(), particles.vertex.copy()
    momentum[:, 3] *= sign
    vertex[:, 3] *= sign
    return particles._replace(momentum=momentum, vertex=vertex)


def _visible(particles: Particles) -> Particles:
    return particles.keep(~np.isin(np.abs(particles.pdg), INVISIBLE))


def _taken(particles: Particles, events: np.ndarray) -> Particles:
    """These events, in this order."""
    rows = [np.arange(particles.offset[i], particles.offset[i + 1]) for i in events.tolist()]
    place = np.concatenate([np.empty(0, np.int64), *rows])
    return Particles(np.cumsum([0, *map(len, rows)]), *(column[place] for column in particles[1:]))
