"""What is normal, what the students are shown besides, and what is to be found: trigger regions or images."""

import functools
from collections.abc import Callable, Mapping, Sequence
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
from femtobarn.study.split import check_shares

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
    """Events of each signal of the stand-in."""
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
        check_shares(self.validation, self.test)
        if self.events < 200 or self.signal_events < 20 or self.foreign < 20 or not self.digits:
            raise InputError(
                f"expected 200 events, 20 of each signal and of foreign ones, a digit: got {self}"
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
    """All problems of a run by name."""

    by_name: Mapping[str, Problem]
    signals: Callable[[str], dict[str, Inputs]] = field(repr=False)
    """Reads what is to be found in a problem, by name of the signal; nothing but the evaluation calls it."""
    provenance: Provenance
    seed: int

    @property
    def sizes(self) -> dict[str, int]:
        """Normal events of each part of the sample."""
        parts = ("train", "validation", "test", "foreign")
        return {part: sum(len(getattr(p, part)) for p in self.by_name.values()) for part in parts}


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Problems:
    """The normal events of a run.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    if settings.task == "images":
        return _digits(settings, seed)
    if settings.files:
        regions, pileup = _regions(calo_regions.open_regions(settings.files[0]))
        provenance = Provenance.of_files("own regions", settings.files[:1])
        signals: Callable[[str], dict[str, Inputs]] = functools.partial(_of_files, settings.files[1:])
    else:
        make = functools.partial(
            calo_regions.stand_in, seed=seed, pileup=settings.pileup, workers=workers, progress=progress
        )
        regions, pileup = _regions(make(ZERO_BIAS, settings.events))
        content = {"events": settings.events, "pileup": list(settings.pileup), "seed": seed}
        how = "Pythia 8, pile-up, detector"
        provenance = Provenance("stand-in", calo_regions.NAME, how, generator=content)
        signals = functools.partial(_simulated, make, settings)
    draw = np.random.default_rng([seed, 1])
    foreign = functools.partial(calo_regions.crowded, count=settings.foreign, generator=draw)
    case = _problem(regions, foreign, settings, seed, pileup)
    return Problems({ZERO_BIAS: case}, signals, provenance, seed)


def _digits(settings: Data, seed: int) -> Problems:
    """Each digit as what is normal; as many images of the others as there are normal ones in its test sample."""
    if settings.files:
        path = settings.files[0]
        source, provenance = mnist.open_images(path), Provenance.of_files("own images", [path])
    else:
        source = mnist.stand_in()
        provenance = Provenance("stand-in", mnist.NAME, "digits of scikit-learn, enlarged")
    columns = source.read(["image", "label"], 0, len(source))
    image, label = (columns["image"] / 255).astype(np.float32), columns["label"]
    foreign = textures(settings.foreign, generator=np.random.default_rng([seed, 1]))
    cases, others = {}, {}
    for digit in settings.digits:
        case = _problem(image[label == digit], lambda _: foreign, settings, seed)
        rows = np.flatnonzero(label != digit)
        count = min(len(case.test), len(rows))
        chosen = np.random.default_rng([seed, digit]).choice(rows, count, replace=False)
        cases[f"digit {digit}"], others[f"digit {digit}"] = case, {"other digits": image[chosen]}
    return Problems(cases, others.__getitem__, provenance, seed)


def _problem(
    normal: Inputs, foreign: Callable[[Inputs], Inputs], settings: Data, seed: int, pileup: np.ndarray | None = None
) -> Problem:  # fmt: skip
    count = len(normal)
    ends = [int(count * share) for share in (1 - settings.validation - settings.test, 1 - settings.test)]
    rows = np.split(np.random.default_rng(seed).permutation(count), ends)
    if min(map(len, rows)) < 10:
        raise InputError(f"too few normal events to train, validate and test: {count}")
    train, validation, test = (normal[each] for each in rows)
    # Foreign inputs are made of training events only, so that no test event is in them.
    return Problem(train, validation, test, foreign(train), None if pileup is None else pileup[rows[2]])


def _of_files(paths: Sequence[Path], _: str) -> dict[str, Inputs]:
    return {path.stem: _regions(calo_regions.open_regions(path))[0] for path in paths}


def _simulated(make: Callable[[str, int], InMemory], settings: Data, _: str) -> dict[str, Inputs]:
    return {signal: _regions(make(signal, settings.signal_events))[0] for signal in settings.signals}


def _regions(source: InMemory) -> tuple[Inputs, np.ndarray | None]:
    known = [name for name in ("regions", "pileup") if name in source.columns]
    columns = source.read(known, 0, len(source))
    return columns["regions"].astype(np.float32), columns.get("pileup")
