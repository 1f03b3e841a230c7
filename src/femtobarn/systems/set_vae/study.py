"""What is trained: set autoencoders of jets, and the small autoencoder of a level-1 trigger with its bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from femtobarn.datasets.jetclass import Jets
from femtobarn.engine import TensorTable, Training, fit
from femtobarn.errors import InputError, nearest
from femtobarn.nn.set_vae import SetVae
from femtobarn.nn.set_vae_loss import CLIP_VAE, SET_VAE, WarmUp, set_vae_scores
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.set_vae import trigger
from femtobarn.systems.set_vae.data import Samples

SET, CLIP, BLIND = "Set-VAE", "CLIP-VAE", "Set-VAE without species"
LOSSES = {SET: SET_VAE, CLIP: CLIP_VAE, BLIND: SET_VAE._replace(species=False)}


@dataclass(frozen=True)
class Study:
    """Which models of jets are trained, how large, and for how long."""

    models: tuple[str, ...] = (SET, CLIP, BLIND)
    """Set-VAE, CLIP-VAE, and the ablation "Set-VAE without species"."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, batches and noise, those of the trigger too."""
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

    def parts(self, level1: trigger.Trigger) -> list["Part"]:
        """All trainings, those of the first seed first."""
        small = (
            [(trigger.MODEL, 0.0), *((trigger.BITS, beta) for beta in level1.betas)] if level1.events else []
        )
        models = [*((model, 0.0) for model in self.models), *small]
        return [Part(model, seed, beta) for seed in self.seeds for model, beta in models]


class Part(NamedTuple):
    """One training."""

    model: str
    seed: int
    beta: float = 0.0
    """Price of an effective bit operation, for the trigger with trained bits."""

    @property
    def name(self) -> str:
        """Its folder, such as ``clip-vae-seed1``."""
        beta = f" {self.beta:g}" if self.beta else ""
        return f"{self.model}{beta} seed{self.seed}".lower().replace(" ", "-").replace(",", "")

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": self.model + (f" (beta {self.beta:g})" if self.beta else "")}

    @property
    def of_jets(self) -> bool:
        """Whether its inputs are jets, not level-1 objects."""
        return self.model in LOSSES


def build(part: Part, settings: Any, _: Mapping[str, Any]) -> torch.nn.Module:
    """The untrained network of a part; weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    if not part.of_jets:
        return trigger.network(bits=bool(part.beta))
    return SetVae(
        width=settings.width, hidden=settings.hidden, layers=settings.layers, latent=settings.latent,
        species=LOSSES[part.model].species, first_batch=settings.first_batch, momentum=settings.momentum,
    )  # fmt: skip


def needs(part: Part) -> tuple[Part, ...]:
    """What is trained with its bits learns the score of the same network in floating point."""
    return (Part(trigger.MODEL, part.seed),) if part.beta else ()


MODELS = Models(Part, lambda part: Study if part.of_jets else trigger.Trigger, build, needs)


def table(jets: Jets) -> TensorTable:
    """Jets as tensors: particles, species, and pT and energy of the jet."""
    columns = {"particles": jets.particles, "species": jets.species, "jet": jets.jet[:, [0, 2]]}
    return TensorTable({name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in columns.items()})


def scores(model: SetVae, jets: Jets, part: Part) -> dict[str, Float[np.ndarray, "jet"]]:
    """Anomaly scores of each jet by name (see `set_vae_scores`)."""
    rows = torch.split(torch.arange(len(jets)), 500)
    parts = [set_vae_scores(model, table(jets)[each], LOSSES[part.model]) for each in rows]
    return {name: torch.cat([p[name] for p in parts]).double().numpy() for name in parts[0]}


def train_one(
    study: Study, level1: trigger.Trigger, samples: Samples, work: Path, part: Part, report: Report
) -> Trained[Part]:
    """Train a model on background alone; the epoch kept has the smallest loss on validation events of background."""
    model, train, loss = build(part, study, {}), study.train, LOSSES.get(part.model)
    validate: Any = None
    if loss is not None:
        steps = train.epochs * -(-len(samples.qcd.train) // train.batch)
        objective: Any = WarmUp(loss, steps=min(10_000, int(study.warm_up * steps)))
        tables = [table(each) for each in (samples.qcd.train, samples.qcd.validation)]
        validate = loss.value
    else:
        assert samples.level1 is not None
        taught = MODELS.load(work / needs(part)[0].name).model if part.beta else None
        model, objective, train = trigger.lesson(level1, model, samples.level1.train, part.beta, taught)
        tables = [trigger.table(each, taught) for each in (samples.level1.train, samples.level1.validation)]
    fitted = fit(
        model,
        objective,
        *tables,
        settings=train,
        seed=part.seed,
        folder=work / part.name,
        validate=validate,
        report=lambda row: report(int(row["epoch"]) + 1, train.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )
    return Trained(part, model.eval(), fitted.history, fitted.validation)
