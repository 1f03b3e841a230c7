"""Collisions of one process as particles, in chunks that several processes make and the cache keeps."""

from dataclasses import dataclass

import numpy as np

from femtobarn.errors import InputError
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.collisions.processes import Process
from femtobarn.simulate.collisions.pythia import final_particles, next_records, start_pythia, version
from femtobarn.simulate.particles import Particles, joined

_VERSION = 1  # raise it when the same settings give other collisions
_EVENTS_PER_CHUNK = 2000


@dataclass(frozen=True)
class CollisionSettings:
    """What a chunk of collisions depends on, besides its seed."""

    process: Process
    energy: float
    mpi: bool


def collisions(
    process: Process,
    count: int,
    *,
    seed: int,
    energy: float = 13_000.0,
    mpi: bool = True,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> Particles:
    """Final particles of `count` proton-proton collisions from Pythia 8, all of them, neutrinos too.

    They are kept in the cache for the next call. The first events of a larger sample with the same seed are
    the smaller sample, whatever the number of workers.

    Args:
        process: One of `femtobarn.simulate.collisions.processes`, or your own.
        count: Number of collisions.
        seed: Of the sample; each chunk of 2000 collisions has its own from it.
        energy: Of the two protons together, GeV.
        mpi: Whether the protons' remnants interact too (the underlying event).
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar with the rate.

    Raises:
        InputError: No collisions asked for, or settings that Pythia does not take.
        MissingExtraError: pythia8mc is not installed.
    """
    if count < 1 or energy <= 0:
        raise InputError(f"expected at least one collision of more than 0 GeV, got {count} of {energy:g} GeV")
    settings = CollisionSettings(process, energy, mpi)
    chunks = Chunks(event_chunk, settings, count, _EVENTS_PER_CHUNK, seed, (_VERSION, *version()))
    label = f"{process.name} collisions"
    parts = run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label=label)
    return joined([Particles(**part) for part in parts])


def event_chunk(settings: CollisionSettings, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the sample: as many collisions as there are items."""
    pythia = start_pythia(settings.process, seed=seed, energy=settings.energy, mpi=settings.mpi)
    missing, parts = len(items), []
    while missing > 0:
        parts.append(final_particles(pythia, next_records(pythia, missing)))
        missing -= parts[-1].events
    return joined(parts)._asdict()
