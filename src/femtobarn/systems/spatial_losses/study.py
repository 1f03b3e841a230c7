"""What is trained: one U-net for each loss, with and without the forecast of motion among what it sees."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.data.tiles import event_tiles, tile_maker
from femtobarn.engine import Batch, MadeTable, Objective, Training, fit_rates
from femtobarn.errors import InputError
from femtobarn.evaluation.maps.nowcasting import Nowcasts
from femtobarn.losses import SpatialScore, spatial_score
from femtobarn.nn import CorrectedMap
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.spatial_losses.data import Problem

Inputs = Literal["observed", "observed + guess"]
BOTH: Inputs = "observed + guess"


@dataclass(frozen=True)
class Study:
    """What is trained, and how."""

    losses: tuple[str, ...] = ("brier_neigh0", "fss_neigh4", "csi_neigh0", "brier_0.0800d_infd")
    """Names of scores, see `losses.spatial_score`; numbers of bands in the unit of the pitch of the pixels."""
    inputs: tuple[Inputs, ...] = (BOTH, "observed")
    """What the networks see: with the forecast of motion (for showers the mean footprint), or without."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights, of the tiles and of their order."""
    channels: tuple[int, ...] = (8, 16, 32)
    """Channels of the U-net, finest scale first."""
    tile: int = 64
    """Pixels a side of what is trained on."""
    tiles: int = 128
    """Tiles of an epoch."""
    anywhere: float = 0.5
    """Share of the tiles that are drawn anywhere; the others hold an event."""
    checks: int = 48
    """Tiles of the validation maps by which the epoch and the learning rate are chosen."""
    rates: tuple[float, ...] = (3e-3, 1e-2)
    """Learning rates; each loss takes the one by which its own validation loss falls most with the first seed."""
    window: Literal["none", "blackman"] = "none"
    """Window of Fourier bands; "blackman" as published, which weakens what is far from the centre."""
    train: Training = field(default_factory=lambda: Training(epochs=4, batch=8, lr=3e-3))
    """Training of each network; its own learning rate is not used."""

    def __post_init__(self) -> None:
        if not (self.losses and self.inputs and self.seeds and self.rates) or min(self.tile, self.tiles) < 8:
            raise InputError(
                "expected a loss, an input, a seed, a rate, and 8 tiles of 8 pixels or more, got less"
            )
        for name in self.losses:
            spatial_score(name).as_loss(torch.zeros(()))

    def parts(self) -> list["Part"]:
        """All trainings, those of the first seed first."""
        each = itertools.product(self.seeds, self.inputs, self.losses)
        return [Part(loss, inputs, seed, self.seeds[0]) for seed, inputs, loss in each]


class Part(NamedTuple):
    """One training."""

    loss: str
    inputs: str
    seed: int
    first: int
    """The seed with which the learning rate is chosen."""

    @property
    def name(self) -> str:
        """Its folder, such as ``fss_neigh4-observed-seed1``."""
        return f"{self.loss}-{self.inputs.replace(' + ', '-')}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"method": f"U-net, {spatial_score(self.loss).title}", "sees": self.inputs}


def build(part: Part, settings: Study, kept: Mapping[str, Any]) -> CorrectedMap:
    """The untrained network; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    about = {"threshold": kept["threshold"], "guided": part.inputs == BOTH, "channels": settings.channels}
    return CorrectedMap(kept["past"], kept["leads"], **about)


#: The first seed chooses the learning rate, so it comes first.
MODELS = Models(Part, lambda _: Study, build, needs=lambda part: {part._replace(seed=part.first)} - {part})


def train_one(study: Study, problem: Problem, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one network; epoch and learning rate are those with the least of its own loss on validation tiles."""
    score = spatial_score(part.loss, pitch=problem.pitch, window=study.window)
    kept: dict[str, Any] = {"past": problem.train.past.shape[1], "leads": len(problem.leads)}
    kept |= {name: getattr(problem, name) for name in ("threshold", "pitch")}
    kept |= {} if problem.mean is None else {"mean": torch.from_numpy(problem.mean)}
    first = part._replace(seed=part.first)
    rates = study.rates if part == first else (MODELS.load(work / first.name).kept["rate"],)
    model, fitted, rate = fit_rates(
        lambda: build(part, study, kept), lesson(score),
        tiles(study, problem.train, score, count=study.tiles, seed=part.seed),
        tiles(study, problem.validation, score, count=study.checks, seed=0),
        rates=rates, settings=study.train, seed=part.seed, folder=work / part.name, report=report,
    )  # fmt: skip
    return Trained(part, model.eval(), fitted.history, fitted.validation, kept | {"rate": rate})


def tiles(study: Study, maps: Nowcasts, score: SpatialScore, *, count: int, seed: int) -> MadeTable:
    """Tiles drawn at random; targets after the filter of the score."""
    side = min(study.tile, *maps.target.shape[-2:])
    columns = {name: torch.from_numpy(getattr(maps, name)) for name in ("past", "guess", "target", "known")}
    pairs = zip(columns["target"], columns["known"], strict=True)
    columns["target"] = torch.stack([score.filtered(target, known) for target, known in pairs])
    draw = np.random.default_rng([seed, 5])
    places = event_tiles(maps.target, side, count, anywhere=study.anywhere, generator=draw)
    return MadeTable(tile_maker(columns, places, side), count)


def lesson(score: SpatialScore) -> Objective:
    """The score as a loss, averaged over the leads."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        probability = torch.sigmoid(model(batch["past"], batch["guess"]))
        return score.mean_loss(probability, batch["target"], batch["known"])

    return loss
