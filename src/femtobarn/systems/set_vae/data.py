"""Jets of QCD to learn from, and jets of other origin to be found, which only the evaluation reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from femtobarn.datasets import jetclass
from femtobarn.datasets.jetclass import Jets
from femtobarn.errors import InputError, nearest
from femtobarn.runs import Provenance
from femtobarn.study import Split, check_shares, cut
from femtobarn.systems.set_vae import trigger
from femtobarn.systems.set_vae.trigger import ZERO_BIAS, Events, Trigger

QCD, DIJETS = "QCD", "dijets"
SIGNALS = tuple(name for name in jetclass.CLASSES if name != QCD)


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    folder: Path | None = None
    """JetClass: the folder that holds train_100M, val_5M and test_20M. Without it a stand-in is made."""
    jets: int = 12_000
    """Jets of QCD, at most."""
    signals: tuple[str, ...] = SIGNALS
    """What is to be found."""
    signal_jets: int = 500
    """Jets of each signal, at most."""
    dijets: int = 2000
    """Jets of gluons and quarks as a trigger meets them (stand-in only): for the rate, never trained on."""
    particles: int = 48
    """Hardest particles kept of each jet; 128 as published."""
    validation: float = 0.1
    """Share of the QCD jets by which the best epoch is chosen."""
    test: float = 0.34
    """Share of the QCD jets kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        for name in self.signals:
            if name not in SIGNALS:
                raise InputError(f"there is no signal {name!r}: {nearest(name, SIGNALS)}")
        if self.jets < 200 or self.signal_jets < 20 or self.particles < 2 or not self.signals:
            raise InputError(f"expected 200 jets of QCD, a signal, and 20 jets of each: got {self}")


@dataclass(frozen=True)
class Samples:
    """The background of a run, split; signals are read when they are asked for."""

    settings: Data
    trigger: Trigger
    seed: int
    workers: int
    qcd: Split[Jets]
    level1: Split[Events] | None

    @property
    def provenance(self) -> Provenance:
        """Where the jets come from."""
        return self.qcd.provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Jets of each sample of QCD."""
        return self.qcd.sizes

    def signals(self, *, progress: bool = False) -> dict[str, Jets]:
        """What is to be found, by name. Nothing but the evaluation asks for it."""
        settings, found = self.settings, {}
        for name in settings.signals:
            if settings.folder is None:
                found[name] = self._made(name, settings.signal_jets, progress)
            else:
                found[name] = _published(settings, settings.folder / "test_20M", name, settings.signal_jets)
        return found

    def dijets(self, *, progress: bool = False) -> tuple[Jets, float] | None:
        """Jets as a trigger meets them, and their cross section in pb; none beside files."""
        count = self.settings.dijets
        if self.settings.folder is not None or not count:
            return None
        jets = self._made(DIJETS, count, progress)
        return jets, jetclass.cross_section(DIJETS, count, seed=self.seed, workers=self.workers)

    def level1_signals(self, *, progress: bool = False) -> dict[str, Events]:
        """The signals among level-1 events. Nothing but the evaluation asks for them."""
        known = self.trigger.files[1:] or self.trigger.signals
        more: dict[str, Any] = {"seed": self.seed, "workers": self.workers, "progress": progress}
        return dict(trigger.read(self.trigger, 1 + place, **more) for place in range(len(known)))

    def _made(self, name: str, count: int, progress: bool) -> Jets:
        return _stand_in(self.settings, name, count, self.seed, self.workers, progress)


def load(settings: Data, level1: Trigger, *, seed: int, workers: int, progress: bool) -> Samples:
    """The jets of QCD of a run, and the background of its trigger.

    Raises:
        InputError: A file is missing or cannot be read, or there are too few jets or events.
    """
    crossings = None
    if level1.events:
        _, events = trigger.read(level1, 0, seed=seed, workers=workers, progress=progress)
        origin = Provenance("stand-in", ZERO_BIAS)
        crossings = cut(events, origin, validation=level1.validation, test=level1.test, seed=seed)
    shares = settings.validation, settings.test
    if settings.folder is None:
        jets = _stand_in(settings, QCD, settings.jets, seed, workers, progress)
        told = {"jets": settings.jets, "particles": settings.particles, "seed": seed}
        provenance = Provenance("stand-in", jetclass.NAME, "Pythia 8, detector, FastJet", generator=told)
        split = cut(jets, provenance, validation=shares[0], test=shares[1], seed=seed, what="jets")
        return Samples(settings, level1, seed, workers, split, crossings)
    folders = [settings.folder / name for name in ("train_100M", "val_5M", "test_20M")]
    provenance = Provenance.of_files("JetClass", [p for f in folders for p in jetclass.files_of(f, QCD)])
    counts = [int(settings.jets * share) for share in (1 - sum(shares), *shares)]
    train, validation, test = (
        _published(settings, folder, QCD, count) for folder, count in zip(folders, counts, strict=True)
    )
    return Samples(settings, level1, seed, workers, Split(train, validation, test, provenance), crossings)


def _stand_in(settings: Data, name: str, count: int, seed: int, workers: int, progress: bool) -> Jets:
    particles = settings.particles
    made = jetclass.stand_in(name, count, seed=seed, particles=particles, workers=workers, progress=progress)
    return Jets.of(made)


def _published(settings: Data, folder: Path, name: str, count: int) -> Jets:
    files = jetclass.files_of(folder, name)
    return Jets.of(jetclass.open_jets(files, particles=settings.particles), count)
