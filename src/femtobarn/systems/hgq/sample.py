"""The events of a run: jets, house numbers or muon tracks, from files or made on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.data.opening import check_distinct
from femtobarn.data.source import InMemory, Source
from femtobarn.datasets import jsc, muon_tgc, svhn
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.study import Split, check_shares

Task = Literal["jets", "svhn", "muon"]

#: Names of the inputs and of the classes or angles.
COLUMNS: dict[Task, tuple[str, str]] = {
    "jets": ("features", "label"),
    "svhn": ("image", "label"),
    "muon": ("hits", "angle"),
}

_NAMES = {"jets": "hls4ml jets", "svhn": "SVHN", "muon": "fake TGC"}
_PUBLISHED_JETS = (620_000, 830_000, 880_000)  # training files, OpenML's table, all files


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    task: Task = "jets"
    """Classify jets, classify house numbers, or measure the angle of muon tracks."""
    engine: Literal["generated", "mixture"] = "generated"
    """Stand-in where no files are given: that of the data set (jets from Pythia), or for jets a mixture of
    Gaussians in 16 features."""
    files: tuple[Path, ...] = ()
    """Files of the published data: hls4ml jets (HDF5), SVHN (.mat), fake TGC (HDF5)."""
    test_files: tuple[Path, ...] = ()
    """Files for the results alone; without them a share of the others is kept."""
    events: int = 40_000
    """Events of the stand-in, or of the files, at most."""
    validation: float = 0.15
    """Share of the events by which checkpoints are chosen."""
    test: float = 0.25
    """Share of the events kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.events < 500:
            raise InputError(f"at least 500 events are needed: got {self.events}")
        if self.engine == "mixture" and self.task != "jets":
            raise InputError("the mixture stands in for jets only: leave out --data.engine")


class Scale(NamedTuple):
    """What stands between a file and the network: x = (column - mean) / width, angle = offset + unit y."""

    mean: Tensor
    width: Tensor
    offset: float = 0.0
    unit: float = 1.0

    def apply(self, columns: np.ndarray) -> Tensor:
        """Inputs of the network."""
        return (torch.from_numpy(np.ascontiguousarray(columns)).float() - self.mean) / self.width


@dataclass(frozen=True)
class Events:
    """Inputs as the network takes them, and classes or scaled angles."""

    x: Float[Tensor, "event *shape"]
    y: Tensor
    scale: Scale

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray, /) -> "Events":
        """These events."""
        index = torch.from_numpy(rows)
        return Events(self.x[index], self.y[index], self.scale)


def load_split(data: Data, *, seed: int, workers: int, progress: bool) -> Split[Events]:
    """Events of a run, cut into three; inputs are scaled by the training events alone.

    Real jets are cut as in the published trainings (`jsc.published_split`), everything else by the seed.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    x, y, provenance = _load(data, seed=seed, workers=workers, progress=progress)
    count = len(x)
    if data.test_files:
        tx, ty = _read(data.task, open_files(data.task, data.test_files))
        x, y = np.concatenate((x, tx)), np.concatenate((y, ty))
        rest, test = np.arange(count), np.arange(count, len(x))
    elif data.files and data.task == "jets":
        rest, test = jsc.published_split(count)
    else:
        order = np.random.default_rng(seed).permutation(count)
        rest, test = np.split(order, [round(count * (1 - data.test))])
    rest = np.random.default_rng([seed, 1]).permutation(rest)
    train, validation = np.split(rest, [round(len(rest) - count * data.validation)])
    if min(len(train), len(validation), len(test)) < 50:
        raise InputError(
            f"too few events to train, validate and test: {len(train)}, {len(validation)}, {len(test)}"
        )
    scale = _scale(data.task, x[train], y[train])
    target = (
        torch.from_numpy((y - scale.offset) / scale.unit).float()
        if data.task == "muon"
        else torch.from_numpy(y)
    )
    events = Events(scale.apply(x), target, scale)
    return Split(events.take(train), events.take(validation), events.take(test), provenance)


def open_files(task: Task, files: Sequence[Path]) -> Source:
    """The data set's source of these files."""
    if task == "jets":
        return jsc.open_jets(files[0] if len(files) == 1 else files)  # which may be a folder
    if task == "svhn":
        return svhn.open_images(files)
    if len(files) != 1:
        raise InputError(f"expected one file of muon tracks, got {len(files)}")
    return muon_tgc.open_tracks(files[0])


def _read(task: Task, source: Source, *, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Input columns and classes or angles of a source."""
    columns = source.read(COLUMNS[task], 0, len(source) if limit is None else min(limit, len(source)))
    inputs, target = COLUMNS[task]
    return columns[inputs], columns[target]


def mixture(events: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five classes in 16 features: three Gaussians each, 30 % of the events twice as wide.

    All features matter equally, the worst case for bits of their own. The centres do not depend on the seed.
    """
    centres = 0.9 * np.random.default_rng(20).normal(size=(5, 3, 16))
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 5, events)
    width = np.where(generator.random(events) < 0.3, 2.0, 1.0)
    x = centres[label, generator.integers(0, 3, events)] + width[:, None] * generator.normal(
        size=(events, 16)
    )
    return x.astype(np.float32), label


def _load(
    data: Data, *, seed: int, workers: int, progress: bool
) -> tuple[np.ndarray, np.ndarray, Provenance]:
    name = _NAMES[data.task]
    if data.files:
        check_distinct([*data.files, *data.test_files])
        files = open_files(data.task, data.files)
        columns = _read(data.task, files, limit=data.events)
        whole = len(columns[0]) == len(files)
        name = name if whole and _is_published(data, len(files)) else f"own {data.task}"
        return *columns, Provenance.of_files(name, (*data.files, *data.test_files))
    source, engine = _stand_in(data, seed=seed, workers=workers, progress=progress)
    settings = {"events": data.events, "seed": seed}
    return *_read(data.task, source), Provenance("stand-in", name, engine, generator=settings)


def _stand_in(data: Data, *, seed: int, workers: int, progress: bool) -> tuple[Source, str]:
    """Events in place of published ones, and what makes them."""
    if data.engine == "mixture":
        columns = zip(COLUMNS["jets"], mixture(data.events, seed=seed), strict=True)
        return InMemory(dict(columns)), "mixture of Gaussians"
    if data.task == "jets":
        jets = jsc.stand_in(data.events, seed=seed, particles=1, workers=workers, progress=progress)
        return jets, "Pythia 8 and FastJet"
    if data.task == "svhn":
        return svhn.stand_in(data.events, seed=seed), "digits drawn from fonts"
    return muon_tgc.stand_in(data.events, seed=seed), "straight toy tracks"


def _is_published(data: Data, count: int) -> bool:
    """Whether files are the published ones, by their names and what they hold; anything else is the user's own."""
    if data.task == "jets":
        return count in _PUBLISHED_JETS and jsc.has_published_names(data.files)
    if data.task == "svhn":
        return svhn.is_published(data.files, count)
    return {path.name for path in data.files} == {muon_tgc.FILE}


def _scale(task: Task, x: np.ndarray, y: np.ndarray) -> Scale:
    if task == "jets":
        mean, width = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        return Scale(
            torch.from_numpy(mean).float(), torch.from_numpy(np.where(width > 0, width, 1.0)).float()
        )
    if task == "svhn":
        return Scale(torch.tensor(0.0), torch.tensor(255.0))
    # A power of two, so that hardware has the angle in mrad by moving the point.
    unit = 2.0 ** round(float(np.log2(y.std())))
    return Scale(torch.tensor(0.0), torch.tensor(1.0), float(np.round(y.mean())), unit)
