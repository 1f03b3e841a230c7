"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from femtobarn.datasets import dark_showers
from femtobarn.engine import Training
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.codae import data as events
from femtobarn.systems.codae import judge, study
from femtobarn.systems.codae.data import Data, Events
from femtobarn.systems.codae.judge import Evaluation
from femtobarn.systems.codae.study import MODELS, Part, Study


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


_SHORT = Training(epochs=2, batch=16, lr=3e-3)
_MINUTES = Training(epochs=20, batch=32, lr=3e-3, weight_decay=1e-4)
PRESETS = {
    "tiny": Config(
        data=Data(public=False, events=120, signals=("SUEP 400 GeV", "SVJ 3.1 TeV"), signal_events=20),
        study=Study(
            seeds=(1,), widths=(4, 4, 4, 8), latent=4, train=_SHORT, variational=_SHORT, dirichlet=_SHORT
        ),
        evaluation=Evaluation(fractions=(0.4,), components=5, calls=10),
        workers=1,
    ),
    "demo": Config(
        study=Study(
            widths=(8, 16, 16, 32),
            latent=32,
            train=_MINUTES,
            variational=replace(_MINUTES, epochs=15),
            dirichlet=Training(epochs=40, batch=128, lr=1e-3),
        )
    ),
    "paper": Config(data=Data(mixture=0.01)),
}
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "AUC", "score", ("CoDAE BCE", "CoDAE z1"), (judge.OCCUPANCY, "z-sum"), signal="SUEP 125 GeV"
)


def load(config: Config, *, progress: bool = True) -> Events:
    """The QCD events of the run; no signal is read here."""
    return events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Events, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every network with every seed."""
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
    config: Config, data: Events, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every score against every signal: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation, progress=progress)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The scores of a network for every event of the user's files, a column each, and the occupied pixels."""
    trained = MODELS.choose(run, model, among=lambda part: part.kind == "CoDAE")

    def scores(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        masks = events.sample_of(piece).masks
        return judge.raw_scores(trained.model, masks) | {judge.OCCUPANCY: masks.sum(axis=(1, 2, 3))}

    return write_predictions(
        files, output, dark_showers.open_images, scores, columns=("image",), model=trained.part.name,
        rows=500, progress=progress,
    )  # fmt: skip
