"""What is trained: the autoencoder with two encoders, its categorical variant, and the Dirichlet autoencoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from femtobarn.engine import Batch, Objective, TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.evaluation.reconstruction_scores import cross_entropy
from femtobarn.metrics.structural_similarity import structural_similarity
from femtobarn.nn.dirichlet_vae import DirichletVae
from femtobarn.nn.dual_autoencoder import WIDTHS, DualAutoencoder
from femtobarn.nn.turned_images import randomly_turned
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.codae.data import Events, joined

Kind = Literal["CoDAE", "CoDVAE", "Dirichlet"]
_DUAL = Training(epochs=30, batch=128, lr=1e-3, weight_decay=1e-4, schedule="constant")


@dataclass(frozen=True)
class Study:
    """What is trained, and how."""

    kinds: tuple[Kind, ...] = ("CoDAE", "CoDVAE", "Dirichlet")
    """CoDAE; CoDVAE, with a categorical latent; the Dirichlet autoencoder, the published reference."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and of the batches."""
    widths: tuple[int, ...] = WIDTHS
    """Channels of the stages of the encoders."""
    latent: int = 64
    """Channels of the grid in the middle, or categories of its cells."""
    circular: bool = False
    """Convolve around in phi; the published networks have zeros there."""
    augment: bool = True
    """Flip in eta and turn in phi at random, one of six ways with equal chances."""
    train: Training = field(default_factory=lambda: _DUAL)
    """Training of CoDAE."""
    variational: Training = field(default_factory=lambda: replace(_DUAL, epochs=100))
    """Training of CoDVAE."""
    dirichlet: Training = field(default_factory=lambda: replace(_DUAL, epochs=200, patience=50))
    """Training of the Dirichlet autoencoder."""

    def __post_init__(self) -> None:
        if not (self.kinds and self.seeds) or self.latent < 2:
            raise InputError("at least one kind of network, one seed and two channels are needed")
        if len(self.widths) != 4 or any(width % 4 or width < 4 for width in self.widths):
            raise InputError(f"expected four widths, multiples of 4: got {self.widths}")

    def parts(self) -> list["Part"]:
        """All trainings, those of the first seed first."""
        return [Part(kind, seed) for seed in self.seeds for kind in self.kinds]


class Part(NamedTuple):
    """One training."""

    kind: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``codae-seed1``."""
        return f"{self.kind.lower()}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": self.kind}


def build(part: Part, settings: Study, _: Mapping[str, Any]) -> nn.Module:
    """The untrained network; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    if part.kind == "Dirichlet":
        return DirichletVae()
    return DualAutoencoder(
        widths=settings.widths, latent=settings.latent, circular=settings.circular, categorical=part.kind == "CoDVAE",
    )  # fmt: skip


MODELS = Models(Part, lambda _: Study, build)


def train_one(study: Study, events: Events, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one network on QCD; the epoch kept has the most similar images of validation events, or the least loss."""
    model, train = build(part, study, {}), events.train
    if part.kind != "Dirichlet":
        settings = study.variational if part.kind == "CoDVAE" else study.train
        objective, validate = lesson(part.kind, augment=study.augment), unlikeness
        tables = [TensorTable({"x": torch.from_numpy(each.masks)}) for each in (train, events.validation)]
    else:
        if events.settings.mixture:
            train = joined([train, events.mixed()])
        settings, objective, validate = study.dirichlet, dirichlet_loss, dirichlet_loss
        tables = [flat_table(each.masks) for each in (train, events.validation)]
    fitted = fit(
        model, objective, *tables, settings=settings, seed=part.seed, folder=work / part.name, validate=validate,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"loss {row['train']:.4g}"), progress=False,
    )  # fmt: skip
    return Trained(part, model.eval(), fitted.history, fitted.validation)


def lesson(kind: str, *, augment: bool) -> Objective:
    """Binary cross entropy summed over the pixels, of the categorical variant with the divergence of its cells."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        x = randomly_turned(batch["x"]) if augment else batch["x"]
        if kind == "CoDAE":
            return cross_entropy(model(x).logits, x).mean()
        assert isinstance(model, DualAutoencoder)
        divergence, latent = model.divergence(x)
        logits = model.decoded(latent, model.summary(x))
        return (cross_entropy(logits, x) + divergence).mean()

    return loss


def unlikeness(model: nn.Module, batch: Batch) -> Tensor:
    """One less the structural similarity of images and their reconstruction."""
    assert isinstance(model, DualAutoencoder)
    return 1 - structural_similarity(model.image(batch["x"]), batch["x"]).mean()


def dirichlet_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean loss of the Dirichlet autoencoder."""
    assert isinstance(model, DirichletVae)
    return model.loss(batch["x"]).mean()


def flat_table(masks: Any) -> TensorTable:
    """Pixels in a row, in float64."""
    return TensorTable({"x": torch.from_numpy(masks.reshape(len(masks), -1)).double()})
