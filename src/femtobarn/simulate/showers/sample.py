"""Showers of the CaloChallenge's data sets in any number, by either engine."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.errors import InputError
from femtobarn.physics.voxels import geometry
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.geant4 import transport
from femtobarn.simulate.showers.cylinders import cylinder
from femtobarn.simulate.showers.geant4 import geant4
from femtobarn.simulate.showers.gflash import gflash
from femtobarn.simulate.showers.voxelise import voxelise

Engine = Literal["gflash", "geant4"]

_VERSION = 4  # raise it when the same settings give other showers
_PER_CHUNK = {"gflash": 1000, "geant4": 20}
_TOGETHER = 50  # showers whose spots are in memory at once
_DISCRETE = 2.0 ** np.arange(8, 23)  # MeV
_EVENTS = {  # at each of these energies (arXiv:2410.21611, section 2.1)
    "1-photons": (10_000,) * 11 + (5000, 3000, 2000, 1000),
    "1-pions": (10_000,) * 10 + (9800, 5000, 3000, 2000, 1000),
}


@dataclass(frozen=True)
class ShowerSettings:
    """What a chunk of showers depends on, besides its seed."""

    dataset: str
    engine: Engine


def shower_sample(
    dataset: str,
    count: int,
    *,
    seed: int,
    engine: Engine = "gflash",
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> tuple[Float[np.ndarray, " shower"], Float32[np.ndarray, "shower voxel"]]:
    """Incident energies and voxels of `count` showers, both in MeV, as in the files of the data set.

    Energies are distributed as there: see `incident_energies`. Voxels below the threshold of the geometry are
    zero. Showers are kept in the cache for the next call; the first of a larger sample with the same seed are
    the smaller sample, whatever the number of workers.

    Args:
        dataset: "1-photons", "1-pions", "2" or "3".
        count: Number of showers.
        seed: Of the sample; each chunk has its own from it.
        engine: "gflash" (thousands a second) or "geant4" (a few).
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar with the rate.

    Raises:
        InputError: No showers asked for, no such data set or engine.
        MissingExtraError: calzone is not installed and the engine is "geant4".
    """
    chunks = shower_chunks(dataset, count, seed=seed, engine=engine)
    parts = run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label="showers")
    energies, made = (np.concatenate([part[name] for part in parts]) for name in ("energies", "showers"))
    return energies, made


def shower_chunks(dataset: str, count: int, *, seed: int, engine: Engine = "gflash") -> Chunks:
    """The same as chunks with the columns "energies" and "showers", to be made by `run_chunks`."""
    geometry(dataset)
    if engine not in _PER_CHUNK:
        raise InputError(f"expected the engine gflash or geant4, got {engine!r}")
    if count < 1:
        raise InputError(f"expected at least one shower, got {count}")
    version = (_VERSION, *(transport.version() if engine == "geant4" else ()))
    return Chunks(shower_chunk, ShowerSettings(dataset, engine), count, _PER_CHUNK[engine], seed, version)


def shower_chunk(settings: ShowerSettings, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the sample."""
    first, second = seed.spawn(2)
    energies = incident_energies(settings.dataset, len(items), generator=np.random.default_rng(first))
    generator = np.random.default_rng(second)
    return {
        "energies": energies,
        "showers": showers(settings.dataset, energies, generator=generator, engine=settings.engine),
    }


def incident_energies(
    dataset: str, count: int, *, generator: np.random.Generator
) -> Float[np.ndarray, " shower"]:
    """Energies in MeV, drawn as the files have them.

    Data sets 1: powers of two from 256 MeV to 4.2 TeV with probabilities as the published numbers of events;
    2 and 3: uniform in the logarithm from 1 GeV to 1 TeV.
    """
    geometry(dataset)
    u = generator.random(count)
    if dataset not in _EVENTS:
        return 10 ** (3 + 3 * u)
    upper = np.cumsum(_EVENTS[dataset])
    return _DISCRETE[np.searchsorted(upper / upper[-1], u, side="right")]


def showers(
    dataset: str,
    energies: Float[np.ndarray, " shower"],
    *,
    generator: np.random.Generator,
    engine: Engine = "gflash",
) -> Float32[np.ndarray, "shower voxel"]:
    """Voxels in MeV of one shower for each incident energy in MeV; below the threshold they are zero."""
    voxels, calorimeter = geometry(dataset), cylinder(dataset)
    simulate = gflash if engine == "gflash" else geant4
    made = np.empty((len(energies), voxels.voxels), np.float32)
    for start in range(0, len(energies), _TOGETHER):
        some = slice(start, min(start + _TOGETHER, len(energies)))
        spots = simulate(energies[some] / 1e3, calorimeter, generator=generator, pdg=voxels.pdg)
        batch = voxelise(spots, voxels, showers=some.stop - start) * np.float32(1e3)
        np.multiply(batch, batch >= voxels.threshold, out=made[some])
    return made
