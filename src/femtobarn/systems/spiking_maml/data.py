"""Recordings of digits, cut before they are paired, and the two-digit classes that tasks are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from femtobarn.data.events import Binning, event_counts
from femtobarn.data.opening import check_memory
from femtobarn.datasets import n_mnist
from femtobarn.errors import InputError
from femtobarn.evaluation.digit_pairs import HARD, PUBLISHED, Pairing, Pairs, Recordings, classes_of
from femtobarn.runs import Provenance
from femtobarn.study import Split, check_shares, cut


@dataclass(frozen=True)
class Data:
    """Which recordings a run works on."""

    folder: Path | None = None
    """Folder of N-MNIST, with Train and perhaps Test; recordings are simulated without it."""
    images: Path | None = None
    """Images of MNIST to simulate recordings of; the digits of scikit-learn without it."""
    count: int = 1000
    """Simulated recordings."""
    steps: int = 18
    """Bins of time."""
    bin: int = 5700
    """Microseconds of a bin; 18 of 5.7 ms are the first saccade."""
    pairing: Pairing = "independent"
    """Both digits drawn independently, or as in the authors' code, where the left one is nearly always the first
    recording of its digit."""
    validation: float = 0.15
    """Share of the recordings of a digit by which the weights are chosen."""
    test: float = 0.3
    """Share kept for the results. If there is a folder Test, it is cut in the ratio of both instead."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        self.binning.check()
        if self.count < 200:
            raise InputError(f"expected 200 recordings or more, got {self.count}")

    @property
    def binning(self) -> Binning:
        """Of the events of one digit."""
        return Binning(self.steps, self.bin)


@dataclass(frozen=True)
class Tasks:
    """The classes to train, validate and test on, of each split."""

    by_split: Mapping[str, Split[Pairs]] = field(repr=False)
    provenance: Provenance
    seed: int

    @property
    def sizes(self) -> dict[str, int]:
        """Recordings of each sample."""
        split = self.by_split[PUBLISHED]
        return {name: len(getattr(split, name).recordings) for name in ("train", "validation", "test")}


def load(settings: Data, *, seed: int, progress: bool) -> Tasks:  # noqa: ARG001
    """The recordings, each in one of three samples, and the classes of both splits.

    Raises:
        InputError: A file cannot be read, or a digit has too few recordings.
    """
    train, own_test, provenance = _read(settings, seed)
    if own_test is None:
        samples = _by_digit(train, provenance, settings.validation, settings.test, seed)
    else:
        share = settings.validation / (settings.validation + settings.test)
        rest = _by_digit(own_test, provenance, share / 2, 1 - share, seed)
        samples = Split(train, _joined([rest.train, rest.validation]), rest.test, provenance)
    by_split = {}
    for split in (PUBLISHED, HARD):
        names = classes_of(split)
        pairs = {name: Pairs(getattr(samples, name), names[name], settings.pairing) for name in names}
        by_split[split] = Split(pairs["train"], pairs["validation"], pairs["test"], provenance)
    return Tasks(by_split, provenance, seed)


def _read(settings: Data, seed: int) -> tuple[Recordings, Recordings | None, Provenance]:
    if settings.folder is None:
        counts, label = n_mnist.stand_in(
            settings.count, images=settings.images, seed=seed, binning=settings.binning
        )
        content = {"count": settings.count, "seed": seed, "steps": settings.steps, "bin": settings.bin}
        name = str(settings.images.name) if settings.images else "digits of scikit-learn"
        provenance = Provenance(
            "stand-in", "events of " + name, "femtobarn.simulate.saccades", generator=content
        )
        return Recordings(counts, label, np.arange(len(label))), None, provenance
    train, test = settings.folder / "Train", settings.folder / "Test"
    samples = [n_mnist.list_recordings(train)] + ([n_mnist.list_recordings(test)] if test.is_dir() else [])
    folders = sorted({path.parent for files in samples for path, _ in files})
    provenance = replace(Provenance.of_files(n_mnist.NAME, folders), source=str(settings.folder))
    found = [_of_files(files, settings.binning, first=i * len(samples[0])) for i, files in enumerate(samples)]
    return found[0], found[1] if test.is_dir() else None, provenance


def _of_files(files: Sequence[tuple[Path, int]], binning: Binning, *, first: int) -> Recordings:
    check_memory(2 * len(files) * int(np.prod(binning.shape)), f"counts of {len(files)} recordings")
    counts = np.empty((len(files), *binning.shape), np.uint16)
    for place, (path, _) in enumerate(files):
        counts[place] = event_counts(n_mnist.read_recording(path), binning)
    return Recordings(counts, np.array([digit for _, digit in files]), first + np.arange(len(files)))


def _by_digit(
    every: Recordings, provenance: Provenance, validation: float, test: float, seed: int
) -> Split[Recordings]:
    """Every digit cut in the same shares."""
    parts = [
        cut(
            every.take(np.flatnonzero(every.label == digit)), provenance, validation=validation, test=test,
            seed=(seed, digit), least=2, what=f"recordings of the digit {digit}",
        )
        for digit in range(10)
    ]  # fmt: skip
    train, checked, rest = (
        _joined([getattr(p, name) for p in parts]) for name in ("train", "validation", "test")
    )
    return Split(train, checked, rest, provenance)


def _joined(parts: list[Recordings]) -> Recordings:
    return Recordings(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("counts", "label", "number"))
    )
