"""Hard collisions of each sample and the soft ones over them: the particles that all detectors see."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError
from femtobarn.physics.clustering import Jets, anti_kt
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.collisions.dark import Shower, decay_scalars, suep_process
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import Process, dijets, minimum_bias, top_pairs
from femtobarn.simulate.collisions.pythia import final_particles, next_records, start_pythia
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.detector.card import INVISIBLE
from femtobarn.simulate.particles import Particles, joined

JETS, ZERO_BIAS, TOPS, SUEP = "dijets", "zero bias", "top pairs", "SUEP 400 GeV"
SIGNALS = (TOPS, SUEP)
ENERGY = 14_000.0  #: GeV, of the two protons together
RADIUS, LEAST_JET = 0.4, 30.0  #: of true jets; GeV
ENDCAP = (1.7, 2.7)  #: pseudorapidities of the axes of jets that the silicon endcap holds
ACCEPTANCE = 3.0  #: |eta| up to which anything counts

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
    """Which crossings."""

    kind: str
    pileup: float
    seed: int


def crossings(sample: Sample, count: int, *, seed: np.random.SeedSequence) -> Crossings:
    """Crossings of a sample; those of zero bias have a pile-up of their own each.

    Raises:
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    draw = np.random.default_rng(seed)
    hard = _hard(sample.kind, count, draw)
    low = 1 - _SPREAD if sample.kind == ZERO_BIAS else 1.0
    mean = sample.pileup * draw.uniform(low, 2 - low, count)
    pool = soft_pool(2 * sample.pileup if sample.kind == ZERO_BIAS else sample.pileup)
    crossed, collision = overlay(hard, pool, mean=mean, generator=draw)
    return Crossings(crossed, collision == 0, mean)


def soft_pool(pileup: float, *, progress: bool = False) -> Particles:
    """Soft collisions that pile-up is drawn from, kept in the cache."""
    count = max(_POOL, round(_PER_PILEUP * pileup))
    return collisions(minimum_bias(), count, seed=1, energy=ENERGY, workers=1, progress=progress)


def true_jets(particles: Particles) -> Jets:
    """Jets of visible particles."""
    return anti_kt(particles.momentum.astype(np.float64), particles.offset, radius=RADIUS, min_pt=LEAST_JET)


def _hard(kind: str, count: int, draw: np.random.Generator) -> Particles:
    if kind == ZERO_BIAS:
        pool = soft_pool(0.0)
        rows = draw.integers(pool.events, size=count)
        return _taken(pool, rows)
    process = {JETS: dijets((40.0, ENERGY)), TOPS: top_pairs(), SUEP: suep_process(400.0)}[kind]
    pythia = start_pythia(process, seed=np.random.SeedSequence(draw.integers(2**31)), energy=ENERGY, mpi=True)
    if kind == JETS:
        return _with_endcap_jet(pythia, count, process)
    parts, missing = list[Particles](), count
    while missing > 0:
        parts.append(final_particles(pythia, next_records(pythia, missing)))
        missing -= parts[-1].events
    made = joined(parts)
    return decay_scalars(made, Shower(), generator=draw) if kind == SUEP else made


def _with_endcap_jet(pythia: object, count: int, process: Process) -> Particles:
    """Collisions with a true jet in the endcap; those that have one on the other side only are mirrored."""
    found, tried = list[Particles](), 0
    while sum(part.events for part in found) < count:
        made = final_particles(pythia, next_records(pythia, 4 * count))
        seen = _visible(made)
        jets = true_jets(seen)
        eta = cylindrical(jets.momentum)[:, 1]
        there, other = (
            np.bincount(
                jets.event[(side * eta > ENDCAP[0]) & (side * eta < ENDCAP[1])], minlength=made.events
            )
            > 0
            for side in (1, -1)
        )
        found.append(_taken(_mirrored(made, other & ~there), np.flatnonzero(there | other)))
        tried += made.events
        if tried > _PATIENCE and not sum(part.events for part in found):
            raise InputError(f"{process.name}: none of {tried} collisions has a jet in the endcap")
    return _taken(joined(found), np.arange(count))


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
