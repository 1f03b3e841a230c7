"""What is trained in one run: networks and trees by task, geometry and seed."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.engine import Training, fit
from femtobarn.errors import InputError
from femtobarn.nn.cell_networks import CellNetwork, Output, ShowerTable, scalars
from femtobarn.parts import Report
from femtobarn.physics.resampling import Geometry
from femtobarn.runs import Run
from femtobarn.study import Models, Split, Trained
from femtobarn.systems.calo_reconstruction.networks import Cnn, Dnn, GoogLeNet
from femtobarn.systems.calo_reconstruction.objectives import JointLoss, in_mirrors
from femtobarn.systems.calo_reconstruction.sample import TASKS, Data, TaskName, calibration, of_task

NetworkName = Literal["dnn", "cnn", "googlenet"]
#: Slowest first.
NETWORKS: dict[str, type[GoogLeNet | Cnn | Dnn]] = {"googlenet": GoogLeNet, "cnn": Cnn, "dnn": Dnn}
TREES = {"trees": "BDT on shapes", "trees-layers": "BDT on shapes and layers"}
GEOMETRIES = {"clic": "CLIC", "atlas": "ATLAS-like", "cms": "CMS-like"}
ROWS = 250  #: dense showers at once


@dataclass(frozen=True)
class Study:
    """Which networks are trained on which tasks, and with what sizes."""

    tasks: tuple[TaskName, ...] = ("e-pi", "e-gamma", "gamma-pi0")
    """Pairs of species; each network tells them apart and measures their energy."""
    networks: tuple[NetworkName, ...] = ("dnn", "cnn", "googlenet")
    """Networks trained on all tasks with the CLIC cells."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the trainings."""
    resampled: tuple[NetworkName, ...] = ("cnn",)
    """Networks also trained on showers resampled to other detectors' cells, with the first seed."""
    resampled_tasks: tuple[TaskName, ...] = ("e-pi", "e-gamma", "gamma-pi0")
    """Tasks of the trainings on resampled cells."""
    geometries: tuple[Geometry, ...] = ("atlas", "cms")
    """Detectors to whose cells the showers are resampled."""
    power: float = 1.0
    """Power to which cell energies are raised before the networks; 1 as published."""
    embedding: int = 0
    """Size of the embedding of the layer energies, an additional input; 0 for none, as published."""
    compensating: bool = False
    """Start the energy regression from software compensation; not as published."""
    mirror: bool = False
    """Augment batches by random reflections; not as published."""
    loss: JointLoss = field(default_factory=JointLoss)
    dnn: Dnn = field(default_factory=Dnn)
    cnn: Cnn = field(default_factory=Cnn)
    googlenet: GoogLeNet = field(default_factory=GoogLeNet)

    def __post_init__(self) -> None:
        if not (self.tasks and self.networks and self.seeds):
            raise InputError("at least one task, one network and one seed are needed")
        if not 0 < self.power <= 1:
            raise InputError(f"expected a power above 0 and up to 1, got {self.power}")

    def parts(self) -> list["Part"]:
        """All trainings, those that take longest first; trees in every granularity that a network is trained in."""
        networks, first = [name for name in NETWORKS if name in self.networks], self.seeds[0]
        found = [Part(*each) for each in itertools.product(networks, self.tasks, ("clic",), self.seeds)]
        tasks = [task for task in self.tasks if task in self.resampled_tasks]
        found += [Part(*each, first) for each in itertools.product(self.resampled, tasks, self.geometries)]
        coarse = self.geometries if self.resampled else ()
        return found + [
            Part(method, task, geometry, first)
            for geometry in ("clic", *coarse)
            for task in self.tasks
            for method in (TREES if geometry == "clic" else ("trees",))
        ]


class Part(NamedTuple):
    """One training of the study."""

    network: str
    """Of `NETWORKS` or `TREES`."""
    task: str
    geometry: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``cnn-gamma-pi0-clic-seed1``."""
        return f"{self.network}-{self.task}-{self.geometry}-seed{self.seed}"

    @property
    def method(self) -> str:
        """The network or the trees, as in tables."""
        return TREES[self.network] if self.network in TREES else NETWORKS[self.network].title

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {
            "task": TASKS[self.task].title,
            "method": self.method,
            "cells": GEOMETRIES[self.geometry],
        }


def build(part: Part, study: Study, kept: Mapping[str, Any]) -> CellNetwork | None:
    """The untrained network of a part; none for trees."""
    return None if part.network in TREES else network(part, study, kept)


def network(part: Part, study: Study, kept: Mapping[str, Any]) -> CellNetwork:
    """An untrained network; its weights depend on the seed alone.

    Args:
        part: Which network, and in which granularity.
        study: Sizes.
        kept: "window" (cells of the ECAL in x and y) and "calibration" (GeV per file unit of ECAL and HCAL).
    """
    torch.manual_seed(part.seed)
    settings, window = getattr(study, part.network), kept["window"]
    given = scalars(study.embedding, study.compensating)
    return CellNetwork(
        settings.build(window=window, given=given),
        settings.hidden,
        calibration=Calibration(*kept["calibration"]),
        window=window,
        geometry=part.geometry,  # type: ignore[arg-type]
        power=study.power,
        embedding=study.embedding,
        compensating=study.compensating,
    )


MODELS = Models(Part, lambda _: Study, build)


def train_network(
    part: Part, split: Split[Showers], folder: Path, report: Report, *, study: Study, data: Data
) -> Trained[Part]:
    """Train one network; the epoch kept has the least joint loss of the validation showers."""
    settings: Training = getattr(study, part.network).train
    train, validation = (
        of_task(showers, part.task, data).table(data.window) for showers in (split.train, split.validation)
    )
    kept = {"window": data.window, "calibration": list(calibration(split))}
    model = network(part, study, kept)
    if study.compensating:
        model.begin(train[rows] for rows in train.batches(ROWS))
    result = fit(
        model,
        in_mirrors(study.loss) if study.mirror else study.loss,
        train,
        validation,
        settings=settings,
        seed=part.seed,
        folder=folder / part.name,
        validate=study.loss,
        report=lambda row: report(
            int(row["epoch"]) + 1, settings.epochs, f"validation loss {row['validation']:.4f}"
        ),
        progress=False,
    )
    return Trained(part, model, result.history, result.validation, kept)


def choose(run: Run, name: str | None) -> Trained[Part]:
    """The network of that name; without one, that of CLIC cells with the best first task's validation loss.

    Raises:
        InputError: The run holds no trained network, or none of that name.
    """
    task = run.settings["study"]["tasks"][0]
    wanted = {Part(network, task, "clic", seed=0) for network in NETWORKS}
    chosen = MODELS.choose(run, name, among=lambda part: part._replace(seed=0) in wanted)
    if chosen.model is None:
        raise InputError(f"{chosen.part.name} is a baseline whose trees are not kept: choose a network")
    return chosen


@torch.no_grad()
def outputs(model: CellNetwork, table: ShowerTable) -> Output:
    """What a network says about all showers, float64 arrays."""
    batches = (table[rows] for rows in table.batches(ROWS))
    parts = [model(*(each[name] for name in ("ecal", "hcal", "sums", "direction"))) for each in batches]
    return Output(*(torch.cat(column).double() for column in zip(*parts, strict=True)))
