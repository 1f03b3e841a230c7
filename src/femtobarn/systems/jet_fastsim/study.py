"""What is trained in one run: simulators by name and seed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.engine import Descent
from femtobarn.errors import InputError
from femtobarn.evaluation.fast_simulation.distances import entries, mean_distance
from femtobarn.generator_loop import Course, Distance, fit_generator
from femtobarn.nn.jet_generators import Scaling
from femtobarn.nn.jet_simulators import (
    FlowSimulator,
    JetVae,
    LossWeights,
    columns_of,
    mean_loss,
    simulated,
    units_of,
)
from femtobarn.parts import Report
from femtobarn.physics.jet_pairs import JetPairs
from femtobarn.study import Models, Split, Trained

ModelName = Literal["vae", "plain", "masked", "flow"]
TITLES = {"vae": "VAE", "plain": "VAE without jet terms", "masked": "VAE, masked", "flow": "EPiC flow"}


@dataclass(frozen=True)
class Vae:
    """Sizes, loss and training of a variational autoencoder; the defaults are as published."""

    latent: int = 20
    """Components of the latent vector."""
    channels: tuple[int, int, int] = (32, 64, 128)
    """Channels of the three convolutions."""
    dense: int = 1500
    """Width of the layers between lists and latent vector."""
    dropout: tuple[float, float] = (0.05, 0.3)
    """After convolutions, and after dense layers."""
    divergence: float = 0.3
    """Weight of the divergence of the latent vector from N(0, 1)."""
    distance: float = 0.015
    """Weight of the distances of the particles, 1/GeV^2."""
    mass: float = 1.0
    """Weight of the squared error of the jet mass, 1/GeV^2."""
    pt: float = 0.1
    """Weight of the squared error of the jet pT, 1/GeV^2."""
    masked: bool = False
    """Tell the number of particles apart from their momenta, instead of matching padding zeros."""
    turned: bool = False
    """Turn each jet to phi = 0 first."""
    free_bits: float = 0.0
    """Divergence of a latent component in nats that costs nothing."""
    lr: float = 1e-4
    """Learning rate of Adam."""
    course: Course = field(default_factory=lambda: Course(epochs=500, batch=100, check=2, ema=0.0))

    def build(self, units: Mapping[str, Any], particles: int) -> nn.Module:
        """The untrained simulator."""
        return JetVae(
            torch.tensor(units["centre"]),
            torch.tensor(units["width"]),
            particles=particles,
            latent=self.latent,
            channels=self.channels,
            dense=self.dense,
            dropout=self.dropout,
            weights=LossWeights(self.divergence, self.distance, self.mass, self.pt),
            masked=self.masked,
            turned=self.turned,
            free_bits=self.free_bits,
        )

    def learner(self, model: nn.Module) -> Descent:
        """Adam, no gradient cut."""
        return Descent(model, lr=self.lr, clip=math.inf)


@dataclass(frozen=True)
class Flow:
    """Sizes and training of the EPiC flow."""

    hidden: int = 128
    """Features of a particle inside the network."""
    layers: int = 6
    """EPiC layers."""
    whole: int = 16
    """Features of a jet inside the network."""
    steps: int = 20
    """Midpoint steps from noise to jets, two calls of the network each."""
    lr: float = 1e-3
    """Largest learning rate."""
    course: Course = field(
        default_factory=lambda: Course(epochs=500, batch=256, check=5, ema=0.999, schedule="cosine")
    )

    def build(self, units: Mapping[str, Any], particles: int) -> nn.Module:
        """The untrained simulator."""
        scaling = Scaling(units["flow_centre"], units["flow_width"], log_pt=True)
        return FlowSimulator(
            scaling,
            particles=particles,
            hidden=self.hidden,
            layers=self.layers,
            whole=self.whole,
            steps=self.steps,
        )

    def learner(self, model: nn.Module) -> Descent:
        """AdamW with cut gradients."""
        return Descent(model, lr=self.lr, weight_decay=5e-5, clip=0.5)


@dataclass(frozen=True)
class Study:
    """Which simulators are trained and compared."""

    models: tuple[ModelName, ...] = ("vae", "plain", "masked", "flow")
    """vae: as published; plain: the same without mass and pT in the loss; masked: with a number of particles;
    flow: flow matching."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, batches and noise."""
    check_jets: int = 2000
    """Validation jets, at most, by which a checkpoint is measured."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""
    vae: Vae = field(default_factory=Vae)
    masked: Vae = field(default_factory=lambda: Vae(masked=True))
    flow: Flow = field(default_factory=Flow)

    def __post_init__(self) -> None:
        if not (self.models and self.seeds):
            raise InputError("at least one model and one seed are needed")

    def parts(self) -> list["Part"]:
        """All trainings, those of the first seed first."""
        return [Part(name, seed) for seed in self.seeds for name in dict.fromkeys(self.models)]

    def of(self, part: "Part") -> Any:
        """Sizes and training of a part."""
        if part.model == "plain":
            return replace(self.vae, mass=0.0, pt=0.0)
        return getattr(self, part.model)


class Part(NamedTuple):
    """One training of the study."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``vae-seed1``."""
        return f"{self.model}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": TITLES[self.model]}


def build(_: Part, settings: Any, kept: Mapping[str, Any]) -> nn.Module:
    """The simulator of a part; its units come with the weights."""
    model: nn.Module = settings.build(kept["units"], kept["particles"])
    return model


MODELS = Models(Part, lambda part: type(Study().of(part)), build)


def train_one(study: Study, data: Split[JetPairs], folder: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one simulator; the check kept is nearest to the validation jets."""
    settings, columns = study.of(part), columns_of(data.train)
    units, particles = units_of(columns), columns["generated_mask"].shape[1]
    torch.manual_seed(part.seed)
    model = settings.build(units, particles)
    checked = data.validation.first(study.check_jets)
    before = mean_loss(model, checked, seed=part.seed)
    history = fit_generator(
        settings.learner(model),
        columns,
        validation_distance(checked, seed=part.seed, device=study.device),
        course=settings.course,
        seed=part.seed,
        folder=folder / part.name,
        device=study.device,
        report=lambda row: report(
            int(row["epoch"]), settings.course.epochs, f"distance {row['distance']:.3g}"
        ),
    )
    pt = torch.hypot(*columns["generated"].sum(dim=1)[:, :2].T)
    kept = {
        "units": units,
        "particles": particles,
        "pt": [float(pt.min()), float(pt.max())],
        "losses": [before, mean_loss(model, checked, seed=part.seed)],
    }
    return Trained(part, model, history, min(row["distance"] for row in history), kept)


def validation_distance(pairs: JetPairs, *, seed: int, device: str = "cpu") -> Distance:
    """`mean_distance` of simulated from reconstructed jets; its error is not known."""
    real = entries(pairs.generated, pairs.reconstructed)

    def distance(model: nn.Module, check: int) -> tuple[float, float]:
        jets = simulated(model, pairs.generated, seed=seed * 1_000_003 + check, device=device)
        return mean_distance(real, entries(pairs.generated, jets)), 0.0

    return distance
