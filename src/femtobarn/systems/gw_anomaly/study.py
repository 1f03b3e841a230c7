"""What is trained: autoencoders on windows of noise, and supervised classifiers of a class of signals."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.engine import Batch, TensorTable, Training, fit
from femtobarn.errors import InputError, check_known
from femtobarn.evaluation.strain.scores import Levels, Network, Scorer
from femtobarn.nn.recurrent_autoencoder import window_errors
from femtobarn.nn.strain_networks import TRAINABLE, StrainAutoencoder, StrainClassifier
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.gw_anomaly.data import Problem

CLASSIFIER = "supervised CNN"


@dataclass(frozen=True)
class Study:
    """Which networks are trained, and for how long."""

    networks: tuple[str, ...] = ("LSTM", "GRU", "CNN", "dense")
    """Autoencoders: LSTM, GRU, deep LSTM, LSTM of both detectors, CNN, dense. All but that of both detectors see H1 and
    L1 one by one."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, of the windows and of the batches."""
    published: bool = False
    """Layers as wide as published; else such that a laptop trains them in a minute."""
    window: int = 100
    """Samples of a window of all autoencoders but the CNN; published."""
    long_window: int = 256
    """Samples in a window of the CNN; published are 1024 at twice the rate."""
    windows: int = 8000
    """Windows that an autoencoder is trained on; a quarter as many choose its epoch."""
    train: Training = field(default_factory=lambda: Training(epochs=3, batch=128, lr=2e-3))
    classifier: Training = field(default_factory=lambda: Training(epochs=6, batch=64, lr=2e-3))
    """Training of the classifiers."""

    def __post_init__(self) -> None:
        check_known("network", self.networks, TRAINABLE)
        if not self.seeds or self.windows < 40 or min(self.window, self.long_window) < 10:
            raise InputError(f"expected a seed, 40 windows and 10 samples in a window or more, got {self}")


class Part(NamedTuple):
    """One training."""

    network: str
    signal: str
    """Class of signals that a classifier learns from; empty for an autoencoder."""
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``LSTM-seed1``."""
        return "-".join(f"{self.network} {self.signal} seed{self.seed}".split())

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"score": f"{self.network} ({self.signal})" if self.signal else self.network}

    @property
    def is_autoencoder(self) -> bool:
        """Whether it has seen noise only."""
        return self.network != CLASSIFIER


def network(part: Part, study: Study, samples: int) -> StrainAutoencoder | StrainClassifier:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    if not part.is_autoencoder:
        return StrainClassifier(samples, published=study.published)
    window = study.long_window if part.network == "CNN" else study.window
    return StrainAutoencoder(part.network, window=window, published=study.published)


MODELS = Models(Part, lambda _: Study, lambda part, study, kept: network(part, study, kept["samples"]))


def parts(study: Study, problem: Problem) -> list[Part]:
    """All trainings, those of the first seed first."""
    kinds = [(name, "") for name in study.networks] + [(CLASSIFIER, kind) for kind in problem.taught]
    return [Part(*kind, seed) for seed in study.seeds for kind in kinds]


def train_one(
    study: Study, problem: Problem, levels: Levels, work: Path, part: Part, report: Report
) -> Trained[Part]:
    """Train one network; the epoch kept has the smallest loss on validation events. Levels of noise go with it."""
    samples = problem.noise.train.strain.shape[2]
    model = network(part, study, samples)
    settings = study.train if part.is_autoencoder else study.classifier
    tables = [
        _table(study.windows // few, model, problem, part, name)
        for name, few in (("train", 1), ("validation", 4))
    ]
    fitted = fit(
        model,
        _loss,
        *tables,
        settings=settings,
        seed=part.seed,
        folder=work / part.name,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )
    variance = float(tables[1].columns["window"].double().var()) if part.is_autoencoder else 1.0
    kept = {"samples": samples, "levels": levels._asdict(), "variance": variance}
    return Trained(part, model.eval(), fitted.history, fitted.validation, kept)


def scorer(trained: list[Trained[Part]], study: Study, *, rate: float) -> Scorer:
    """All scores, with these networks."""
    found = [Network(each.part.labels, each.part.seed, each.model) for each in trained]
    return Scorer(Levels(**trained[0].kept["levels"]), rate, study.window, found)


def _table(count: int, model: nn.Module, problem: Problem, part: Part, name: str) -> TensorTable:
    """Windows of noise for an autoencoder, or noise and as many signals with labels."""
    noise = getattr(problem.noise, name).strain
    if isinstance(model, StrainAutoencoder):
        draw = np.random.default_rng((part.seed, 7))
        return TensorTable({"window": model.drawn(noise, count, generator=draw)})
    both = np.concatenate((noise, problem.signals(part.signal, name, len(noise)).strain))
    label = (torch.arange(len(both)) >= len(noise)).float()
    return TensorTable({"strain": torch.from_numpy(both), "label": label})


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    if "label" in batch:
        return F.binary_cross_entropy_with_logits(model(batch["strain"]), batch["label"])
    return window_errors(model, batch["window"]).mean()
