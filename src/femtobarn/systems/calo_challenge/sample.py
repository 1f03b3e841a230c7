"""The showers of a run: from files of the challenge, from GFLASH, or, for the hybrid, from Geant4."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from femtobarn.datasets import calochallenge
from femtobarn.datasets.calochallenge import PUBLISHED_SETS
from femtobarn.errors import InputError
from femtobarn.nn.shower_generators import Batch
from femtobarn.physics.voxels import VoxelGeometry, geometry
from femtobarn.runs import Provenance
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.geant4 import transport
from femtobarn.simulate.showers.sample import shower_sample, showers
from femtobarn.study import Split, check_shares, cut

Dataset = Literal["1-photons", "1-pions", "2", "3"]

GEANT4 = "Geant4"  #: source of showers that it made here
_PER_CHUNK = 50
_VERSION = 1  # raise it when the same settings give other Geant4 showers


@dataclass(frozen=True)
class Data:
    """Which showers a run works on."""

    dataset: Dataset = "1-photons"
    """Data set of the CaloChallenge: geometry and incident particle."""
    engine: Literal["gflash", "geant4"] = "gflash"
    """Simulation of the stand-in showers, used where no files are given."""
    highest: int = 14
    """Highest incident energy of Geant4 showers, as a power of two in MeV (14: 16 GeV); equal parts from 2^8 MeV."""
    path: tuple[Path, ...] = ()
    """Training files in the layout of the CaloChallenge; without any, a stand-in is simulated."""
    reference: tuple[Path, ...] = ()
    """Reference files for the test; without any, the test showers are split off the training files."""
    showers: int = 30_000
    """Number of stand-in showers; of files, the maximum from the training and from the reference files each."""
    validation: float = 0.12
    """Fraction of the showers in the validation sample, which chooses the best checkpoint."""
    test: float = 0.34
    """Fraction of the showers in the test sample, where there are no reference files."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        _check(self.showers, self.highest)


@dataclass(frozen=True)
class Geant4Sample:
    """Showers from Geant4 in the stand-in's calorimeter, at energies low enough to make thousands in minutes."""

    showers: int = 6000
    """Number of Geant4 showers."""
    highest: int = 12
    """Highest incident energy, as a power of two in MeV (12: 4 GeV); equal parts from 2^8 MeV."""

    def __post_init__(self) -> None:
        _check(self.showers, self.highest)


@dataclass(frozen=True)
class ShowerTable:
    """Showers in the voxels of a calorimeter, a row each; MeV."""

    voxels: VoxelGeometry
    energies: Float64[Tensor, "shower"]
    """Of the incident particles."""
    showers: Float32[Tensor, "shower voxel"]

    def __len__(self) -> int:
        return len(self.energies)

    def take(self, rows: Tensor | np.ndarray | slice) -> "ShowerTable":
        """These showers."""
        index = rows if isinstance(rows, slice) else torch.as_tensor(rows)
        return ShowerTable(self.voxels, self.energies[index], self.showers[index])

    def first(self, count: int) -> "ShowerTable":
        """The first showers, at most so many."""
        return self.take(slice(count))

    @property
    def batch(self) -> Batch:
        """As generators are trained on them."""
        return {"energies": self.energies, "showers": self.showers}

    @property
    def arrays(self) -> tuple[Float64[np.ndarray, "shower"], Float32[np.ndarray, "shower voxel"]]:
        """As metrics take them."""
        return self.energies.numpy(), self.showers.numpy()


@dataclass(frozen=True)
class Samples:
    """The showers of a run, and those that the two starts of flow matching are compared on."""

    main: Split[ShowerTable]
    starts: Split[ShowerTable]

    def of(self, is_hybrid: bool) -> Split[ShowerTable]:
        """The showers of a part of the study."""
        return self.starts if is_hybrid else self.main

    @property
    def provenance(self) -> Provenance:
        """Where the showers of the generators come from."""
        return self.main.provenance

    @property
    def sizes(self) -> dict[str, dict[str, int]]:
        """Showers of each sample."""
        return {"main": self.main.sizes, "starts": self.starts.sizes}


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split[ShowerTable]:
    """Showers of a run, shuffled by the seed and cut into three.

    Raises:
        InputError: A file cannot be read or is of another data set, or there are too few showers.
    """
    found, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    test = read_showers(data.reference, data) if data.reference else data.test
    return _cut(found, provenance, data, test=test, seed=seed)


def read_showers(files: Sequence[Path], data: Data) -> ShowerTable:
    """The showers of some files, at most as many as the settings ask for."""
    source = calochallenge.open_showers(files, data.dataset)
    return _table(data.dataset, source.read(["energies", "showers"], 0, min(data.showers, len(source))))


def geant4_split(
    data: Data, settings: Geant4Sample, *, seed: int, workers: int, progress: bool
) -> Split[ShowerTable]:
    """Showers of the data set's particle from Geant4, cut as the other data.

    Raises:
        MissingExtraError: calzone is not installed.
    """
    how: dict[str, Any] = {"seed": seed, "workers": workers, "progress": progress}
    return _cut(*_geant4(data.dataset, settings, **how), data, test=data.test, seed=seed)


@dataclass(frozen=True)
class Geant4Chunk:
    """What a chunk of Geant4 showers depends on, besides its seed."""

    dataset: str
    highest: int


def geant4_chunk(settings: Geant4Chunk, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk, its energies drawn from the powers of two."""
    generator = np.random.default_rng(seed)
    energies = 2.0 ** generator.integers(8, settings.highest + 1, len(items))
    made = showers(settings.dataset, energies, generator=generator, engine="geant4")
    return {"energies": energies, "showers": made}


def gflash_showers(dataset: str, energies: Tensor, generator: torch.Generator) -> Tensor:
    """A GFLASH shower in MeV for each incident energy: what the hybrid starts from."""
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    made = showers(dataset, energies.double().cpu().numpy(), generator=np.random.default_rng(seed))
    return torch.from_numpy(made).to(energies.device)


def _load(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[ShowerTable, Provenance]:
    if data.path:
        files = (*data.path, *data.reference)
        return read_showers(data.path, data), Provenance.of_files(known_as(data), files)
    if data.engine == "geant4":
        wanted = Geant4Sample(data.showers, data.highest)
        return _geant4(data.dataset, wanted, seed=seed, workers=workers, progress=progress)
    settings = {"dataset": data.dataset, "showers": data.showers, "seed": seed}
    energies, made = shower_sample(data.dataset, data.showers, seed=seed, workers=workers, progress=progress)
    source = Provenance("stand-in", calochallenge.NAME, "GFLASH parametrisation", generator=settings)
    return _table(data.dataset, {"energies": energies, "showers": made}), source


def _geant4(
    dataset: Dataset, settings: Geant4Sample, *, seed: int, workers: int, progress: bool
) -> tuple[ShowerTable, Provenance]:
    """Showers kept in the cache; a stand-in, whatever the other data of a run are."""
    version = (_VERSION, *transport.version())
    of = Geant4Chunk(dataset, settings.highest)
    chunks = Chunks(geant4_chunk, of, settings.showers, _PER_CHUNK, seed, version)
    parts = run_chunks(chunks, workers=workers, progress=progress, label="Geant4 showers")
    made = {"dataset": dataset, "showers": settings.showers, "highest": settings.highest, "seed": seed}
    source = Provenance("stand-in", calochallenge.NAME, GEANT4, generator=made)
    return _table(
        dataset, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ), source


def _check(showers: int, highest: int) -> None:
    if showers < 1000 or not 8 <= highest <= 22:
        got = f"{showers}, {highest}"
        raise InputError(f"at least 1000 showers and a highest power from 8 to 22 expected: got {got}")


def _cut(
    table: ShowerTable, source: Provenance, data: Data, *, test: float | ShowerTable, seed: int
) -> Split[ShowerTable]:
    least = 200  # FPD needs them
    return cut(table, source, validation=data.validation, test=test, seed=seed, least=least, what="showers")


def known_as(data: Data) -> str:
    """ "CaloChallenge 2" if the files have the published names and numbers of showers, else "own showers"."""
    known = PUBLISHED_SETS[data.dataset]
    names = tuple(path.name for path in data.path), tuple(path.name for path in data.reference)
    if names != (known.train, known.test):
        return "own showers"
    files = [calochallenge.ShowerFile(path, geometry(data.dataset)) for path in (*data.path, *data.reference)]
    published = all(len(file) == known.showers for file in files)
    return f"CaloChallenge {data.dataset}" if published else "own showers"


def _table(dataset: Dataset, arrays: Arrays) -> ShowerTable:
    energies, showers = (
        torch.from_numpy(np.ascontiguousarray(arrays[name], dtype=kind))
        for name, kind in (("energies", np.float64), ("showers", np.float32))
    )
    return ShowerTable(geometry(dataset), energies, showers)
