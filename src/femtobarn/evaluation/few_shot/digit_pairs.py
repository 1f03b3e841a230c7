"""Two-digit classes made of recordings of single digits, as in Double N-MNIST (arXiv:2201.10777)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt16
from torch import Tensor

from femtobarn.data.episodes import Episode, draw_episode
from femtobarn.data.events import Binning, event_counts
from femtobarn.data.opening import check_memory
from femtobarn.datasets import n_mnist
from femtobarn.runs import Provenance
from femtobarn.study import Split, cut

Pairing = Literal["independent", "reference"]
PUBLISHED, HARD = "published", "hard"  #: splits of the classes, see `classes_of`
_KEYS = 1000  # examples of a class that the reference draws from


@dataclass(frozen=True)
class Recordings:
    """Counts of single digits."""

    counts: UInt16[np.ndarray, "recording step 2 row column"]
    label: Int[np.ndarray, " recording"]
    number: Int[np.ndarray, " recording"]
    """Of the recording among all of the run."""

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: np.ndarray) -> "Recordings":
        """Some of the recordings."""
        return Recordings(self.counts[rows], self.label[rows], self.number[rows])


@dataclass(frozen=True)
class Pairs:
    """Two-digit classes of some recordings, class 10 a + b being digit a to the left of digit b."""

    recordings: Recordings
    classes: tuple[int, ...]
    pairing: Pairing = "independent"

    def __len__(self) -> int:
        return len(self.recordings)

    def take(self, rows: np.ndarray) -> "Pairs":
        """The same classes of some of the recordings."""
        return replace(self, recordings=self.recordings.take(rows))

    @property
    def shape(self) -> list[int]:
        """Of an input: steps, polarities, rows, columns."""
        *most, columns = self.recordings.counts.shape[1:]
        return [*most, 2 * columns]

    def draw(self, name: int, count: int, generator: np.random.Generator) -> Int[np.ndarray, "_ 2"]:
        """Rows of the left and of the right recordings of different examples of a class."""
        left, right = (np.flatnonzero(self.recordings.label == digit) for digit in divmod(name, 10))
        if self.pairing == "reference":
            key = generator.choice(min(_KEYS, len(left) * len(right)), count, replace=False)
            return np.stack((left[key // len(right)], right[key % len(right)]), axis=1)
        again = count > min(len(left), len(right))
        return np.stack([generator.choice(side, count, replace=again) for side in (left, right)], axis=1)

    def episodes(
        self, count: int, *, ways: int, shots: int, queries: int, seed: int | tuple[int, ...]
    ) -> Iterator[Episode]:
        """Tasks; examples are rows as `draw` gives them."""
        generator = np.random.default_rng(seed)
        for _ in range(count):
            yield draw_episode(
                self.draw, self.classes, ways=ways, shots=shots, queries=queries, generator=generator
            )

    def frames(self, rows: Int[np.ndarray, "_ 2"]) -> Float[Tensor, "_ step 2 row column"]:
        """Counts of pairs, side by side."""
        sides = [self.recordings.counts[rows[:, side]] for side in (0, 1)]
        return torch.from_numpy(np.concatenate(sides, axis=-1).astype(np.float32))


def classes_of(split: str) -> dict[str, tuple[int, ...]]:
    """Classes to train, validate and test on.

    In the published split all digits are in training pairs: a new pair is a new composition. In the hard one test pairs
    are made of the digits 7, 8 and 9, which no training or validation pair holds.
    """
    validation, test = (set(names) for names in (n_mnist.VALIDATION, n_mnist.TEST))
    if split == HARD:
        known = {name for name in range(100) if max(divmod(name, 10)) < 7}
        validation, train = validation & known, known - validation
        test = {name for name in range(100) if min(divmod(name, 10)) >= 7}
    else:
        train = set(range(100)) - validation - test
    return {
        name: tuple(sorted(some))
        for name, some in (("train", train), ("validation", validation), ("test", test))
    }


@dataclass(frozen=True)
class Tasks:
    """The classes to train, validate and test on, of each split."""

    by_split: Mapping[str, Split[Pairs]]
    provenance: Provenance
    seed: int

    @property
    def sizes(self) -> dict[str, int]:
        """Recordings of each sample."""
        split = self.by_split[PUBLISHED]
        return {name: len(getattr(split, name).recordings) for name in ("train", "validation", "test")}


def both_splits(samples: Split[Recordings], pairing: Pairing) -> dict[str, Split[Pairs]]:
    """The classes of both splits, made of recordings of the sample that they belong to."""
    found = {}
    for split in (PUBLISHED, HARD):
        names = classes_of(split)
        pairs = {name: Pairs(getattr(samples, name), names[name], pairing) for name in names}
        found[split] = Split(pairs["train"], pairs["validation"], pairs["test"], samples.provenance)
    return found


def by_digit(
    every: Recordings, provenance: Provenance, validation: float, test: float, seed: int
) -> Split[Recordings]:
    """Recordings in three samples, every digit cut in the same shares.

    Raises:
        InputError: Fewer than two recordings of a digit in one of the samples.
    """
    parts = [
        cut(
            every.take(np.flatnonzero(every.label == digit)), provenance, validation=validation, test=test,
            seed=(seed, digit), least=2, what=f"recordings of the digit {digit}",
        )
        for digit in range(10)
    ]  # fmt: skip
    train, checked, rest = (
        joined([getattr(p, name) for p in parts]) for name in ("train", "validation", "test")
    )
    return Split(train, checked, rest, provenance)


def joined(parts: Sequence[Recordings]) -> Recordings:
    """Recordings of several samples as one."""
    return Recordings(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("counts", "label", "number"))
    )


def read_digits(folder: Path, binning: Binning) -> tuple[Recordings, Recordings | None, Provenance]:
    """The recordings in the folders Train and Test of N-MNIST, the latter if it is there.

    Raises:
        InputError: A file cannot be read, or there is none in Train.
    """
    train, test = folder / "Train", folder / "Test"
    samples = [n_mnist.list_recordings(train)] + ([n_mnist.list_recordings(test)] if test.is_dir() else [])
    digits = sorted({path.parent for files in samples for path, _ in files})
    provenance = replace(Provenance.of_files(n_mnist.NAME, digits), source=str(folder))
    found = [_of_files(files, binning, first=i * len(samples[0])) for i, files in enumerate(samples)]
    return found[0], found[1] if len(found) > 1 else None, provenance


def simulated_digits(
    count: int, images: Path | None, binning: Binning, *, seed: int
) -> tuple[Recordings, Provenance]:
    """Simulated recordings of images of MNIST, or of the digits of scikit-learn.

    Raises:
        InputError: The images cannot be read, or are too few.
    """
    counts, label = n_mnist.stand_in(count, images=images, seed=seed, binning=binning)
    name = f"events of {images.name if images else 'the digits of scikit-learn'}"
    content = {"count": count, "seed": seed, "steps": binning.steps, "bin": binning.bin}
    provenance = Provenance("stand-in", name, "femtobarn.simulate.saccades", generator=content)
    return Recordings(counts, label, np.arange(count)), provenance


def _of_files(files: Sequence[tuple[Path, int]], binning: Binning, *, first: int) -> Recordings:
    check_memory(2 * len(files) * math.prod(binning.shape), f"counts of {len(files)} recordings")
    counts = np.empty((len(files), *binning.shape), np.uint16)
    for place, (path, _) in enumerate(files):
        counts[place] = event_counts(n_mnist.read_recording(path), binning)
    return Recordings(counts, np.array([digit for _, digit in files]), first + np.arange(len(files)))
