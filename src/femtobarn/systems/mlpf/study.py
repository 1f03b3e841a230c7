"""What is trained: the network with three ways to find neighbours, on each sample and seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.engine import Batch, MadeTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.losses import flow_loss, published_flow_loss
from femtobarn.nn import Flow, Mlpf
from femtobarn.nn.binned_graph import Bins
from femtobarn.parts import Report
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import FlowEvents
from femtobarn.study import Models, Split, Trained

TITLES = {"hashed": "MLPF", "random": "MLPF, random bins", "one": "MLPF, exact neighbours"}


@dataclass(frozen=True)
class Network:
    """Sizes of the network; the defaults are as published."""

    width: int = 256
    """Features in all layers."""
    convolutions: int = 2
    """Graph convolutions of each of the two branches."""
    edge: int = 128
    """Width of the network that gives an edge its weight."""
    heads: int = 1
    """Weights of an edge, each for a group of features."""
    dropout: float = 0.2
    """Share dropped in training."""
    dimension: int = 256
    """Dimensions of the embedding in which neighbours are near."""
    bin_size: int = 128
    """Largest number of elements of a bin."""
    neighbours: int = 16
    """Neighbours of each element, itself included."""
    inputs: Literal["scaled", "raw"] = "scaled"
    """Logarithms in and corrections out, or numbers as they come, as published."""
    mask_padding: bool = True
    """Leave padding out of the bins; False is as published."""

    def build(self, bins: str) -> Mlpf:
        """The untrained network."""
        return Mlpf(
            width=self.width, convolutions=self.convolutions, edge=self.edge, heads=self.heads,
            dropout=self.dropout, inputs=self.inputs, dimension=self.dimension, bin_size=self.bin_size,
            neighbours=self.neighbours, bins=bins, mask_padding=self.mask_padding,
        )  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Which networks are trained, and for how long."""

    bins: tuple[Bins, ...] = ("hashed", "random", "one")
    """Ways to find neighbours on the last sample; on the others the first of them alone."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and of the batches."""
    network: Network = field(default_factory=Network)
    objective: Literal["logarithms", "published", "class alone"] = "logarithms"
    """What is minimised: `flow_loss`, `published_flow_loss`, or the cross entropy of the classes."""
    most: int = 0
    """Elements of an event, at most; what is cut is listed in a table. 0 for no limit."""
    train: Training = field(default_factory=lambda: Training(epochs=6, batch=1, lr=3e-3))
    """Epochs are those of the last sample; others get as many steps with as many elements."""

    def __post_init__(self) -> None:
        if not (self.bins and self.seeds) or self.most < 0:
            raise InputError(f"expected a way to find neighbours, a seed and no limit below 0: got {self}")


class Part(NamedTuple):
    """One training."""

    sample: str
    bins: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``pile-up-80-hashed-seed1``."""
        return f"{self.sample} {self.bins} seed{self.seed}".replace(" ", "-")

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"sample": self.sample, "method": TITLES[self.bins]}


def network(part: Part, settings: Study) -> Mlpf:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    return settings.network.build(part.bins)


MODELS = Models(Part, lambda _: Study, lambda part, settings, _: network(part, settings))


def parts(study: Study, samples: list[str]) -> list[Part]:
    """All trainings, those of the first seed first."""
    ways = {name: study.bins if name == samples[-1] else study.bins[:1] for name in samples}
    return [Part(name, bins, seed) for seed in study.seeds for name in samples for bins in ways[name]]


def train_one(
    study: Study, splits: Mapping[str, Split[FlowEvents]], work: Path, part: Part, report: Report
) -> Trained[Part]:
    """Train one network; the epoch kept has the smallest loss on validation events."""
    model, split = network(part, study), splits[part.sample]
    settings = _course(study.train, split.train, list(splits.values())[-1].train)
    fitted = fit(
        model.train(),
        _Objective(study.objective),
        *(_table(each, study.most) for each in (split.train, split.validation)),
        settings=settings,
        seed=part.seed,
        folder=work / part.name,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"loss {row['validation']:.3g}"),
        progress=False,
    )
    return Trained(part, model.eval(), fitted.history, fitted.validation)


def particles(model: Mlpf, events: FlowEvents, *, most: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What a network makes of each element: rows of particles, and the probability of each class.

    Elements that are cut from their event get no particle.
    """
    found = np.zeros((len(events.element), len(flow.PARTICLE_COLUMNS)), np.float32)
    score = np.zeros((len(events.element), len(flow.CLASSES)))
    score[:, flow.NONE] = 1.0
    for start, stop in zip(events.offset[:-1].tolist(), events.offset[1:].tolist(), strict=True):
        rows = slice(start, min(stop, start + most) if most else stop)
        found[rows], score[rows] = _said(model, events.element[rows])
    return found, score


def particles_of(model: Mlpf, element: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for the elements of one event: particles, and the probability of the class of each."""
    found, score = _said(model, element)
    return found, score.max(axis=1, initial=0.0)


@torch.inference_mode()
def _said(model: Mlpf, element: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    given = torch.from_numpy(element)[None]
    said = model(given, torch.ones(given.shape[:2], dtype=torch.bool))
    logits, charge, momentum = (each[0].double() for each in said)
    score = logits.softmax(dim=-1).numpy()
    kind = score.argmax(axis=1)
    pt, eta, sin, cos, energy = momentum.numpy().T
    size = np.maximum(np.hypot(sin, cos), 1e-9)
    sign = np.where(element[:, 0] == flow.TRACK, element[:, 9], np.rint(charge.numpy()).clip(-1, 1))
    sign[np.isin(kind, (flow.NEUTRAL, flow.PHOTON))] = 0.0
    pt, energy = np.maximum(pt, 0), np.maximum(energy, 0)
    rows = np.column_stack((kind, sign, pt, eta, sin / size, cos / size, energy))
    rows[kind == flow.NONE] = 0.0
    return rows.astype(np.float32), score


class _Objective:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        element, target, mask = batch["element"], batch["target"], batch["mask"]
        said: Flow = model(element, mask)
        if self.name == "published":
            return published_flow_loss(said.logits, said.charge, said.momentum, target)
        if self.name == "class alone":
            entropy = nn.functional.cross_entropy(
                said.logits.flatten(0, 1), target[..., 0].long().flatten(), reduction="none"
            )
            return torch.where(mask.flatten(), entropy, 0.0).sum() / mask.sum().clamp(min=1)
        return flow_loss(said.logits, said.charge, said.momentum, target, mask)


def _table(events: FlowEvents, most: int) -> MadeTable:
    """Batches of whole events, padded to the longest of the batch."""

    def make(rows: np.ndarray) -> Batch:
        some = events.take(rows)
        longest = int(np.diff(some.offset).max(initial=1))
        element, mask, _ = some.padded(min(longest, most) if most else longest)
        target = np.zeros((*mask.shape, len(flow.PARTICLE_COLUMNS)), np.float32)
        inside = np.arange(len(some.element)) - some.offset[some.event] < mask.shape[1]
        target[mask] = some.target[inside]
        return {
            "element": torch.from_numpy(element),
            "target": torch.from_numpy(target),
            "mask": torch.from_numpy(mask),
        }

    return MadeTable(make, len(events))


def _course(settings: Training, mine: FlowEvents, main: FlowEvents) -> Training:
    """The training of a sample of smaller events: batches of as many elements, as many steps."""
    size = [len(each.element) / max(len(each), 1) for each in (mine, main)]
    batch = max(1, round(settings.batch * size[1] / max(size[0], 1)))
    steps = settings.epochs * len(main) / settings.batch
    return replace(settings, batch=batch, epochs=max(1, round(steps * batch / max(len(mine), 1))))
