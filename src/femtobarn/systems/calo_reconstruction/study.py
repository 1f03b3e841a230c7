"""What is trained in one run: a network for each task, geometry and seed, each a part that can be done on its own."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.engine import TensorTable, Training, fit, load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.physics.resampling import Geometry
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.systems.calo_reconstruction.model import CellNetwork, Cnn, Dnn, GoogLeNet, Output, scalars
from femtobarn.systems.calo_reconstruction.objectives import JointLoss
from femtobarn.systems.calo_reconstruction.sample import TASKS, Data, ShowerTable, Split, TaskName, of_task

NetworkName = Literal["dnn", "cnn", "googlenet"]
TITLES = {
    "dnn": "DNN",
    "cnn": "CNN",
    "googlenet": "GoogLeNet",
    "trees": "BDT on shapes",
    "trees-layers": "BDT on shapes and layers",
}
GEOMETRIES = {"clic": "CLIC", "atlas": "ATLAS-like", "cms": "CMS-like"}


@dataclass(frozen=True)
class DnnSettings:
    """Size and training of the dense network."""

    hidden: int = 512
    """Width of all layers."""
    layers: int = 4
    """Hidden layers after the first."""
    dropout: float = 0.04
    """After each of them."""
    train: Training = field(
        default_factory=lambda: Training(epochs=100, batch=1000, lr=2e-4, schedule="constant", clip=None)
    )


@dataclass(frozen=True)
class CnnSettings:
    """Size and training of the convolutional network."""

    filters: int = 3
    """Of either convolution."""
    kernel: int = 4
    """Of the ECAL's convolution, cells."""
    hidden: int = 512
    """Width of the dense layers."""
    layers: int = 4
    """Dense layers."""
    dropout: float = 0.12
    """After each of them."""
    train: Training = field(
        default_factory=lambda: Training(epochs=100, batch=1000, lr=4e-4, schedule="constant", clip=None)
    )


@dataclass(frozen=True)
class GoogLeNetSettings:
    """Size and training of the 3-D GoogLeNet."""

    width: float = 1.0
    """By which all channels are multiplied."""
    stride: int = 1
    """Of the first convolution."""
    blocks: tuple[tuple[str, ...], ...] = (("a3", "b3"), ("a4", "b4", "c4", "d4", "e4"), ("a5", "b5"))
    """Inception blocks, in groups with pooling between them."""
    hidden: int = 1024
    """Width of the dense layer."""
    dropout: float = 0.01
    """After it."""
    train: Training = field(
        default_factory=lambda: Training(epochs=10, batch=100, lr=1e-4, schedule="constant", clip=None)
    )


@dataclass(frozen=True)
class Loss:
    """Weights of the joint loss."""

    classify: float = 1.0
    """Of the cross entropy."""
    energy: float = 1.0
    """Of the squared error of the energy."""
    eta: float = 10.0
    """Of that of the pseudorapidity."""
    phi: float = 0.0
    """Of that of the azimuth."""


@dataclass(frozen=True)
class Study:
    """Which networks are trained on which tasks, and with what sizes."""

    tasks: tuple[TaskName, ...] = ("e-pi", "e-gamma", "gamma-pi0")
    """Pairs of species; each network tells them apart and measures their energy."""
    networks: tuple[NetworkName, ...] = ("dnn", "cnn", "googlenet")
    """Trained on all tasks in CLIC's granularity."""
    seeds: tuple[int, ...] = (1,)
    """Of the trainings."""
    resampled: tuple[NetworkName, ...] = ("cnn",)
    """Also trained on the cells of the other detectors, with the first seed."""
    resampled_tasks: tuple[TaskName, ...] = ("e-pi", "e-gamma", "gamma-pi0")
    """On these tasks."""
    geometries: tuple[Geometry, ...] = ("atlas", "cms")
    """The other detectors."""
    power: float = 1.0
    """To which energies of cells are raised before the networks; 1 as published."""
    embedding: int = 0
    """Numbers that the energy of each layer becomes, told beside the cells; 0 as published, without."""
    compensating: bool = False
    """Start the energy from software compensation; not published."""
    mirror: bool = False
    """Mirror batches at random; not published."""
    loss: Loss = field(default_factory=Loss)
    dnn: DnnSettings = field(default_factory=DnnSettings)
    cnn: CnnSettings = field(default_factory=CnnSettings)
    googlenet: GoogLeNetSettings = field(default_factory=GoogLeNetSettings)

    def __post_init__(self) -> None:
        if not (self.tasks and self.networks and self.seeds):
            raise InputError("at least one task, one network and one seed are needed")
        if not 0 < self.power <= 1:
            raise InputError(f"expected a power above 0 and up to 1, got {self.power}")

    def parts(self) -> list["Part"]:
        """All trainings, those that take longest first."""
        order = sorted(self.networks, key=["googlenet", "cnn", "dnn"].index)
        found = [
            Part(network, task, "clic", seed)
            for network in order
            for task in self.tasks
            for seed in self.seeds
        ]
        return found + [
            Part(network, task, geometry, self.seeds[0])
            for network in self.resampled
            for task in self.tasks
            if task in self.resampled_tasks
            for geometry in self.geometries
        ]


class Part(NamedTuple):
    """One training of the study."""

    network: str
    task: str
    geometry: str
    seed: int

    @property
    def name(self) -> str:
        """As it is called on disk and by ``predict --model``, such as ``cnn-gamma-pi0-clic-seed1``."""
        return f"{self.network}-{self.task}-{self.geometry}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """As it is labelled in tables; parts that differ by their seed only have the same labels."""
        return {
            "task": TASKS[self.task].title,
            "method": TITLES[self.network],
            "cells": GEOMETRIES[self.geometry],
        }


class Trained(NamedTuple):
    """A trained network and how it came to be."""

    part: Part
    model: CellNetwork
    window: int
    history: list[dict[str, float]]
    validation: float


def build(part: Part, study: Study, *, window: int, calibration: Calibration) -> CellNetwork:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    given = scalars(study.embedding, study.compensating)
    body: nn.Module
    match part.network:
        case "dnn":
            d = study.dnn
            body = Dnn(window=window, given=given, hidden=d.hidden, layers=d.layers, dropout=d.dropout)
            size = d.hidden
        case "cnn":
            c = study.cnn
            body = Cnn(
                window=window, given=given, filters=c.filters, kernel=c.kernel, hidden=c.hidden, layers=c.layers,
                dropout=c.dropout,
            )  # fmt: skip
            size = c.hidden
        case _:
            g = study.googlenet
            body = GoogLeNet(
                given=given,
                width=g.width,
                stride=g.stride,
                blocks=g.blocks,
                hidden=g.hidden,
                dropout=g.dropout,
            )
            body = body.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
            size = g.hidden
    return CellNetwork(
        body,
        size,
        calibration=calibration,
        window=window,
        geometry=part.geometry,  # type: ignore[arg-type]
        power=study.power,
        embedding=study.embedding,
        compensating=study.compensating,
    )


def train_part(
    part: Part,
    split: Split,
    *,
    data: Data,
    study: Study,
    work: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train one network and leave ``model.pt`` in its folder under `work`; nothing is done if it is there already."""
    folder = work / part.name
    if (folder / "model.pt").exists():
        return
    settings: Training = getattr(study, part.network).train
    train, validation = (table(showers, part.task, data) for showers in (split.train, split.validation))
    model = build(part, study, window=data.window, calibration=split.calibration)
    if study.compensating:
        model.begin(train[rows] for rows in torch.split(torch.arange(len(train)), 250))
    weights = asdict(study.loss)
    result = fit(
        model,
        JointLoss(**weights, mirror=study.mirror),
        train,
        validation,
        settings=settings,
        seed=part.seed,
        folder=folder,
        validate=JointLoss(**weights),
        report=lambda row: report(
            int(row["epoch"]) + 1, settings.epochs, f"validation loss {row['validation']:.4f}"
        ),
        progress=False,
    )
    save_part(Trained(part, model, data.window, result.history, result.validation), study, folder)
    for checkpoint in ("last.ckpt", "best.ckpt"):  # they served to resume; model.pt is what stays
        (folder / checkpoint).unlink(missing_ok=True)


def table(showers: Showers, task: str, data: Data) -> ShowerTable:
    """The showers of a task with their classes."""
    rows, label, _ = of_task(showers, task, data)
    # Batch norm cannot be trained on a last batch of one shower.
    return ShowerTable(showers.take(rows), window=data.window, label=label)


def save_part(trained: Trained, study: Study, folder: Path) -> None:
    """Write ``model.pt``: weights, history, and the settings to build the network again."""
    content = {
        "part": trained.part._asdict(),
        "study": _plain(asdict(study)),
        "window": trained.window,
        "weights": trained.model.state_dict(),
        "history": trained.history,
        "validation": trained.validation,
    }
    save_tensors(content, folder / "model.pt")


def load_part(folder: Path) -> Trained:
    """The trained network in a folder that ``train_part`` wrote.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "model.pt")
    try:
        part, window = Part(**content["part"]), int(content["window"])
        study = from_dict(Study, content["study"])
        model = build(part, study, window=window, calibration=Calibration(1.0, 1.0))
        model.load_state_dict(content["weights"])
        return Trained(part, model.eval(), window, content["history"], content["validation"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"{folder / 'model.pt'} does not hold a network of this system") from error


def choose(run: Run, name: str | None) -> Trained:
    """The trained network of that name; without one, that of CLIC cells with the best first task's validation loss.

    Raises:
        InputError: The run holds no trained network, or none of that name.
    """
    trained = [load_part(folder) for folder in run.trained(name)]
    first = run.settings["study"]["tasks"][0]
    fit_for = [each for each in trained if each.part.geometry == "clic" and each.part.task == first]
    return min(fit_for or trained, key=lambda each: (each.validation, each.part.name))


@torch.no_grad()
def outputs(model: CellNetwork, showers: ShowerTable | TensorTable, *, chunk: int = 250) -> Output:
    """What a network says about all showers, float64 arrays."""
    parts = []
    for start in range(0, len(showers), chunk):
        batch = showers[torch.arange(start, min(start + chunk, len(showers)))]
        parts.append(model(*(batch[name] for name in ("ecal", "hcal", "sums", "direction"))))
    return Output(*(torch.cat(column).double() for column in zip(*parts, strict=True)))


def weights(model: nn.Module) -> int:
    """Number of trained parameters."""
    return int(np.sum([weight.numel() for weight in model.parameters() if weight.requires_grad]))


def _plain(value: object) -> object:
    """Tuples as lists, as in a run's settings."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
