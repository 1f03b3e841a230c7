"""The showers of a run: from files of the challenge, from GFLASH, or, for the hybrid, from Geant4."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from femtobarn.data.checksums import checksum
from femtobarn.data.source import Source
from femtobarn.datasets import calochallenge
from femtobarn.datasets.calochallenge import PUBLISHED_SETS
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.geant4 import transport
from femtobarn.simulate.showers.sample import shower_sample, showers
from femtobarn.systems.calo_challenge.model import Batch

Dataset = Literal["1-photons", "1-pions", "2", "3"]

_PER_CHUNK = 50
_VERSION = 1  # raise it when the same settings give other Geant4 showers


@dataclass(frozen=True)
class Data:
    """Which showers a run works on."""

    dataset: Dataset = "1-photons"
    """Geometry and particle."""
    path: tuple[Path, ...] = ()
    """Files in the layout of the challenge to train on; GFLASH if none are given."""
    reference: tuple[Path, ...] = ()
    """Files to judge by; if none are given, part of the showers above."""
    showers: int = 30_000
    """Showers of the stand-in, or at most from each of the two kinds of files."""
    validation: float = 0.12
    """Share of the showers by which the best checkpoint is chosen."""
    test: float = 0.34
    """Share of the showers kept for the results, where there are no files to judge by."""

    def __post_init__(self) -> None:
        if not (0 < self.test < 1 and 0 < self.validation < 1 and self.test + self.validation < 1):
            got = f"{self.validation}, {self.test}"
            raise InputError(f"shares in (0, 1) that leave some showers to train on expected: got {got}")
        if self.showers < 1000:
            raise InputError(f"at least 1000 showers are needed: got {self.showers}")


@dataclass(frozen=True)
class Geant4Sample:
    """Showers from Geant4 in the stand-in's calorimeter, at energies low enough to make thousands in minutes."""

    showers: int = 6000
    """How many."""
    highest: int = 12
    """Incident energies are 2^8 MeV to two to this power, in equal parts; 12 is 4 GeV."""

    def __post_init__(self) -> None:
        if self.showers < 1000 or not 8 <= self.highest <= 22:
            raise InputError(f"at least 1000 showers and a highest power from 8 to 22 expected: got {self}")


class Split(NamedTuple):
    """Three samples without a common shower."""

    train: Batch
    validation: Batch
    test: Batch
    provenance: Provenance


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split:
    """Showers of a run, shuffled by the seed and cut into three.

    Raises:
        InputError: A file cannot be read or is of another data set, or there are too few showers.
    """
    everything, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    if data.reference:
        test = read_showers(calochallenge.open_showers(data.reference, data.dataset), limit=data.showers)
        train, validation = cut(everything, (data.validation,), seed=seed)
    else:
        train, validation, test = cut(everything, (data.validation, data.test), seed=seed)
    return Split(train, validation, test, provenance)


def cut(everything: Batch, shares: Sequence[float], *, seed: int) -> list[Batch]:
    """What the shares leave over, then a part for each share, of showers in random order.

    Raises:
        InputError: A part is too small to be judged.
    """
    count = len(everything["energies"])
    sizes = [int(count * share) for share in shares]
    sizes = [count - sum(sizes), *sizes]
    if min(sizes) < 200:  # FPD needs them
        raise InputError(f"too few showers to train, validate and test: {count}")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(count))
    return [{name: x[rows] for name, x in everything.items()} for rows in torch.split(order, sizes)]


def read_showers(source: Source, *, limit: int | None = None) -> Batch:
    """Energies and showers of a source as tensors."""
    stop = len(source) if limit is None else min(limit, len(source))
    return _tensors(source.read(["energies", "showers"], 0, stop))


def geant4_showers(
    data: Data, settings: Geant4Sample, *, seed: int, workers: int, progress: bool
) -> tuple[Batch, Provenance]:
    """Showers of the data set's particle from Geant4, kept in the cache; a stand-in, whatever the other data are.

    Raises:
        MissingExtraError: calzone is not installed.
    """
    version = (_VERSION, *transport.version())
    of = Geant4Chunk(data.dataset, settings.highest)
    chunks = Chunks(geant4_chunk, of, settings.showers, _PER_CHUNK, seed, version)
    parts = run_chunks(chunks, workers=workers, progress=progress, label="Geant4 showers")
    made = {"dataset": data.dataset, "showers": settings.showers, "highest": settings.highest, "seed": seed}
    source = Provenance("stand-in", calochallenge.NAME, "Geant4", generator=made)
    return _tensors({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}), source


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


def _load(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[Batch, Provenance]:
    if data.path:
        found = read_showers(calochallenge.open_showers(data.path, data.dataset), limit=data.showers)
        both = (*data.path, *data.reference)
        files = {str(path): checksum(path) for path in both if path.is_file()}
        return found, Provenance("real", known_as(data), ", ".join(map(str, both)), files)
    settings = {"dataset": data.dataset, "showers": data.showers, "seed": seed}
    energies, made = shower_sample(data.dataset, data.showers, seed=seed, workers=workers, progress=progress)
    source = Provenance("stand-in", calochallenge.NAME, "GFLASH parametrisation", generator=settings)
    return _tensors({"energies": energies, "showers": made}), source


def known_as(data: Data) -> str:
    """ "CaloChallenge 2" if the files have the published names, else "own showers"."""
    known = PUBLISHED_SETS[data.dataset]
    names = tuple(path.name for path in data.path), tuple(path.name for path in data.reference)
    return f"CaloChallenge {data.dataset}" if names == (known.train, known.test) else "own showers"


def _tensors(arrays: Arrays) -> Batch:
    return {
        name: torch.from_numpy(np.ascontiguousarray(arrays[name], dtype=kind))
        for name, kind in (("energies", np.float64), ("showers", np.float32))
    }
