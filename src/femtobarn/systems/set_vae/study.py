"""What is trained: set autoencoders of jets, and the small autoencoder of a level-1 trigger with its bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import torch

from femtobarn.datasets.jetclass import Jets
from femtobarn.engine import TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.nn.set_vae import SetVae
from femtobarn.nn.set_vae_loss import CLIP_VAE, SET_VAE, WarmUp
from femtobarn.nn.trigger_vae import TriggerVae, score_in_fixed_point
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.set_vae import trigger
from femtobarn.systems.set_vae.data import Samples

Model = Literal["Set-VAE", "CLIP-VAE", "Set-VAE without species"]
SET, CLIP, BLIND = get_args(Model)
LOSSES = {SET: SET_VAE, CLIP: CLIP_VAE, BLIND: SET_VAE._replace(species=False)}

WARM_UP = 0.2  #: share of all steps over which latent noise rises to 1, at most 10,000 steps as published


@dataclass(frozen=True)
class Study:
    """Which models of jets are trained, how large, and for how long."""

    models: tuple[Model, ...] = get_args(Model)
    """The last is the ablation."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, batches and noise, those of the trigger too."""
    width: int = 32
    """Numbers per particle between layers, twice as many within; 64 as published."""
    slow_norms: bool = False
    """Running values of batch norms as published: from 0 and 1, 1 % a step. Otherwise from those of the first batch,
    10 % a step, for a short training ends before they arrive."""
    train: Training = field(
        default_factory=lambda: Training(epochs=16, batch=128, lr=2e-3, weight_decay=0.01, clip=0.5)
    )
    """Training of every model."""

    def __post_init__(self) -> None:
        if not self.models or not self.seeds or self.width < 2 or self.width % 2:
            raise InputError(f"expected a model, a seed and an even width: got {self}")

    def parts(self, level1: trigger.Trigger) -> list["Part"]:
        """All trainings, those of the first seed first."""
        bits = [(trigger.BITS, beta) for beta in level1.betas]
        small = [(trigger.MODEL, 0.0), *bits] if level1.events else []
        models = [*((str(model), 0.0) for model in self.models), *small]
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
        return score_in_fixed_point(TriggerVae()) if part.beta else TriggerVae()
    norms: dict[str, Any] = {"first_batch": False, "momentum": 0.01} if settings.slow_norms else {}
    species = LOSSES[part.model].species
    return SetVae(width=settings.width, hidden=2 * settings.width, species=species, **norms)


def needs(part: Part) -> tuple[Part, ...]:
    """What is trained with its bits learns the score of the same network in floating point."""
    return (Part(trigger.MODEL, part.seed),) if part.beta else ()


MODELS = Models(Part, lambda part: Study if part.of_jets else trigger.Trigger, build, needs)


def table(jets: Jets) -> TensorTable:
    """Jets as tensors."""
    return TensorTable({name: torch.from_numpy(x) for name, x in jets.arrays().items()})


def train_one(
    study: Study, level1: trigger.Trigger, samples: Samples, work: Path, part: Part, report: Report
) -> Trained[Part]:
    """Train a model on background alone; the epoch kept has the smallest loss on validation events of background."""
    train, validate = study.train if part.of_jets else level1.train, None
    if part.of_jets:
        model, loss, qcd = build(part, study, {}), LOSSES[part.model], samples.qcd
        steps = train.epochs * -(-len(qcd.train) // train.batch)
        objective: Any = WarmUp(loss, steps=min(10_000, int(WARM_UP * steps)))
        tables, validate = [table(each) for each in (qcd.train, qcd.validation)], loss.value
    else:
        assert samples.level1 is not None
        taught = MODELS.load(work / needs(part)[0].name).model if part.beta else None
        torch.manual_seed(part.seed)
        model, objective, tables = trigger.lesson(samples.level1, part.beta, taught)
    fitted = fit(
        model, objective, *tables, settings=train, seed=part.seed, folder=work / part.name, validate=validate,
        report=lambda row: report(int(row["epoch"]) + 1, train.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )  # fmt: skip
    return Trained(part, model.eval(), fitted.history, fitted.validation)
