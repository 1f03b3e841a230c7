"""Events to work on: simulated noise and signals, or files in the published layout."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from femtobarn.datasets.gw_samples import NAME, read_samples
from femtobarn.errors import InputError
from femtobarn.evaluation.strain.search import Preparation
from femtobarn.runs import Provenance
from femtobarn.simulate import strain
from femtobarn.simulate.strain import Events, Strain
from femtobarn.study import Split, cut

NOISE, INJECTIONS = "noise", "injections"
BINS = ((5.0, 10.0), (10.0, 15.0), (15.0, 20.0))  #: of the signal-to-noise ratio
_PARTS = ("train", "validation", "test")
_CROP = 4.25  # s after the begin of an event of a file, where the part that is looked at begins


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    path: Path | None = None
    """HDF5 of whitened events in the published layout, instead of simulated ones."""
    real: bool = True
    """Judge the scores on the real strain, too, if FEMTOBARN_DATA has it."""
    strain: Strain = field(default_factory=Strain)
    preparation: Preparation = field(default_factory=Preparation)
    train: int = 1000
    """Noise events to train on, as many signals of each class for its supervised classifier."""
    validation: int = 400
    """Noise events to choose the epoch by, as many signals of each class."""
    test: int = 1200
    """Noise events for the results."""
    signals: int = 600
    """Test events of each class that is looked for; a quarter as many of BNS."""
    glitches: int = 200
    """Test events of each kind of glitch in one detector."""

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test, self.signals) < 20 or self.glitches < 1:
            raise InputError(f"expected 20 events to train, validate and test and some glitches, got {self}")


@dataclass(frozen=True)
class Problem:
    """Noise to learn and to test on, and where signals come from."""

    noise: Split[Events]
    signals: Callable[[str, str, int], Events]
    """Of (kind, part, count); the part is train, validation or test."""
    taught: tuple[str, ...] = ("BBH", "sine-Gaussian")
    """Classes of signals that a supervised classifier is trained on."""
    others: tuple[str, ...] = ("BNS",)
    """Kinds that are looked for besides."""
    glitches: tuple[str, ...] = strain.GLITCHES

    @property
    def provenance(self) -> Provenance:
        """Of the noise."""
        return self.noise.provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Noise events of each part."""
        return self.noise.sizes

    def tested(self, settings: Data) -> tuple[dict[str, Events], dict[str, Events]]:
        """Test events, noise first, each class in bins of its ratio where it is known; and glitches."""
        found = {NOISE: self.noise.test}
        for kind in self.taught:
            found |= strain.in_bins(kind, self.signals(kind, "test", settings.signals), BINS)
        found |= {kind: self.signals(kind, "test", settings.signals // 4) for kind in self.others}
        return found, {kind: self.signals(kind, "test", settings.glitches) for kind in self.glitches}


def load(settings: Data, *, seed: int) -> Problem:
    """The noise of a run; signals are made when they are asked for.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    if settings.path is not None:
        return _of_file(settings.path, settings, seed)
    make = functools.partial(_made, settings.strain, seed)
    train, validation, test = (make(NOISE, part, getattr(settings, part)) for part in _PARTS)
    provenance = Provenance("stand-in", "gw_strain", "Advanced LIGO as designed", generator={"seed": seed})
    return Problem(Split(train, validation, test, provenance), make)


def _made(settings: Strain, seed: int, kind: str, part: str, count: int) -> Events:
    places = (strain.KINDS.index(kind), _PARTS.index(part))
    return strain.events(kind, count, settings, generator=np.random.default_rng((seed, *places)))


def _of_file(path: Path, settings: Data, seed: int) -> Problem:
    """Noise is cut in three; so many injections are tested on, and a classifier learns from the rest."""
    start = round(_CROP * settings.strain.rate)
    stop = start + settings.strain.samples
    noise, injected = (
        _events(read_samples(path, f"{name}_samples", start=start, stop=stop))
        for name in ("noise", "injection")
    )
    total, test = settings.train + settings.validation + settings.test, settings.signals
    if len(noise) < total or len(injected) < 4 * test // 3:
        wanted, got = (
            f"{total} noise events and {4 * test // 3} injections",
            f"{len(noise)} and {len(injected)}",
        )
        raise InputError(
            f"{path}: expected {wanted}, got {got}: choose data.train, .validation, .test and .signals"
        )
    shares = [(getattr(settings, part) + 0.5) / total for part in ("validation", "test")]
    provenance, some = Provenance.of_files(NAME, [path]), noise.take(np.arange(total))
    split = cut(some, provenance, validation=shares[0], test=shares[1], seed=seed)
    unit = split.train.strain.std(axis=(0, 2), dtype=np.float64).astype(np.float32)[:, None]
    parts = [_events(each.strain / unit) for each in (split.train, split.validation, split.test)]
    ends = {
        "test": (0, test),
        "validation": (test, test + test // 6),
        "train": (test + test // 6, len(injected)),
    }

    def signals(kind: str, part: str, count: int) -> Events:  # noqa: ARG001 - there is one kind
        return _events(injected.take(np.arange(*ends[part])[:count]).strain / unit)

    return Problem(Split(parts[0], parts[1], parts[2], provenance), signals, (INJECTIONS,), (), ())


def _events(strains: np.ndarray) -> Events:
    return Events(strains, np.zeros((len(strains), 2)))  # their ratios are not known
