"""The small autoencoder of a level-1 trigger: its events, its training, its bits, and what it finds at which rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from femtobarn.data.source import Source
from femtobarn.datasets import adc2021, cms_l1_anomaly
from femtobarn.engine import Batch, TensorTable, Training
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_table import labels
from femtobarn.evaluation.level1_scores import level1_baselines
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.evaluation.trigger import draw_rates, zero_bias_rates
from femtobarn.nn.quantised import BitTrue, CostedLoss, quantise
from femtobarn.nn.trigger_vae import TriggerVae
from femtobarn.runs import Result, Run
from femtobarn.study import Design, Split, Trained, Writing, design_rows, write_designs

MODEL, BITS, ZERO_BIAS = "trigger VAE", "trigger VAE, trained bits", "zero bias"
Objects = Float32[np.ndarray, "event 19 3"]


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
    validation: float = 0.1
    """Share of the background by which the best epoch is chosen."""
    test: float = 0.5
    """Share of the background kept for the results."""
    divergence: float = 0.01
    """Weight of the latent divergence."""
    train: Training = field(default_factory=lambda: Training(epochs=40, batch=100, lr=3e-3, clip=1.0))
    """Training in floating point."""
    betas: tuple[float, ...] = (1e-6, 1e-5)
    """Prices of an effective bit operation, in units of the score, at which the score is taught to fixed point."""
    bits: Training = field(default_factory=lambda: Training(epochs=40, batch=100, lr=3e-3, clip=1.0))
    """Training in fixed point."""
    bunches: int = 2500
    """Colliding bunches behind a rate."""
    hardware: Writing = field(default_factory=Writing)

    def __post_init__(self) -> None:
        if self.events and (self.events < 200 or self.signal_events < 20 or min(self.betas, default=1) <= 0):
            raise InputError(f"expected 200 events or none, 20 of each signal, prices above 0: got {self}")


@dataclass(frozen=True)
class Events:
    """Level-1 events, a row each."""

    objects: Objects
    pileup: Float32[np.ndarray, "event"]
    """Mean number of collisions, NaN where it is not known."""

    def __len__(self) -> int:
        return len(self.objects)

    def take(self, rows: np.ndarray | slice) -> "Events":
        """These events."""
        return Events(self.objects[rows], self.pileup[rows])


def read(settings: Trigger, index: int, *, seed: int, workers: int, progress: bool) -> tuple[str, Events]:
    """Name and events of the background (0) or of a signal (1, 2 ...)."""
    count = settings.signal_events if index else settings.events
    if not settings.files:
        name = (ZERO_BIAS, *settings.signals)[index]
        more: dict[str, Any] = {"pileup": settings.pileup, "workers": workers, "progress": progress}
        return name, _events(cms_l1_anomaly.stand_in(name, count, seed=seed, **more), count)
    path = settings.files[index]
    return path.stem if index else ZERO_BIAS, _events(open_events(path), count)


def open_events(path: Path) -> Source:
    """Events of a file of either published data set."""
    return adc2021.open_events(path) if path.suffix == ".h5" else cms_l1_anomaly.open_events(path)


def network(*, bits: bool) -> nn.Module:
    """The untrained network; with bits the circuit of its score in fixed point."""
    return BitTrue(_in_fixed_point(TriggerVae(), torch.zeros(2, 57))) if bits else TriggerVae()


def lesson(
    settings: Trigger, model: nn.Module, train: Events, beta: float, taught: nn.Module | None
) -> tuple[nn.Module, Any, Training]:
    """The network to train, its objective and its settings; in fixed point it begins as the one it learns from."""
    if not isinstance(taught, TriggerVae):

        def loss(vae: nn.Module, batch: Batch) -> Tensor:
            assert isinstance(vae, TriggerVae)
            noise = torch.randn(len(batch["objects"]), vae.mean.out_features) if vae.training else None
            return vae.loss(batch["objects"], beta=settings.divergence, noise=noise)

        return model, loss, settings.train
    example = taught.scaled(torch.from_numpy(train.objects[:2000]))
    return BitTrue(_in_fixed_point(taught, example)), CostedLoss(_difference, beta=beta), settings.bits


def table(events: Events, taught: nn.Module | None) -> TensorTable:
    """Events as tensors; to be taught a score, with that of each."""
    columns = {"objects": torch.from_numpy(events.objects)}
    if isinstance(taught, TriggerVae):
        with torch.no_grad():
            columns = {"x": taught.scaled(columns["objects"]), "score": taught(columns["objects"])}
    return TensorTable(columns)


@torch.no_grad()
def score(model: nn.Module, objects: Objects) -> np.ndarray:
    """The score of each event."""
    x = torch.from_numpy(objects)
    found = model(x) if isinstance(model, TriggerVae) else model(TriggerVae().scaled(x)).squeeze(1)
    return found.double().numpy()  # type: ignore[no-any-return]


def results(
    run: Run,
    zero_bias: Split[Events],
    signals: Mapping[str, Events],
    trained: Sequence[Trained[Any]],
    settings: Trigger,
    *,
    fraction: float,
    seed: int,
    workers: int,
    progress: bool,
) -> list[Result]:
    """Scores against every signal, rates, and the circuits of the first seed."""
    test = zero_bias.test
    samples = {ZERO_BIAS: test.objects, **{name: each.objects for name, each in signals.items()}}
    found = level1_baselines(zero_bias.train.objects, samples, background=ZERO_BIAS, seed=seed)
    trivial = [each.labels for each in found if not each.labels["model"]]
    for one in trained:
        given = {name: score(one.model, x) for name, x in samples.items()}
        found.append(Scored(labels("sum of |mean|", one.part.labels["model"]), one.part.seed, given))
    rows = score_table(found, background=ZERO_BIAS, trivial=trivial, fractions=(fraction,))
    networks = [each for each in found if each.seed is not None]
    share = 2 * fraction  # of one half
    rows += zero_bias_rates(networks, background=ZERO_BIAS, share=share, bunches=settings.bunches)
    first = {each.name: each.scores[ZERO_BIAS] for each in reversed(networks)}
    if np.isfinite(test.pileup).all():
        total = test.objects[:, 1:, 0].sum(axis=1, dtype=np.float64)
        rows += draw_rates(run, first, test.pileup, total, share=share, bunches=settings.bunches)
    rows = [replace(each, name=f"level 1: {each.name}") for each in rows]
    designs = [each for each in trained if each.part.beta and each.part.seed == trained[0].part.seed]
    reports = write_designs(
        run,
        [Design(each.part.name, lambda m=each.model: m.integers) for each in designs],  # type: ignore[misc]
        TriggerVae().scaled(torch.from_numpy(test.objects)).double().numpy(),
        settings=settings.hardware,
        module="score",
        workers=workers,
        progress=progress,
    )
    places = {each.part.name: each.part.labels for each in designs}
    return rows + design_rows("level 1: score in hardware", reports, places, n=len(test))


def _events(source: Source, count: int) -> Events:
    names = [name for name in ("objects", "pileup") if name in source.columns]
    columns = source.read(names, 0, count)
    unknown = np.full(len(columns["objects"]), np.nan, np.float32)
    return Events(columns["objects"], columns.get("pileup", unknown))


def _difference(model: nn.Module, batch: Batch) -> Tensor:
    error: Tensor = (model(batch["x"]).squeeze(1) - batch["score"]).abs().mean()
    return error


def _in_fixed_point(vae: TriggerVae, example: Tensor) -> nn.Module:
    return quantise(vae.circuit(), example, fraction=4.0, weight_fraction=6.0, overflow="SAT")
