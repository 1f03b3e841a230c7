"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from femtobarn.datasets import jetclass
from femtobarn.datasets.jetclass import Jets
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.set_vae import data as jets
from femtobarn.systems.set_vae import judge, study
from femtobarn.systems.set_vae.data import Data, Samples
from femtobarn.systems.set_vae.judge import Evaluation
from femtobarn.systems.set_vae.study import CLIP, LOSSES, MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the stand-in, the split and the bootstrap."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")


PRESETS = {
    "tiny": Config(
        data=Data(
            jets=240, signals=("Hbb", "Tbl"), signal_jets=40, dijets=40, particles=24, validation=0.1, test=0.5
        ),
        study=Study(
            seeds=(1,), width=8, hidden=16, layers=2, latent=4,
            train=Training(epochs=3, batch=32, lr=3e-3, clip=0.5),
        ),
        evaluation=Evaluation(fractions=(0.2,), draws=10, calls=5),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(
            folder=Path("JetClass"), jets=1_500_000, signal_jets=2_000_000, particles=128, validation=0.1, test=0.2
        ),
        study=Study(
            width=64, hidden=128, momentum=0.01, first_batch=False,
            train=Training(
                epochs=100, batch=256, lr=1e-3, schedule="constant", weight_decay=0.01, clip=0.5
            ),
        ),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "mean AUC over signals",
    "score",
    ("error", "KL"),
    ("t", "Mahalanobis distance"),
)


def load(config: Config, *, progress: bool = True) -> Samples:
    """The jets of QCD of the run; no signal is read here."""
    return jets.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Samples, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """All models, each with every seed."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run,
        config.study.parts(),
        task,
        settings=lambda _: config.study,
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config, data: Samples, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every score against every signal: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation, progress=progress)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The scores of a model for every jet of the user's files in the layout of JetClass, a column each."""
    trained = MODELS.choose(run, model, among=lambda part: part.model == CLIP)
    particles = run.settings["data"]["particles"]

    def scores(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = study.scores(trained.model, Jets(**piece), LOSSES[trained.part.model])
        return {name.replace(" ", "_"): values for name, values in found.items()}

    source = functools.partial(jetclass.open_jets, particles=particles)
    columns = ("particles", "species", "jet", "tau")
    return write_predictions(
        files,
        output,
        source,
        scores,
        columns=columns,
        model=trained.part.name,
        what="jets",
        progress=progress,
    )
