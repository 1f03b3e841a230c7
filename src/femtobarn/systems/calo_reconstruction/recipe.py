"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from femtobarn.datasets import clic
from femtobarn.datasets.clic import Showers
from femtobarn.engine import Training
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.parts import Report
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Split, Trained, headline, write_predictions
from femtobarn.systems.calo_reconstruction import (
    baselines,
    energy_measurement,
    evaluation,
    figures,
    identification,
    study,
)
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation
from femtobarn.systems.calo_reconstruction.networks import Cnn, Dnn, GoogLeNet
from femtobarn.systems.calo_reconstruction.objectives import JointLoss
from femtobarn.systems.calo_reconstruction.sample import (
    TASKS,
    Data,
    Selection,
    calibration,
    load_split,
    of_task,
)
from femtobarn.systems.calo_reconstruction.study import MODELS, TREES, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the simulated showers and of the split."""
    workers: int = 2
    """Processes that simulate and train side by side."""


_TINY = Training(epochs=2, batch=20, lr=1e-3)


def _demo(epochs: int, lr: float, decay: float) -> Training:
    return Training(epochs=epochs, batch=32, lr=lr, weight_decay=decay)


PRESETS = {
    "tiny": Config(
        data=Data(showers=60, energy=(1.0, 4.0), window=13),
        study=Study(
            networks=("cnn", "dnn"),
            tasks=("e-pi",),
            resampled=("dnn",),
            geometries=("cms",),
            power=0.5,
            embedding=4,
            compensating=True,
            mirror=True,
            dnn=Dnn(hidden=16, layers=1, train=_TINY),
            cnn=Cnn(filters=2, hidden=16, layers=1, train=_TINY),
            googlenet=GoogLeNet(width=1 / 64, stride=2, blocks=(("a3",), ("a4",)), hidden=16, train=_TINY),
        ),
        evaluation=Evaluation(
            bins=(1.0, 2.0, 3.0, 4.0), wide_bins=(1.0, 4.0), bootstraps=5, rounds=20, least=5, calls=2
        ),
        workers=1,
    ),
    "demo": Config(
        data=Data(extra=1000),
        study=Study(
            power=0.3,
            embedding=8,
            compensating=True,
            mirror=True,
            resampled_tasks=("e-gamma", "gamma-pi0"),
            loss=JointLoss(energy=30.0, eta=1.0),
            dnn=Dnn(hidden=96, layers=2, dropout=0.3, train=_demo(8, 5e-4, 0.1)),
            cnn=Cnn(filters=6, hidden=64, layers=2, dropout=0.3, train=_demo(6, 2e-3, 0.01)),
            googlenet=GoogLeNet(
                width=1 / 8,
                stride=2,
                blocks=((), ("a3", "b3"), ("b5",)),
                hidden=64,
                dropout=0.1,
                train=_demo(6, 3e-3, 0.01),
            ),
        ),
    ),
    "paper": Config(
        data=Data(
            showers=400_000, files=(Path("EleEscan"), Path("GammaEscan"), Path("Pi0Escan"), Path("ChPiEscan"))
        ),
        evaluation=Evaluation(
            bins=(10.0, 20.0, 30.0, 50.0, 80.0, 120.0, 180.0, 260.0, 350.0, 500.0),
            wide_bins=(10.0, 30.0, 60.0, 100.0, 200.0, 500.0),
        ),
    ),
}

PUBLISHED = read_published(__package__)
HEADLINE = headline("AUC", "method", ("GoogLeNet", "CNN"), ("BDT on shapes",), task="γ or π⁰", cells="CLIC")


def load(config: Config, *, progress: bool) -> Split[Showers]:
    """The showers of the run."""
    return load_split(
        config.data, config.study.tasks, seed=config.seed, workers=config.workers, progress=progress
    )


def train(config: Config, data: Split[Showers], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every network, and the trees."""
    run.log(event="calibration", **calibration(data)._asdict())
    return MODELS.train(
        run,
        config.study.parts(),
        functools.partial(_train, config, data, run.folder / "work"),
        settings=lambda _: config.study,
        title="trainings",
        workers=config.workers,
        progress=progress,
    )


def _train(config: Config, data: Split[Showers], work: Path, part: Part, report: Report) -> Trained[Part]:
    if part.network in TREES:
        rounds = config.evaluation.rounds
        return baselines.train_trees(part, data, report, data=config.data, rounds=rounds)
    return study.train_network(part, data, work, report, study=config.study, data=config.data)


def evaluate(
    config: Config,
    data: Split[Showers],
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Identification and energy on the test showers: results, and the figures of the report."""
    settings, window = config.evaluation, config.data.window
    tests: dict[str, Selection] = {task: of_task(data.test, task, config.data) for task in config.study.tasks}
    outcomes = evaluation.outcomes(trained, tests, window=window)
    estimates = energy_measurement.energies(outcomes, tests, data, config.data)
    figures.draw(run, outcomes, estimates, tests, data, settings, trained)
    return [
        *identification.results(outcomes, tests, settings),
        *identification.gains(outcomes, tests, settings),
        *energy_measurement.results(estimates, settings),
        *identification.filters(tests),
        *evaluation.costs(trained, tests, window=window, calls=settings.calls),
    ]


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Write class probability, energy and direction of every shower, in the order of the files.

    Columns: ``probability`` of the signal for equal numbers of both species (the attributes "signal" and
    "background" name them), ``energy`` in GeV, ``eta``, ``phi`` in rad. Cells are taken to be in the unit of the
    network's training files.

    Args:
        run: A finished run.
        files: Files in the LCD layout, see ``datasets.clic``.
        output: HDF5 file to write.
        model: Name of a trained network, such as ``cnn-gamma-pi0-clic-seed1``; if not given, the one of the first
            task with the least validation loss.
        progress: Show a bar.
    """
    trained = study.choose(run, model)
    task = TASKS[trained.part.task]

    def said(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        table = ShowerTable(clic.sparse(dict(columns)), window=trained.kept["window"])
        out = study.outputs(trained.model, table)
        found = {
            "probability": torch.sigmoid(out.logit),
            "energy": out.energy,
            "eta": out.eta,
            "phi": out.phi,
        }
        return {name: column.float().numpy() for name, column in found.items()}

    return write_predictions(
        files,
        output,
        lambda path: clic.open_showers([path]),
        said,
        model=trained.part.name,
        what="showers",
        units={"probability": "", "energy": "GeV", "eta": "", "phi": "rad"},
        attributes={"signal": task.signal, "background": task.background},
        rows=500,
        progress=progress,
    )
