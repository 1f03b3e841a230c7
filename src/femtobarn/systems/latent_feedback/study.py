"""What is trained: inverse models on maps from a box and from one twice as wide, and an autoencoder of wafers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from femtobarn.engine import Batch, TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.evaluation.wafer_feedback import charges, wafer_image
from femtobarn.nn import MapInverse, map_cross_entropy
from femtobarn.nn.wafer_autoencoder import Autoencoder, Encoder, LargeDecoder
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.latent_feedback.data import Data, Problem

NARROW, WIDE, WAFERS = "narrow", "wide", "wafers"


@dataclass(frozen=True)
class Study:
    """Which networks are trained, and how."""

    boxes: tuple[str, ...] = (NARROW, WIDE, WAFERS)
    """narrow: spots as in the histories before they drift; wide: twice as far out and up to twice as large; wafers: the
    autoencoder of the calorimeter."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, of the maps and of their order."""
    codes: int = 8
    """Length of the code that is tuned."""
    channels: int = 16
    """Of the first convolution."""
    train: Training = field(default_factory=lambda: Training(epochs=10, batch=50, lr=3e-3))
    wafers: int = 4000
    """Wafers to train the autoencoder on."""

    def __post_init__(self) -> None:
        if not self.seeds or NARROW not in self.boxes or not set(self.boxes) <= {NARROW, WIDE, WAFERS}:
            raise InputError(
                f"expected a seed and boxes among narrow, wide and wafers, narrow being one, got {self.boxes}"
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


def network(part: Part, study: Study, pixels: int, size: int) -> MapInverse | Autoencoder:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    if part.box == WAFERS:
        return Autoencoder(Encoder(bits=9), LargeDecoder(width=64, blocks=2))
    return MapInverse(pixels, size, codes=study.codes, channels=study.channels)


MODELS = Models(
    Part, lambda _: Study, lambda part, study, kept: network(part, study, kept["pixels"], kept["size"])
)


def train_one(
    study: Study, data: Data, problem: Problem, work: Path, part: Part, report: Report
) -> Trained[Part]:
    """Train one network; the epoch with the least validation loss is kept."""
    kept = {"pixels": data.machine.line.pixels, "size": data.size}
    model = network(part, study, **kept)
    if isinstance(model, MapInverse):
        train, validation = (
            problem.pairs(name, part.seed, part.box == WIDE) for name in ("train", "validation")
        )
        model.learn_scale(train.columns["settings"])
    else:
        train, validation = (
            TensorTable({"charge": charges(n, seed=n)}) for n in (study.wafers, study.wafers // 8)
        )
    fitted = fit(
        model, loss, train, validation, settings=study.train, seed=part.seed, folder=work / part.name,
        report=lambda row: report(int(row["epoch"]) + 1, study.train.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )  # fmt: skip
    if isinstance(model, MapInverse):
        model.learn_spread(validation.columns["screen"], validation.columns["settings"])
    return Trained(part, model.eval(), fitted.history, fitted.validation, kept)


def loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross entropy of the maps, or of the images of wafers."""
    if "charge" in batch:
        truth = batch["charge"] / batch["charge"].sum(dim=1, keepdim=True)
        return -(truth * wafer_image(model, batch["charge"]).clamp(min=1e-9).log()).sum(dim=1).mean()
    return map_cross_entropy(model.logits(model.encode(batch["screen"], batch["settings"])), batch["map"])
