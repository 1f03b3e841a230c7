"""Samples of bunch crossings for a trigger: a hard collision or none, among soft ones of a number that varies."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from femtobarn.errors import InputError
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import minimum_bias
from femtobarn.simulate.collisions.pythia import version
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.detector import Detected, detect
from femtobarn.simulate.particles import Particles

_PER_CHUNK, _TOGETHER = 1000, 100
_POOL, _POOL_PER_PILEUP = 2000, 50  # soft collisions that pile-up is drawn from, at most and by its mean


@dataclass(frozen=True)
class TriggerCrossings:
    """What a chunk of crossings depends on, besides its seed."""

    sample: str
    """Kind of the hard collision, as the data set calls it."""
    pileup: tuple[float, float]
    """Range of the mean number of soft collisions, uniform."""
    energy: float = 13_600.0
    """Of the two protons, GeV."""

    def __post_init__(self) -> None:
        low, high = self.pileup
        if not 0 <= low <= high:
            raise InputError(f"expected a range of pile-up from 0 on, got {low} to {high}")


Hard = Callable[[TriggerCrossings, int, int], Particles]  #: (settings, events, seed) to the hard collisions


def many_crossings(
    chunk: Callable[[TriggerCrossings, range, np.random.SeedSequence], Arrays],
    settings: TriggerCrossings,
    count: int,
    *,
    seed: int,
    version_of: int,
    workers: int,
    scheduler: str | None,
    progress: bool,
) -> Arrays:
    """Columns of many crossings from the chunk function of a data set; the cache keeps them.

    Raises:
        InputError: No crossings are asked for.
    """
    if count < 1:
        raise InputError(f"expected at least one crossing, got {count}")
    _soft(settings, workers=workers, scheduler=scheduler, progress=progress)  # once, not in each process
    chunks = Chunks(chunk, settings, count, _PER_CHUNK, seed, (version_of, *version()))
    label = f"crossings ({settings.sample})"
    parts = run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label=label)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def detected_crossings(
    settings: TriggerCrossings,
    count: int,
    seed: np.random.SeedSequence,
    *,
    hard: Hard,
    see: Callable[[Detected, np.random.Generator], np.ndarray],
) -> tuple[np.ndarray, Float32[np.ndarray, "crossing"]]:
    """What the trigger sees of crossings in the parametrised detector, and the mean pile-up of each."""
    generator, pool = np.random.default_rng(seed), _soft(settings)
    events = hard(settings, count, int(generator.integers(2**31)))
    pileup, found = generator.uniform(*settings.pileup, count), []
    for start in range(0, count, _TOGETHER):
        rows = slice(start, start + _TOGETHER)
        crossings, _ = overlay(events.part(rows), pool, mean=pileup[rows], generator=generator)
        found.append(see(detect(crossings, generator=generator), generator))
    return np.concatenate(found), pileup.astype(np.float32)


def one_soft(settings: TriggerCrossings, count: int, seed: int) -> Particles:
    """Events of one soft collision each, for crossings without a hard one."""
    pool = _soft(settings)
    drawn = np.random.default_rng(seed).integers(pool.events, size=count)
    rows = [np.arange(pool.offset[i], pool.offset[i + 1]) for i in drawn]
    return Particles(np.cumsum([0, *map(len, rows)]), *(column[np.concatenate(rows)] for column in pool[1:]))


def _soft(
    settings: TriggerCrossings, *, workers: int = 1, scheduler: str | None = None, progress: bool = False
) -> Particles:
    count = min(_POOL, max(200, round(_POOL_PER_PILEUP * settings.pileup[1])))
    return collisions(
        minimum_bias(), count, seed=1, energy=settings.energy, workers=workers, scheduler=scheduler,
        progress=progress,
    )  # fmt: skip
