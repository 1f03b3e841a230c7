"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from femtobarn.data.source import Arrays, InMemory
from femtobarn.data.sparse_images import SparseImages
from femtobarn.datasets import dark_showers
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.metrics.working_point import calibrate
from femtobarn.nn.image_autoencoder import CHANNELS
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.suep import data as events
from femtobarn.systems.suep import judge, study
from femtobarn.systems.suep.data import STAND_IN, Data, Problems
from femtobarn.systems.suep.judge import NETWORK, Evaluation
from femtobarn.systems.suep.study import MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split and of the stand-in."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.data.fine != (len(self.study.channels) == len(CHANNELS)):
            raise InputError("three channels are for coarse images, five for fine ones (data.fine)")


PRESETS = {
    "tiny": Config(
        data=Data(
            public=False, events=120, masses=(1000.0,), signal_events=20, pileup=0.0, pileup_events=0
        ),
        study=Study(seeds=(1,), channels=(8, 8, 4), train=Training(epochs=2, batch=16, lr=5e-3)),
        evaluation=Evaluation(fractions=(0.25,), calls=3),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(path=(Path("dark_showers"),), fine=True, validation=0.1, test=0.3),
        study=Study(
            energies=("linear",), channels=CHANNELS, slopes="pixel", azimuth="zeros",
            objective="inverse Dice",
            train=Training(
                epochs=100, batch=128, lr=1e-3, schedule="constant", clip=None, patience=10
            ),
        ),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "AUC", ("score", "energies"), ((NETWORK, "linear"),), (("number of tracks", ""), ("soft5", "")),
    sample=STAND_IN, signal="SUEP 125 GeV",
)  # fmt: skip


def load(config: Config, *, progress: bool = True) -> Problems:
    """The QCD events of the run; no signal is read here."""
    found = events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)
    for split in found.splits.values():  # too few events for a working point are reported before the training
        calibrate(np.arange(len(split.test)), min(config.evaluation.fractions))
    return found


def train(config: Config, data: Problems, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """The autoencoders of every sample."""
    task = functools.partial(study.train_one, config.study, data.splits, run.folder / "work")
    parts = study.parts(config.study, data.splits)
    return MODELS.train(
        run, parts, task, settings=lambda _: config.study, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config,
    data: Problems,
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001
) -> list[Result]:
    """Every score against every signal: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The inverse Dice and the energy that comes out for every event of the user's files."""
    trained = MODELS.choose(run, model)
    fine = from_dict(Config, run.settings).data.fine

    def scores(piece: Arrays) -> Arrays:
        found = study.scores(trained.model, SparseImages.of_source(InMemory(piece)))
        return {"inverse Dice": found["inverse Dice"], "restored energy": found["restored"]}

    return write_predictions(
        files, output, functools.partial(dark_showers.open_images, fine=fine), scores, columns=("image",),
        model=trained.part.name, rows=200, progress=progress,
    )  # fmt: skip
