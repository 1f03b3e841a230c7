"""The jets of a run: from files in JetNet layout, from Pythia, or from the toy cascade."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch

from femtobarn.data.source import Source
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_jets import toy_jets
from femtobarn.systems.jet_generation.model import Jets

JetClass = Literal["g", "q", "t", "w", "z"]


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    engine: Literal["pythia", "toy"] = "pythia"
    """Generator of the stand-in, where no files are given."""
    files: tuple[Path, ...] = ()
    """Files in JetNet layout, such as g.hdf5, of one class."""
    jet_class: JetClass = "g"
    """Gluon, light quark, top, W or Z: the class of the stand-in, and what the files are called in tables."""
    jets: int = 40_000
    """Jets of the stand-in, or of the files, at most."""
    scheduler: str | None = None
    """Address of a Dask scheduler that makes the stand-in, instead of processes here."""
    particles: int = 30
    """Hardest particles kept of each jet."""
    validation: float = 0.25
    """Share of the jets by which the best checkpoint is chosen."""
    test: float = 0.25
    """Share of the jets kept for the results."""

    def __post_init__(self) -> None:
        if not (0 < self.test < 1 and 0 < self.validation < 1 and self.test + self.validation < 1):
            got = f"{self.validation}, {self.test}"
            raise InputError(f"shares in (0, 1) that leave some jets to train on expected: got {got}")
        if self.jets < 800 or self.particles < 1:
            got = f"{self.jets} jets of {self.particles} particles"
            raise InputError(f"at least 800 jets of 1 particle are needed: got {got}")


class Split(NamedTuple):
    """Three samples without a common jet."""

    train: Jets
    validation: Jets
    test: Jets
    provenance: Provenance


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split:
    """Jets of a run, shuffled by the seed and cut into three.

    Raises:
        InputError: A file cannot be read, or there are too few jets.
    """
    jets, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    count = len(jets.mask)
    ends = [int(count * share) for share in (1 - data.validation - data.test, 1 - data.test)]
    if min(ends[0], ends[1] - ends[0], count - ends[1]) < 200:  # FPD needs them
        raise InputError(f"too few jets to train, validate and test: {count}")
    rows = np.random.default_rng(seed).permutation(count)
    train, validation, test = (_take(jets, part) for part in np.split(rows, ends))
    return Split(train, validation, test, provenance)


def read_jets(source: Source, *, limit: int | None = None) -> Jets:
    """Jets of a source as tensors."""
    stop = len(source) if limit is None else min(limit, len(source))
    columns = source.read(["particles", "mask"], 0, stop)
    return _tensors(columns["particles"], columns["mask"])


def multiplicity(jets: Jets) -> torch.Tensor:
    """Particles of each jet."""
    return jets.mask.sum(dim=1)


def _load(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[Jets, Provenance]:
    if data.files:
        source = jetnet.open_jets(
            data.files[0] if len(data.files) == 1 else data.files, particles=data.particles
        )
        provenance = Provenance.of_files(jetnet.known_as(data.files), data.files)
        return read_jets(source, limit=data.jets), provenance
    settings = {"jet_class": data.jet_class, "jets": data.jets, "particles": data.particles, "seed": seed}
    if data.engine == "toy":
        generator = np.random.default_rng(seed)
        arrays = toy_jets(data.jet_class, data.jets, generator=generator, particles=data.particles)
        return _tensors(*arrays), Provenance("stand-in", "jetnet", "toy cascade", generator=settings)
    source = jetnet.stand_in(
        data.jet_class,
        data.jets,
        seed=seed,
        particles=data.particles,
        workers=workers,
        scheduler=data.scheduler,
        progress=progress,
    )
    return read_jets(source), Provenance("stand-in", "jetnet", "Pythia 8 and FastJet", generator=settings)


def _tensors(particles: np.ndarray, mask: np.ndarray) -> Jets:
    x = torch.from_numpy(np.ascontiguousarray(particles, dtype=np.float32))
    return Jets(x, torch.from_numpy(np.ascontiguousarray(mask, dtype=bool)))


def _take(jets: Jets, rows: Sequence[int] | np.ndarray) -> Jets:
    index = torch.as_tensor(rows)
    return Jets(jets.particles[index], jets.mask[index])
