"""Two-digit classes made of recordings of single digits, as in Double N-MNIST (arXiv:2201.10777)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt16
from torch import Tensor

from femtobarn.data.episodes import Episode, draw_episode
from femtobarn.datasets import n_mnist

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
