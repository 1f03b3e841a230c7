"""What is trained: the autoencoder on energies as published and on their logarithm, for each sample and seed."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.data.sparse_images import SparseImages
from femtobarn.engine import Batch, MadeTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.losses import inverse_dice
from femtobarn.nn.image_autoencoder import (
    STRIDES,
    Azimuth,
    Energies,
    ImageAutoencoder,
    Slopes,
    Stride,
    network_input,
)
from femtobarn.parts import Report
from femtobarn.physics.event_images import FINE
from femtobarn.study import Models, Split, Trained

#: Of coarse images: also 240 numbers in the middle, from 60 (eta) x 72 (phi) pixels.
Splits = Mapping[str, Split[SparseImages]]
COARSE_GRID, COARSE_STRIDES = (60, 72), ((2, 2), (2, 2), (3, 3))


@dataclass(frozen=True)
class Study:
    """Which autoencoders are trained, and for how long."""

    energies: tuple[Energies, ...] = ("linear", "log")
    """How pixels are seen: energies over 2000 GeV, as published, or log(1 + E / GeV)."""
    channels: tuple[int, ...] = (32, 16, 8)
    """Channels of the stages of the encoder: three for coarse images, five for fine ones."""
    slopes: Slopes = "channel"
    """Slopes of the PReLU: one a channel, or one a pixel and channel as published."""
    azimuth: Azimuth = "circular"
    """Whether convolutions go round in phi, or see zeros beyond a seam, as published."""
    objective: Literal["inverse Dice", "its logarithm"] = "its logarithm"
    """What is minimised: the mean of the inverse Dice, as published, which the worst events rule, or of log(1 + it).
    The score is the inverse Dice in both cases."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and of the batches."""
    train: Training = field(default_factory=lambda: Training(epochs=15, batch=32, lr=3e-3))

    def __post_init__(self) -> None:
        if not (self.energies and self.seeds) or len(self.channels) not in (
            len(COARSE_STRIDES),
            len(STRIDES),
        ):
            raise InputError(f"expected a kind of energies, a seed, and three or five channels: got {self}")


class Part(NamedTuple):
    """One training."""

    sample: str
    energies: Energies
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``stand-in-log-seed1``."""
        return f"{self.sample} {self.energies} seed{self.seed}".replace(" ", "-")

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"sample": self.sample, "energies": self.energies}


def network(part: Part, settings: Study) -> ImageAutoencoder:
    """The untrained autoencoder of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    fine = len(settings.channels) == len(STRIDES)
    grid: tuple[int, int] = (FINE[0] + 2, FINE[1]) if fine else COARSE_GRID
    strides: tuple[Stride, ...] = STRIDES if fine else COARSE_STRIDES
    return ImageAutoencoder(
        grid, settings.channels, strides,
        energies=part.energies, slopes=settings.slopes, azimuth=settings.azimuth,
    )  # fmt: skip


MODELS = Models(Part, lambda _: Study, lambda part, settings, _: network(part, settings))


def parts(study: Study, splits: Splits) -> list[Part]:
    """All trainings, those of the first seed first."""
    return [Part(name, e, seed) for seed in study.seeds for name in splits for e in study.energies]


def train_one(study: Study, splits: Splits, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one autoencoder on QCD; the epoch kept has the smallest loss on validation events."""
    model, split = network(part, study), splits[part.sample]
    before = _median(model, split.validation)
    fitted = fit(
        model.train(),  # the trainer leaves it in the mode it finds
        functools.partial(_loss, study.objective),
        *(_table(each) for each in (split.train, split.validation)),
        settings=study.train,
        seed=part.seed,
        folder=work / part.name,
        report=lambda row: report(int(row["epoch"]) + 1, study.train.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )
    kept = {"before": before, "after": _median(model, split.validation)}
    return Trained(part, model.eval(), fitted.history, fitted.validation, kept)


@torch.inference_mode()
def scores(model: ImageAutoencoder, events: SparseImages) -> dict[str, np.ndarray]:
    """Of each event: inverse Dice, the energy that comes out in the network's unit, whether the images overlap."""
    found = []
    for piece in events.pieces():
        x = network_input(piece)
        y, z = model.prepared(x), model(x)
        sums = z.sum(dim=(1, 2, 3)), (y * z).sum(dim=(1, 2, 3)) > 0
        found.append(torch.stack((inverse_dice(z, y), *sums)).double().numpy())
    return dict(zip(("inverse Dice", "restored", "overlap"), np.concatenate(found, axis=1), strict=True))


def _table(events: SparseImages) -> MadeTable:
    return MadeTable(lambda rows: {"image": network_input(events.full(rows))}, len(events))


def _median(model: ImageAutoencoder, events: SparseImages) -> float:
    return float(np.median(scores(model.eval(), events)["inverse Dice"]))


def _loss(objective: str, model: nn.Module, batch: Batch) -> Tensor:
    score: Tensor = model.score(batch["image"])  # type: ignore[operator]
    return (score if objective == "inverse Dice" else score.log1p()).mean()
