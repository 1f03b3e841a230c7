"""QCD to train on, and the dark showers that only the evaluation opens."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from femtobarn.data.source import Source
from femtobarn.datasets import dark_showers
from femtobarn.datasets.dark_showers import QCD, TRAINING
from femtobarn.errors import InputError
from femtobarn.physics.event_images import occupied
from femtobarn.runs import Provenance
from femtobarn.study import Split, check_shares, cut, grouped

SIGNALS = (
    *(f"SUEP {mass} GeV" for mass in (125, 200, 300, 400, 700, 1000)),
    *(f"SVJ {mass} TeV" for mass in (2.1, 3.1, 4.1)),
)


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    files: tuple[Path, ...] = ()
    """A folder or files of images, named as the published ones; see femtobarn data dark_showers."""
    public: bool = True
    """Without files: the public sample, where FEMTOBARN_DATA holds it; else, or if false, a stand-in."""
    events: int = 1800
    """QCD events of the stand-in."""
    signals: tuple[str, ...] = SIGNALS
    """Signals of the stand-in."""
    signal_events: int = 200
    """Events of each signal."""
    pileup: tuple[float, float] = (0.0, 0.0)
    """Range of the mean number of collisions over an event of the stand-in; the published samples have 50."""
    validation: float = 0.25
    """Share of the QCD events to train on by which the best epoch is chosen."""
    test: float = 0.25
    """Share of QCD kept for the results, where the files do not say which events are."""
    mixture: float = 0.0
    """Signal added to what the Dirichlet autoencoder trains on: SUEP and semi-visible jets, this share of the QCD each.
    The published one had 0.01; it is then no search without labels, and these events leave the test samples."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.events < 50 or self.signal_events < 10 or not self.signals or not 0 <= self.mixture < 0.5:
            raise InputError(
                f"expected 50 events, 10 of each of some signals, a mixture below 0.5: got {self}"
            )


@dataclass(frozen=True)
class Sample:
    """Events as images and counts of tracks."""

    images: Float32[np.ndarray, "event 72 58 3"]
    tracks: Float64[np.ndarray, "event"]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Any) -> "Sample":
        """These events."""
        return Sample(self.images[rows], self.tracks[rows])

    @property
    def masks(self) -> Float32[np.ndarray, "event 1 72 58"]:
        """1 where there is a track: all that the networks see."""
        return (self.images[:, None, :, :, 0] > 0).astype(np.float32)


@dataclass(frozen=True)
class Events(Split[Sample]):
    """QCD in three samples; signals are read when they are asked for."""

    settings: Data
    seed: int
    workers: int
    known: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    def signals(self, *, progress: bool = False) -> dict[str, Sample]:
        """Dark showers by name, without those that were trained on. Nothing but the evaluation asks for them."""
        return {name: each.take(~taken) for name, (each, taken) in self._read(progress).items()}

    def mixed(self) -> Sample:
        """The signal that the Dirichlet autoencoder is trained with."""
        return joined([each.take(taken) for each, taken in self._read(progress=False).values()])

    def _read(self, progress: bool) -> dict[str, tuple[Sample, np.ndarray]]:
        """Every signal, and which of its events are in the mixture: of each family alike, at most half of them."""
        if self.known:
            found = {name: _of_files(paths) for name, paths in self.known.items()}
        else:
            made = functools.partial(_made, settings=self.settings, seed=self.seed, workers=self.workers)
            count = self.settings.signal_events
            found = {name: made(name, count, progress=progress) for name in self.settings.signals}
        draw, wanted = np.random.default_rng([self.seed, 7]), round(self.settings.mixture * len(self.train))
        taken: dict[str, np.ndarray] = {}
        for names in grouped(found, lambda name: name.split()[0]).values():
            total = sum(len(found[name]) for name in names)
            chosen = draw.permutation(total) < min(wanted, total // 2)
            ends = np.cumsum([len(found[name]) for name in names])[:-1]
            taken |= dict(zip(names, np.split(chosen, ends), strict=True))
        return {name: (each, taken[name]) for name, each in found.items()}


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Events:
    """The QCD events of a run.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    folder = dark_showers.published_folder() if settings.public else None
    if settings.files or folder:
        given = settings.files or (folder,)
        known = dark_showers.find_samples(given[0] if len(given) == 1 else given)  # type: ignore[arg-type]
        parts = {name: known.pop(name) for name in (TRAINING, QCD) if name in known}
        if not known:
            raise InputError(f"expected a file of a signal, got {', '.join(map(str, given))}")
        paths = [path for group in parts.values() for path in group]
        provenance = Provenance.of_files(dark_showers.NAME if folder else "own events", paths)
        qcd = _of_files(parts.get(TRAINING, parts.get(QCD, [])))
        test: Sample | float = _of_files(parts[QCD]) if len(parts) == 2 else settings.test
    else:
        made = functools.partial(_made, settings=settings, seed=seed, workers=workers, progress=progress)
        known, qcd, test = {}, made(QCD, settings.events), settings.test
        content = {"events": settings.events, "pileup": list(settings.pileup), "seed": seed}
        provenance = Provenance(
            "stand-in", dark_showers.NAME, "Pythia 8, pile-up, detector", generator=content
        )
    split = cut(qcd, provenance, validation=settings.validation, test=test, seed=seed)
    return Events(split.train, split.validation, split.test, provenance, settings, seed, workers, known)


def joined(samples: Sequence[Sample]) -> Sample:
    """One sample of several."""
    return Sample(
        np.concatenate([each.images for each in samples]), np.concatenate([each.tracks for each in samples])
    )


def sample_of(columns: Mapping[str, np.ndarray]) -> Sample:
    """A sample of the columns of `dark_showers`; without a count of tracks, of occupied pixels."""
    images = columns["image"].astype(np.float32)
    return Sample(images, np.asarray(columns.get("n_tracks", occupied(images)), np.float64))


def _of_files(paths: Sequence[Path]) -> Sample:
    return joined([_of_source(dark_showers.open_images(path)) for path in paths])


def _of_source(source: Source) -> Sample:
    wanted = [name for name in ("image", "n_tracks") if name in source.columns]
    return sample_of(source.read(wanted, 0, len(source)))


def _made(name: str, count: int, *, settings: Data, seed: int, workers: int, progress: bool) -> Sample:
    made = dark_showers.stand_in(
        name, count, seed=seed, pileup=settings.pileup, workers=workers, progress=progress
    )
    return _of_source(made)
