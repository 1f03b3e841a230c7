"""Jets of QCD to learn from, and jets of other origin to be found, which only the evaluation reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from femtobarn.datasets import jetclass
from femtobarn.datasets.cms_l1_anomaly import Events
from femtobarn.datasets.jetclass import Jets
from femtobarn.errors import InputError
from femtobarn.evaluation.level1_scores import ZERO_BIAS
from femtobarn.runs import Provenance
from femtobarn.study import Split, cut
from femtobarn.systems.set_vae import trigger
from femtobarn.systems.set_vae.trigger import Trigger

VALIDATION, TEST = 0.1, 0.34  #: shares of the jets of QCD
QCD, DIJETS = "QCD", "dijets"


@dataclass(frozen=True)
class Data:
    """Which jets a run works on."""

    folder: Path | None = None
    """JetClass: the folder that holds train_100M, val_5M and test_20M. Without it a stand-in is made."""
    jets: int = 12_000
    """Jets of QCD, at most."""
    signals: tuple[jetclass.Signal, ...] = get_args(jetclass.Signal)
    """What is to be found."""
    signal_jets: int = 500
    """Jets of each signal, at most. Of the stand-in there are four times as many dijets, for the rate of a trigger."""
    particles: int = 48
    """Hardest particles kept of each jet; 128 as published."""

    def __post_init__(self) -> None:
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
    provenance: Provenance
    """Of the jets."""
    sizes: dict[str, int]
    """Jets of each sample of QCD."""

    def signals(self, *, progress: bool = False) -> dict[str, Jets]:
        """What is to be found, by name. Nothing but the evaluation asks for it."""
        count, folder = self.settings.signal_jets, self.settings.folder and self.settings.folder / "test_20M"
        return {name: self._jets(folder, name, count, progress) for name in self.settings.signals}

    def dijets(self, *, progress: bool = False) -> tuple[Jets, float] | None:
        """Jets as a trigger meets them, never trained on, and their cross section in pb; none beside files."""
        if self.settings.folder is not None:
            return None
        count = 4 * self.settings.signal_jets
        section = jetclass.cross_section(DIJETS, count, seed=self.seed, workers=self.workers)
        return self._jets(None, DIJETS, count, progress), section

    def level1_signals(self, *, progress: bool = False) -> dict[str, Events]:
        """The signals among level-1 events. Nothing but the evaluation asks for them."""
        known = self.trigger.files[1:] or self.trigger.signals
        more: dict[str, Any] = {"seed": self.seed, "workers": self.workers, "progress": progress}
        return dict(trigger.read(self.trigger, 1 + place, **more) for place in range(len(known)))

    def _jets(self, folder: Path | None, name: str, count: int, progress: bool) -> Jets:
        more: dict[str, Any] = {"seed": self.seed, "workers": self.workers, "progress": progress}
        return jetclass.sample(folder, name, count, particles=self.settings.particles, **more)


def load(settings: Data, level1: Trigger, *, seed: int, workers: int, progress: bool) -> Samples:
    """The jets of QCD of a run, and the background of its trigger.

    Raises:
        InputError: A file is missing or cannot be read, or there are too few jets or events.
    """
    more: dict[str, Any] = {"seed": seed, "workers": workers, "progress": progress}
    crossings = None
    if level1.events:
        events = trigger.read(level1, 0, **more)[1]
        origin = Provenance("stand-in", ZERO_BIAS)
        crossings = cut(events, origin, validation=trigger.VALIDATION, test=trigger.TEST, seed=seed)
    particles = settings.particles
    if settings.folder is None:
        jets = jetclass.sample(None, QCD, settings.jets, particles=particles, **more)
        content = {"jets": settings.jets, "particles": particles, "seed": seed}
        origin = Provenance("stand-in", jetclass.NAME, "Pythia 8, detector, FastJet", generator=content)
        split = cut(jets, origin, validation=VALIDATION, test=TEST, seed=seed, what="jets")
    else:
        counts = {"train_100M": 1 - VALIDATION - TEST, "val_5M": VALIDATION, "test_20M": TEST}
        files = [path for name in counts for path in jetclass.files_of(settings.folder / name, QCD)]
        train, validation, test = (
            jetclass.sample(
                settings.folder / name, QCD, int(part * settings.jets), particles=particles, **more
            )
            for name, part in counts.items()
        )
        split = Split(train, validation, test, Provenance.of_files("JetClass", [*files, *level1.files]))
    return Samples(settings, level1, seed, workers, split, crossings, split.provenance, split.sizes)
