"""What is trained: inverse models on maps from a box and from one twice as wide, and an autoencoder of showers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from femtobarn.engine import TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.nn import MapInverse, map_loss
from femtobarn.parts import Report
from femtobarn.simulate.cell_images import cell_images
from femtobarn.study import Models, Trained
from femtobarn.systems.latent_feedback.data import Problem

NARROW, WIDE, CALORIMETER = "narrow", "wide", "calorimeter"


@dataclass(frozen=True)
class Study:
    """Which networks are trained, and how."""

    boxes: tuple[str, ...] = (NARROW, WIDE, CALORIMETER)
    """narrow: spots as in the histories before they drift; wide: twice as far out and up to twice as large;
    calorimeter: an autoencoder of showers, on which the same feedback is tried."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, of the maps and of their order."""
    codes: int = 8
    """Length of the code that is tuned."""
    channels: int = 16
    """Channels of the first convolution."""
    train: Training = field(default_factory=lambda: Training(epochs=10, batch=50, lr=3e-3))
    showers: int = 2500
    """Showers to train the autoencoder of the calorimeter on."""

    def __post_init__(self) -> None:
        if not self.seeds or NARROW not in self.boxes or not set(self.boxes) <= {NARROW, WIDE, CALORIMETER}:
            raise InputError(
                f"expected a seed and boxes among narrow, wide and calorimeter, narrow being one, got {self.boxes}"
            )

    def parts(self) -> list["Part"]:
        """All trainings, those of the first seed first."""
        return [Part(box, seed) for seed in self.seeds for box in self.boxes]


class Part(NamedTuple):
    """One training."""

    box: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``narrow-seed1``."""
        return f"{self.box}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"trained on": f"{self.box} box"}


def network(part: Part, study: Study, pixels: int, size: int) -> MapInverse:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    settings = 0 if part.box == CALORIMETER else 1
    return MapInverse(pixels, size, settings=settings, codes=study.codes, channels=study.channels)


MODELS = Models(
    Part, lambda _: Study, lambda part, study, kept: network(part, study, kept["pixels"], kept["size"])
)


def train_one(study: Study, problem: Problem, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one network; the epoch with the least validation loss is kept."""
    train, validation = (_table(study, problem, part, name) for name in ("train", "validation"))
    kept = {"pixels": train.columns["screen"].shape[-1], "size": train.columns["map"].shape[-1]}
    model = network(part, study, **kept)
    model.learn_scale(train.columns["settings"])
    fitted = fit(
        model, map_loss, train, validation, settings=study.train, seed=part.seed, folder=work / part.name,
        report=lambda row: report(int(row["epoch"]) + 1, study.train.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )  # fmt: skip
    model.learn_spread(validation.columns["screen"], validation.columns["settings"])
    return Trained(part, model.eval(), fitted.history, fitted.validation, kept)


def _table(study: Study, problem: Problem, part: Part, name: str) -> TensorTable:
    if part.box != CALORIMETER:
        return problem.pairs(name, part.seed, part.box == WIDE)
    count = study.showers if name == "train" else max(study.showers // 10, 10)
    images = cell_images(count, generator=np.random.default_rng((part.seed, len(name))))
    share = images / images.sum(dim=(1, 2), keepdim=True)
    return TensorTable({"map": share, "screen": images, "settings": torch.zeros(count, 0)})
