"""Recordings of digits, cut before they are paired, and the two-digit classes that tasks are made of."""

from dataclasses import dataclass
from pathlib import Path

from femtobarn.data.events import Binning
from femtobarn.errors import InputError
from femtobarn.evaluation.few_shot import digit_pairs
from femtobarn.evaluation.few_shot.digit_pairs import Pairing, Tasks
from femtobarn.study import Split, check_shares


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


def load(settings: Data, *, seed: int) -> Tasks:
    """The recordings, each in one of three samples, and the classes of both splits.

    Raises:
        InputError: A file cannot be read, or a digit has too few recordings.
    """
    if settings.folder is not None:
        train, own_test, provenance = digit_pairs.read_digits(settings.folder, settings.binning)
    else:
        train, provenance = digit_pairs.simulated_digits(
            settings.count, settings.images, settings.binning, seed=seed
        )
        own_test = None
    if own_test is None:
        samples = digit_pairs.by_digit(train, provenance, settings.validation, settings.test, seed)
    else:
        share = settings.validation / (settings.validation + settings.test)
        rest = digit_pairs.by_digit(own_test, provenance, share / 2, 1 - share, seed)
        samples = Split(train, digit_pairs.joined([rest.train, rest.validation]), rest.test, provenance)
    return Tasks(digit_pairs.both_splits(samples, settings.pairing), provenance, seed)
