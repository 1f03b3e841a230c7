"""The jets of a run: from published files, from Pythia 8, or toys; their masses, and the split."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from femtobarn.data.source import Source
from femtobarn.datasets import top_tagging
from femtobarn.errors import InputError
from femtobarn.physics.resolved_mass import resolved_mass
from femtobarn.runs import Provenance
from femtobarn.simulate.toy_prongs import toy_prongs
from femtobarn.study import Split

_COLUMNS = ("momentum", "mask", "is_signal")


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    engine: Literal["pythia", "toy"] = "pythia"
    """Generator of the stand-in, used where no files are given."""
    files: tuple[Path, ...] = ()
    """Files of jets for training, validation and test, in this order, in a layout of `datasets.top_tagging`."""
    particles: int = 24
    """Number of hardest particles of each jet that the networks see."""
    train: int = 20_000
    """Maximum number of training jets."""
    validation: int = 4_000
    """Maximum number of validation jets, which choose the best epoch."""
    test: int = 16_000
    """Maximum number of test jets."""

    def __post_init__(self) -> None:
        if len(self.files) not in (0, 3):
            raise InputError(f"expected three files (training, validation, test), got {len(self.files)}")
        if min(self.train, self.validation, self.test) < 50 or self.particles < 2:
            raise InputError("expected at least 50 jets in each of the samples, of at least two particles")


@dataclass(frozen=True)
class Sample:
    """Jets, one row each, hardest particles first."""

    momentum: Float32[np.ndarray, "jet particle 4"]
    """(E, px, py, pz) in GeV."""
    mass: Float32[np.ndarray, "jet particle"]
    """Of each particle, GeV: computed before any boost, as it cannot be afterwards."""
    mask: Bool[np.ndarray, "jet particle"]
    """True for particles, false for padding."""
    is_signal: Bool[np.ndarray, "jet"]
    """True for tops."""

    def __len__(self) -> int:
        return len(self.mask)

    def take(self, rows: np.ndarray | slice) -> "Sample":
        """The jets of these rows."""
        return Sample(self.momentum[rows], self.mass[rows], self.mask[rows], self.is_signal[rows])

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Momentum, mass and mask, as every tagger takes them."""
        momentum, mass, mask = map(torch.from_numpy, (self.momentum, self.mass, self.mask))
        return momentum, mass, mask

    @property
    def table(self) -> dict[str, Tensor]:
        """The columns that training needs."""
        columns = dict(zip(("momentum", "mass", "mask"), self.inputs, strict=True))
        return columns | {"label": torch.from_numpy(self.is_signal.astype(np.int64))}


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split[Sample]:
    """The jets of a run.

    Raises:
        InputError: A file cannot be read, or a sample has not both kinds of jets.
    """
    sizes = (data.train, data.validation, data.test)
    if data.files:
        parts = [
            read_sample(path, data.particles, count) for path, count in zip(data.files, sizes, strict=True)
        ]
        provenance = _real(data.files)
    else:
        whole = _stand_in(data, seed=seed, workers=workers, progress=progress)
        ends = np.cumsum((0, *sizes))
        parts = [whole.take(slice(a, b)) for a, b in pairwise(ends)]
        source = "toy prongs" if data.engine == "toy" else "Pythia 8 and FastJet, no detector"
        settings = {"jets": sum(sizes), "particles": data.particles, "seed": seed}
        provenance = Provenance("stand-in", top_tagging.NAME, source=source, generator=settings)
    for name, part in zip(("training", "validation", "test"), parts, strict=True):
        if part.is_signal.all() or not part.is_signal.any():
            raise InputError(f"the {name} sample has jets of one kind only: both are needed")
    train, validation, test = parts
    return Split(train, validation, test, provenance)


def load_test(data: Data, *, seed: int, workers: int) -> Sample:
    """The test jets of a run alone; of published files the others are not read."""
    if data.files:
        return read_sample(data.files[2], data.particles, data.test)
    return load_split(data, seed=seed, workers=workers, progress=False).test


def read_sample(path: Path, particles: int, count: int) -> Sample:
    """The first jets of a file."""
    source = open_padded(path, particles)
    return from_arrays(source.read(_COLUMNS, 0, min(count, len(source))), particles)


def open_padded(path: Path, particles: int) -> Source:
    """Jets of a file with at most so many particles; a file that lists fewer gives what it has."""
    source = top_tagging.open_jets(path)
    listed = source.read(("mask",), 0, 1)["mask"].shape[1]
    return top_tagging.open_jets(path, particles=min(particles, listed))


def from_arrays(arrays: dict[str, np.ndarray], particles: int) -> Sample:
    """Columns as of `datasets.top_tagging`, padded to so many particles, with the masses computed."""
    room = [(0, 0), (0, particles - arrays["mask"].shape[1])]
    momentum = np.pad(arrays["momentum"].astype(np.float32), [*room, (0, 0)])
    mask = np.pad(arrays["mask"], room)
    return Sample(momentum, resolved_mass(momentum), mask, arrays["is_signal"].astype(bool))


def _stand_in(data: Data, *, seed: int, workers: int, progress: bool) -> Sample:
    count = data.train + data.validation + data.test
    if data.engine == "toy":
        columns = toy_prongs(count, particles=data.particles, generator=np.random.default_rng(seed))
        return from_arrays(dict(zip(_COLUMNS, columns, strict=True)), data.particles)
    source = top_tagging.stand_in(
        count, seed=seed, particles=data.particles, workers=workers, progress=progress
    )
    return from_arrays(source.read(_COLUMNS, 0, count), data.particles)


def _real(files: Sequence[Path]) -> Provenance:
    """The published set is known by its files' names and numbers of jets; anything else is the user's own."""
    name = top_tagging.NAME if top_tagging.is_published(files) else "own jets"
    return Provenance.of_files(name, files)
