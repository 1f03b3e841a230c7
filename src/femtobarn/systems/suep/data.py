"""Images of whole events to work on: the public sample, the stand-in, or a user's files; signals are read last."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femtobarn.data.sparse_images import SparseImages, joined_images
from femtobarn.datasets import dark_showers
from femtobarn.datasets.dark_showers import QCD, TRAINING, Produced
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.dark_images import suep_name
from femtobarn.study import Split, check_shares, cut

PUBLIC, STAND_IN, OWN = "public sample", "stand-in", "own files"
PILE_UP = (0.0, 60.0)  #: range of the mean number of collisions over which the mistag is shown


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    path: tuple[Path, ...] = ()
    """Files of images, coarse (.npz) or fine (.h5), or a folder of them; those of QCD begin with qcd."""
    public: bool = True
    """Without files: judge the public sample beside the stand-in, if FEMTOBARN_DATA has it."""
    fine: bool = False
    """Take the images of HDF5 files as they are, 286 x 360 pixels, without summing 5 x 5 of them."""
    events: int = 3000
    """QCD events of the stand-in."""
    masses: tuple[float, ...] = (125.0, 200.0, 300.0, 400.0, 700.0, 1000.0)
    """Masses of the scalars of the stand-in, GeV."""
    signal_events: int = 250
    """Events of each signal of the stand-in."""
    pileup: float = 50.0
    """Mean number of collisions laid over an event of the stand-in."""
    pileup_events: int = 1000
    """QCD events with a pile-up of 0 to 60, on which the mistag is shown against it; 0 for none."""
    validation: float = 0.1
    """Share of the QCD events by which the best epoch is chosen."""
    test: float = 0.5
    """Share of the QCD events kept for the results. The public sample is cut anew: its own 337 test events are too few
    for a threshold at 2 %."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.events < 100 or self.signal_events < 10 or not self.masses or self.pileup_events < 0:
            raise InputError(f"expected 100 QCD events, 10 of each signal and a mass: got {self}")


@dataclass(frozen=True)
class Problem:
    """QCD to learn and to test on; signals and more, which nothing but the evaluation asks for."""

    split: Split[SparseImages]
    signals: Callable[[], dict[str, SparseImages]]
    production: Callable[[], dict[str, Produced]] = dict
    """How the stand-in was produced, by sample; nothing for files."""
    crowded: Callable[[], SparseImages | None] = lambda: None
    """QCD of the stand-in with pile-up from 0 to 60."""


@dataclass(frozen=True)
class Problems:
    """All samples of a run by name; the provenance is that of the first."""

    by_name: Mapping[str, Problem]
    provenance: Provenance
    pileup: tuple[float, float]
    """Of the stand-in."""

    @property
    def splits(self) -> dict[str, Split[SparseImages]]:
        """What is trained on, by sample: all that a training is given."""
        return {name: problem.split for name, problem in self.by_name.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """QCD events of each part."""
        sizes = [split.sizes for split in self.splits.values()]
        return {part: sum(each[part] for each in sizes) for part in sizes[0]}


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Problems:
    """QCD events of a run, no signal.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    if settings.path:
        found = {OWN: _of_files(settings.path, settings, seed)}
    else:
        folder = dark_showers.published_folder() if settings.public else None
        found = {PUBLIC: _of_files((folder,), settings, seed)} if folder else {}
        make = functools.partial(dark_showers.produced, workers=workers, progress=progress)
        found[STAND_IN] = _stand_in(settings, seed, make)
    pileup = (settings.pileup, settings.pileup)
    return Problems(found, next(iter(found.values())).split.provenance, pileup)


def _of_files(paths: Sequence[Path], settings: Data, seed: int) -> Problem:
    samples = dark_showers.find_samples(paths[0] if len(paths) == 1 and paths[0].is_dir() else paths)
    background = [path for name in (TRAINING, QCD) for path in samples.pop(name, [])]

    def read(files: Sequence[Path]) -> SparseImages:
        sources = [dark_showers.open_images(path, fine=settings.fine) for path in files]
        return joined_images([SparseImages.of_source(each) for each in sources])

    provenance = Provenance.of_files(dark_showers.NAME, background)
    split = cut(read(background), provenance, validation=settings.validation, test=settings.test, seed=seed)
    return Problem(split, lambda: {name: read(files) for name, files in samples.items()})


def _stand_in(settings: Data, seed: int, make: Any) -> Problem:
    pileup = (settings.pileup, settings.pileup)
    sizes = {QCD: settings.events} | {suep_name(mass): settings.signal_events for mass in settings.masses}

    def production() -> dict[str, Produced]:
        return {name: make(name, count, seed=seed, pileup=pileup) for name, count in sizes.items()}

    def crowded() -> SparseImages | None:
        if not settings.pileup_events:
            return None
        made = make(QCD, settings.pileup_events, seed=seed + 1, pileup=PILE_UP)
        return SparseImages.of_source(made.events)

    content = {"events": sizes, "pileup": settings.pileup, "HT": dark_showers.HT, "seed": seed}
    provenance = Provenance("stand-in", dark_showers.NAME, "Pythia 8, pile-up, detector", generator=content)
    events = SparseImages.of_source(make(QCD, settings.events, seed=seed, pileup=pileup).events)
    split = cut(events, provenance, validation=settings.validation, test=settings.test, seed=seed)

    def signals() -> dict[str, SparseImages]:
        return {n: SparseImages.of_source(each.events) for n, each in production().items() if n != QCD}

    return Problem(split, signals, production, crowded)
