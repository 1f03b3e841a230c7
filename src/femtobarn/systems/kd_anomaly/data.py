"""What is normal, what the students are shown besides, and what is to be found: trigger regions or images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from femtobarn.data.source import InMemory
from femtobarn.datasets import calo_regions, mnist
from femtobarn.errors import InputError
from femtobarn.nn.distilled import Task
from femtobarn.runs import Provenance
from femtobarn.simulate.textures import textures

Inputs = Float32[np.ndarray, "_ row column"]
ZERO_BIAS = "zero bias"


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    task: Task = "regions"
    """Level-1 calorimeter regions, or images with one class taken as normal."""
    files: tuple[Path, ...] = ()
    """Regions: a file of background, then one of each signal, named after it. Images: a file of images, its labels
    beside it. Without files a stand-in is made."""
    events: int = 12_000
    """Background events of the stand-in of regions."""
    signals: tuple[calo_regions.Sample, ...] = ("SUEP", "top pairs")
    """Signals of the stand-in of regions."""
    signal_events: int = 1500
    """Events of each."""
    pileup: tuple[float, float] = (20.0, 60.0)
    """Range of the mean number of collisions in a crossing of the stand-in."""
    digits: tuple[int, ...] = (0, 5, 8)
    """Images: the classes that are taken as normal in turn."""
    foreign: int = 2000
    """Foreign inputs that students are shown in training: images of textures, or regions of two crossings added
    up and put in random order."""
    validation: float = 0.1
    """Share of the normal events by which the best epoch is chosen."""
    test: float = 0.4
    """Share of the normal events kept for the results."""

    def __post_init__(self) -> None:
        if not (0 < self.test < 1 and 0 < self.validation < 1 and self.test + self.validation < 1):
            raise InputError(f"shares in (0, 1) expected: got {self.validation} and {self.test}")
        if self.events < 200 or self.signal_events < 20 or self.foreign < 20 or not self.digits:
            raise InputError(
                f"expected 200 events, 20 of each signal, 20 foreign ones and a digit: got {self}"
            )


@dataclass(frozen=True)
class Problem:
    """Normal events of one kind, and foreign ones that are neither normal nor the signal."""

    train: Inputs
    validation: Inputs
    test: Inputs
    foreign: Inputs
    """Shown to students in training; the last fifth in validation."""
    pileup: Float32[np.ndarray, "event"] | None = None
    """Mean number of collisions of the test events, where it is known."""


@dataclass(frozen=True)
class Problems:
    """All problems of a run by name; signals are read when they are asked for."""

    settings: Data
    seed: int
    workers: int
    by_name: Mapping[str, Problem]
    provenance: Provenance
    images: InMemory | None = field(default=None, repr=False)

    @property
    def sizes(self) -> dict[str, int]:
        """Normal events of each part of the sample."""
        parts = ("train", "validation", "test", "foreign")
        return {part: sum(len(getattr(p, part)) for p in self.by_name.values()) for part in parts}

    def signals(self, name: str, *, progress: bool = False) -> dict[str, Inputs]:
        """What is to be found in a problem, by name. Nothing but the evaluation asks for it."""
        if self.images is not None:
            return {"other digits": self._other_digits(int(name.removeprefix("digit ")))}
        if self.settings.files:
            return {path.stem: _regions(path)[0] for path in self.settings.files[1:]}
        found: dict[str, Inputs] = {}
        for signal in self.settings.signals:
            source = calo_regions.stand_in(
                signal, self.settings.signal_events, seed=self.seed, pileup=self.settings.pileup,
                workers=self.workers, progress=progress,
            )  # fmt: skip
            found[signal] = source.read(["regions"], 0, len(source))["regions"].astype(np.float32)
        return found

    def _other_digits(self, digit: int) -> Inputs:
        """As many images of the other classes as there are normal ones in the test sample."""
        assert self.images is not None
        image, label = _images(self.images)
        others = np.flatnonzero(label != digit)
        count = min(len(self.by_name[f"digit {digit}"].test), len(others))
        return image[np.random.default_rng([self.seed, digit]).choice(others, count, replace=False)]


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Problems:
    """The normal events of a run.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    if settings.task == "images":
        path = settings.files[0] if settings.files else None
        source = mnist.open_images(path) if path else mnist.stand_in()
        provenance = (
            Provenance.of_files("own images", [path])
            if path
            else Provenance("stand-in", mnist.NAME, "digits of scikit-learn, enlarged")
        )
        image, label = _images(source)
        foreign = textures(settings.foreign, generator=np.random.default_rng([seed, 1]))
        cases = {f"digit {d}": _problem(image[label == d], foreign, settings, seed) for d in settings.digits}
        return Problems(settings, seed, workers, cases, provenance, source)
    if settings.files:
        regions, pileup = _regions(settings.files[0])
        provenance = Provenance.of_files("own regions", settings.files[:1])
    else:
        made = calo_regions.stand_in(
            ZERO_BIAS, settings.events, seed=seed, pileup=settings.pileup, workers=workers, progress=progress
        )
        columns = made.read(["regions", "pileup"], 0, len(made))
        regions, pileup = columns["regions"].astype(np.float32), columns["pileup"]
        told = {"events": settings.events, "pileup": list(settings.pileup), "seed": seed}
        provenance = Provenance("stand-in", calo_regions.NAME, "Pythia 8, pile-up, detector", generator=told)
    case = _problem(regions, None, settings, seed, pileup)
    return Problems(settings, seed, workers, {ZERO_BIAS: case}, provenance)


def _problem(
    normal: Inputs, foreign: Inputs | None, settings: Data, seed: int, pileup: np.ndarray | None = None
) -> Problem:
    count = len(normal)
    ends = [int(count * share) for share in (1 - settings.validation - settings.test, 1 - settings.test)]
    rows = np.split(np.random.default_rng(seed).permutation(count), ends)
    if min(map(len, rows)) < 10:
        raise InputError(f"too few normal events to train, validate and test: {count}")
    train, validation, test = (normal[each] for each in rows)
    if foreign is None:  # of training events only, so that no test event is in it
        foreign = _crowded(train, settings.foreign, np.random.default_rng([seed, 1]))
    return Problem(train, validation, test, foreign, None if pileup is None else pileup[rows[2]])


def _crowded(regions: Inputs, count: int, draw: np.random.Generator) -> Inputs:
    """Sums of two crossings, the regions of each in random order: energy where a crossing does not have it."""
    pairs = regions[draw.integers(len(regions), size=(count, 2))].reshape(count, 2, -1)
    mixed: Inputs = draw.permuted(pairs, axis=2).sum(axis=1).reshape(count, *regions.shape[1:])
    return np.minimum(mixed, 1023.0).astype(np.float32)


def _images(source: InMemory) -> tuple[Inputs, np.ndarray]:
    columns = source.read(["image", "label"], 0, len(source))
    return (columns["image"] / 255).astype(np.float32), columns["label"]


def _regions(path: Path) -> tuple[Inputs, np.ndarray | None]:
    source = calo_regions.open_regions(path)
    known = [name for name in ("regions", "pileup") if name in source.columns]
    columns = source.read(known, 0, len(source))
    return columns["regions"].astype(np.float32), columns.get("pileup")
