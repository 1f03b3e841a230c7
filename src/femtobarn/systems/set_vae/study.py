"""What is trained: set autoencoders whose scores are the error of the set, or the latent divergence alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.datasets.jetclass import Jets
from femtobarn.engine import Batch, TensorTable, Training, fit
from femtobarn.errors import InputError, nearest
from femtobarn.losses import kl_standard_normal
from femtobarn.losses.best_share import mean_of_best
from femtobarn.losses.particle_sets import set_error
from femtobarn.nn.set_vae import Encoded, SetVae, shares_and_angles
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.set_vae.data import Samples


class Loss(NamedTuple):
    """What a model minimises: the error of the set, plus `beta` times the divergence of some of the jets."""

    angle: float
    """Angle that counts as much as a wrong share of momentum (see `particle_cost`)."""
    beta: float
    kept: float
    """Share of the jets of a batch, those with the smallest errors, that feel the divergence."""
    species: bool = True
    """Whether the network is told kinds of particles, and only those of one kind may be partners."""


SET, CLIP, BLIND = "Set-VAE", "CLIP-VAE", "Set-VAE without species"
#: As in the published checkpoints; the file of settings beside that of CLIP-VAE has angle 0.1 and kept 0.75.
LOSSES = {
    SET: Loss(angle=0.15, beta=1e-3, kept=1.0),
    CLIP: Loss(angle=0.05, beta=0.08, kept=0.70),
    BLIND: Loss(angle=0.15, beta=1e-3, kept=1.0, species=False),
}


@dataclass(frozen=True)
class Study:
    """Which models are trained, how large, and for how long."""

    models: tuple[str, ...] = (SET, CLIP, BLIND)
    """Of LOSSES; the last is the ablation."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, batches and noise."""
    width: int = 32
    """Numbers per particle between layers; 64 as published."""
    hidden: int = 64
    """Numbers per particle within layers; 128 as published."""
    layers: int = 4
    """Of encoder and decoder each."""
    latent: int = 16
    """Latent components."""
    momentum: float = 0.1
    """Share of a batch in the running values of batch norms; 0.01 as published."""
    first_batch: bool = True
    """Running values begin with those of the first batch; at 0 and 1 as published."""
    warm_up: float = 0.2
    """Share of all steps over which the latent noise rises to 1, at most 10,000 steps as published."""
    train: Training = field(
        default_factory=lambda: Training(epochs=16, batch=128, lr=2e-3, weight_decay=0.01, clip=0.5)
    )
    """Training of every model."""

    def __post_init__(self) -> None:
        for name in self.models:
            if name not in LOSSES:
                raise InputError(f"there is no model {name!r}: {nearest(name, LOSSES)}")
        if not self.models or not self.seeds or min(self.width, self.hidden, self.layers, self.latent) < 1:
            raise InputError(f"expected a model, a seed and sizes of at least 1: got {self}")
        if self.width % 2 or not 0 < self.momentum <= 1 or not 0 <= self.warm_up <= 1:
            raise InputError(f"expected an even width and shares from 0 to 1: got {self}")

    def parts(self) -> list["Part"]:
        """All trainings, those of the first seed first."""
        return [Part(model, seed) for seed in self.seeds for model in self.models]


class Part(NamedTuple):
    """One training."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``clip-vae-seed1``."""
        return f"{self.model} seed{self.seed}".lower().replace(" ", "-")

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": self.model}


def build(part: Part, settings: Study, _: Mapping[str, Any]) -> SetVae:
    """The untrained network of a part; weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    return SetVae(
        width=settings.width, hidden=settings.hidden, layers=settings.layers, latent=settings.latent,
        species=LOSSES[part.model].species, first_batch=settings.first_batch, momentum=settings.momentum,
    )  # fmt: skip


MODELS = Models(Part, lambda _: Study, build)


class Objective(nn.Module):
    """The loss of a model with latent noise that rises over the first steps; it counts the steps."""

    step: Tensor

    def __init__(self, loss: Loss, *, warm_up: int) -> None:
        super().__init__()
        self.loss, self.warm_up = loss, warm_up
        self.register_buffer("step", torch.tensor(0))

    def forward(self, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Loss of a training batch."""
        assert isinstance(model, SetVae)
        noise = torch.randn(len(batch["jet"]), model.mean.out_features)
        noise = noise * (self.step / max(self.warm_up, 1)).clamp(max=1)
        self.step += 1
        return self.value(model, batch, noise)

    def without_noise(self, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Loss of a validation batch."""
        return self.value(model, batch, None)

    def value(self, model: nn.Module, batch: Batch, noise: Tensor | None) -> Float[Tensor, ""]:
        """Mean error of the sets, and of the divergence over the jets that keep it."""
        error, divergence = measures(model, _cropped(batch), self.loss, noise=noise)
        return error.mean() + self.loss.beta * mean_of_best(divergence, error, self.loss.kept)


def measures(
    model: nn.Module, batch: Batch, loss: Loss, *, noise: Tensor | None = None
) -> tuple[Float[Tensor, "jet"], Float[Tensor, "jet"]]:
    """Error of the set, and mean divergence of the latent components, of each jet."""
    made, encoded = model(batch["particles"], batch["species"], batch["jet"], noise)
    return _error(made, batch, loss), divergence_of(encoded)


def _error(made: Tensor, batch: Batch, loss: Loss) -> Tensor:
    real, mask = shares_and_angles(batch["particles"], batch["jet"]), batch["species"] >= 0
    return set_error(real, made, mask, batch["species"] if loss.species else None, angle=loss.angle)


def divergence_of(encoded: Encoded) -> Float[Tensor, "jet"]:
    """Mean over the latent components of the divergence from a standard normal distribution."""
    return kl_standard_normal(*encoded).mean(dim=1)


def table(jets: Jets) -> TensorTable:
    """Jets as tensors: particles, species, and pT and energy of the jet."""
    columns = {"particles": jets.particles, "species": jets.species, "jet": jets.jet[:, [0, 2]]}
    return TensorTable({name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in columns.items()})


def scores(model: SetVae, jets: Jets, loss: Loss) -> dict[str, Float[np.ndarray, "jet"]]:
    """Of each jet the error of its set, that error if any particle may be a partner, and the divergence."""
    columns, found = table(jets), []
    with torch.no_grad():
        for rows in torch.split(torch.arange(len(jets)), 500):
            batch = _cropped(columns[rows])
            made, encoded = model(batch["particles"], batch["species"], batch["jet"])
            errors = [_error(made, batch, each) for each in (loss, loss._replace(species=False))]
            found.append(torch.stack((*errors, divergence_of(encoded))))
    names = ("error", "error without veto", "KL")
    return dict(zip(names, torch.cat(found, dim=1).double().numpy(), strict=True))


def train_one(study: Study, samples: Samples, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train a model on jets of QCD; the epoch kept has the smallest loss on validation jets of QCD."""
    model, settings = build(part, study, {}), study.train
    steps = settings.epochs * -(-len(samples.qcd.train) // settings.batch)
    objective = Objective(LOSSES[part.model], warm_up=min(10_000, int(study.warm_up * steps)))
    fitted = fit(
        model,
        objective,
        table(samples.qcd.train),
        table(samples.qcd.validation),
        settings=settings,
        seed=part.seed,
        folder=work / part.name,
        validate=objective.without_noise,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )
    return Trained(part, model.eval(), fitted.history, fitted.validation)


def _cropped(batch: Batch) -> Batch:
    """Without the padding that no jet of the batch needs."""
    most = max(1, int((batch["species"] >= 0).sum(dim=1).max()))
    return batch | {name: batch[name][:, :most] for name in ("particles", "species")}
