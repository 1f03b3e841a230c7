"""The small autoencoder of a level-1 trigger: its events, its training, its bits, and what it finds at which rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from femtobarn.data.source import Source
from femtobarn.datasets import adc2021, cms_l1_anomaly
from femtobarn.datasets.cms_l1_anomaly import Events
from femtobarn.engine import TensorTable, Training
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_table import labels
from femtobarn.evaluation.level1_scores import ZERO_BIAS, level1_table
from femtobarn.evaluation.scores import Scored
from femtobarn.nn import trigger_vae as nets
from femtobarn.nn.quantised import CostedLoss
from femtobarn.nn.trigger_vae import TriggerLoss, TriggerVae, input_scale
from femtobarn.runs import Result, Run
from femtobarn.study import Design, Split, Trained, Writing, design_rows, write_designs

MODEL, BITS = "trigger VAE", "trigger VAE, trained bits"
VALIDATION, TEST = 0.1, 0.5  #: shares of the background
_DIVERGENCE, _BUNCHES = 0.01, 2500  # weight in the loss; colliding ones behind a rate


@dataclass(frozen=True)
class Trigger:
    """Level-1 events, and the autoencoder that is trained on them."""

    files: tuple[Path, ...] = ()
    """A file or folder of background, then one of each signal, named after it: ADC2021 (.h5) or the anomaly files of
    CMS (.parquet). Without files a stand-in is made."""
    events: int = 4000
    """Background events, at most; 0 leaves the trigger out."""
    signals: tuple[cms_l1_anomaly.Sample, ...] = ("top pairs", "SUEP", "H to 4 leptons")
    """Signals of the stand-in."""
    signal_events: int = 300
    """Events of each signal, at most."""
    pileup: tuple[float, float] = (20.0, 60.0)
    """Range of the mean number of collisions in a crossing of the stand-in."""
    train: Training = field(default_factory=lambda: Training(epochs=40, batch=100, lr=3e-3, clip=1.0))
    """Training in floating point, and once more in fixed point."""
    betas: tuple[float, ...] = (1e-6, 1e-5)
    """Prices of an effective bit operation, in units of the score, at which the score is taught to fixed point."""
    hardware: Writing = field(default_factory=Writing)

    def __post_init__(self) -> None:
        if self.events and (self.events < 200 or self.signal_events < 20 or min(self.betas, default=1) <= 0):
            raise InputError(f"expected 200 events or none, 20 of each signal, prices above 0: got {self}")


def read(settings: Trigger, index: int, *, seed: int, workers: int, progress: bool) -> tuple[str, Events]:
    """Name and events of the background (0) or of a signal (1, 2 ...)."""
    count = settings.signal_events if index else settings.events
    if settings.files:
        path = settings.files[index]
        return path.stem if index else ZERO_BIAS, Events.of(open_events(path), count)
    name = (ZERO_BIAS, *settings.signals)[index]
    more: dict[str, Any] = {"pileup": settings.pileup, "workers": workers, "progress": progress}
    return name, Events.of(cms_l1_anomaly.stand_in(name, count, seed=seed, **more), count)


def open_events(path: Path) -> Source:
    """Events of a file of either published data set."""
    return adc2021.open_events(path) if path.suffix == ".h5" else cms_l1_anomaly.open_events(path)


def lesson(events: Split[Events], beta: float, taught: Any) -> tuple[nn.Module, Any, list[TensorTable]]:
    """The network to train, its objective, and events to train and choose by.

    Taught by a network in floating point, it is the circuit of its score and learns that score.
    """
    objects = [torch.from_numpy(each.objects) for each in (events.train, events.validation)]
    if taught is None:
        tables = [TensorTable({"objects": each}) for each in objects]
        return TriggerVae(input_scale(objects[0])), TriggerLoss(_DIVERGENCE), tables
    with torch.no_grad():
        tables = [TensorTable({"x": taught.scaled(each), "score": taught(each)}) for each in objects]
    model = nets.score_in_fixed_point(taught, tables[0].columns["x"][:2000])
    return model, CostedLoss(nets.score_difference, beta=beta), tables


def results(
    run: Run, events: Split[Events], signals: Mapping[str, Events], trained: Sequence[Trained[Any]], settings: Trigger,
    *, fraction: float, seed: int, workers: int, progress: bool,
) -> list[Result]:  # fmt: skip
    """Scores against every signal, rates, and the circuits of the first seed."""
    given = []
    for one in trained:
        samples = {ZERO_BIAS: events.test, **signals}
        found = {name: score(one.model, each.objects) for name, each in samples.items()}
        given.append(Scored(labels("sum of |mean|", one.part.labels["model"]), one.part.seed, found))
    rows = level1_table(run, events, signals, given, fraction=fraction, bunches=_BUNCHES, seed=seed)
    designs = [each for each in trained if each.part.beta and each.part.seed == trained[0].part.seed]
    reports = write_designs(
        run,
        [Design(each.part.name, lambda m=each.model: m.integers) for each in designs],  # type: ignore[misc]
        TriggerVae(trained[0].model.scale).scaled(torch.from_numpy(events.test.objects)).double().numpy(),
        settings=settings.hardware, module="score", workers=workers, progress=progress,
    )  # fmt: skip
    places = {each.part.name: each.part.labels for each in designs}
    return rows + design_rows("level 1: score in hardware", reports, places, n=len(events.test))


def score(model: Any, objects: np.ndarray) -> np.ndarray:
    """The score of each event."""
    return nets.trigger_score(model, torch.from_numpy(objects)).double().numpy()
