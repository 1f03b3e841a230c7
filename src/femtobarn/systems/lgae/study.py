"""What is trained: autoencoders of the same jets for the same time, by name, seed and share of the sample."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine import Batch, TensorTable, fit
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_autoencoders import errors, inputs
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.lgae.data import Problem
from femtobarn.systems.lgae.networks import Cnn, Gnn, Lgae, Settings

ModelName = Literal["mix", "min_max", "mean", "gnn_particle", "gnn_jet", "cnn"]
TITLES: dict[str, str] = {
    "mix": "LGAE mix",
    "min_max": "LGAE min & max",
    "mean": "LGAE mean",
    "gnn_particle": "GNN of particles",
    "gnn_jet": "GNN of the jet",
    "cnn": "CNN",
}


@dataclass(frozen=True)
class Study:
    """Which autoencoders are trained and compared, and with what sizes."""

    models: tuple[ModelName, ...] = ("mix", "min_max", "gnn_particle", "cnn")
    """Autoencoders: mix, min_max, mean are LGAEs."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and of the batches."""
    shares: tuple[float, ...] = (1.0,)
    """Shares of the training jets that are used; a smaller one is gone through more often, for as many steps."""
    mix: Lgae = field(default_factory=Lgae)
    min_max: Lgae = field(default_factory=lambda: Lgae("min & max", vectors=4))
    mean: Lgae = field(default_factory=lambda: Lgae("mean", vectors=4))
    gnn_particle: Gnn = field(default_factory=Gnn)
    gnn_jet: Gnn = field(default_factory=lambda: Gnn("jet", latent=60))
    cnn: Cnn = field(default_factory=Cnn)

    def __post_init__(self) -> None:
        if not (self.models and self.seeds and self.shares) or not all(0 < each <= 1 for each in self.shares):
            raise InputError("at least one model, one seed and one share in (0, 1] are needed")

    def of(self, name: str) -> Settings:
        """Sizes and training of a model."""
        settings: Settings = getattr(self, name)
        return settings

    def parts(self) -> list["Part"]:
        """All trainings, those of the first seed first."""
        return [Part(m, seed, share) for seed in self.seeds for share in self.shares for m in self.models]


class Part(NamedTuple):
    """One training."""

    model: str
    seed: int
    share: float = 1.0

    @property
    def name(self) -> str:
        """Its folder, such as ``mix-seed1``."""
        share = "" if self.share == 1 else f"-{100 * self.share:g}-percent"
        return f"{self.model.replace('_', '-')}{share}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        share = "" if self.share == 1 else f", {100 * self.share:g} % of the jets"
        return {"model": TITLES[self.model] + share}


def build(part: Part, settings: Settings, kept: Mapping[str, Any]) -> nn.Module:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    return settings.network(kept["particles"])


MODELS = Models(Part, lambda part: type(Study().of(part.model)), build)


def train_one(study: Study, data: Problem, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one network; the epoch kept has the smallest error on the validation jets."""
    settings = study.of(part.model)
    jets = data.train.take(slice(round(part.share * len(data.train))))
    particles = jets.mask.shape[1]
    model = build(part, settings, {"particles": particles})
    course = replace(settings.train, epochs=round(settings.train.epochs / part.share))
    fitted = fit(
        model,
        functools.partial(_penalised, settings.l1) if isinstance(settings, Lgae) else error,
        TensorTable(inputs(model, jets)),
        TensorTable(inputs(model, data.validation)),
        settings=course,
        seed=part.seed,
        folder=work / part.name,
        validate=error,
        report=lambda row: report(int(row["epoch"]) + 1, course.epochs, f"error {row['validation']:.3g}"),
        progress=False,
    )
    kept, first = {"particles": particles, "latent": model.latent_numbers}, fitted.history[0]["validation"]
    history = [each | {"relative": each["validation"] / first} for each in fitted.history]
    return Trained(part, model.eval(), history, fitted.validation, kept)


def error(model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """The mean of `errors`."""
    return errors(model, batch).mean()


def _penalised(l1: float, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """The same, with the published penalty on the weights of an LGAE."""
    return error(model, batch) + l1 * torch.stack([w.abs().sum() for w in model.parameters()]).sum()
