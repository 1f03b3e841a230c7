"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from femtobarn.data.csv import CsvFile
from femtobarn.data.source import check_columns
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.qaml_z import data as events
from femtobarn.systems.qaml_z import judge, study
from femtobarn.systems.qaml_z.data import Data, Problems
from femtobarn.systems.qaml_z.judge import Evaluation
from femtobarn.systems.qaml_z.study import EXACT, MODELS, ZOOMED, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the toy and of the split."""
    workers: int = 2
    """Processes that train side by side."""


PRESETS = {
    "tiny": Config(
        data=Data(events=3000),
        study=Study(
            sizes=(60, 200),
            seeds=(1, 2),
            variants=(ZOOMED, EXACT, "QAML"),
            machines=("pruned 95 %",),
            machine_size=200,
        ),
        evaluation=Evaluation(layers=(16,), epochs=5, trees=10),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(outputs=(Path("sig.csv"), Path("bkg.csv"))),
        study=replace(Study(), sizes=(100, 1000, 5000, 10_000, 15_000, 20_000), seeds=tuple(range(1, 11))),
        evaluation=Evaluation(layers=(1000, 1000)),
    ),
}
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "AUC",
    "classifier",
    (ZOOMED,),
    ("logistic regression", "neural network", EXACT),
    **{"problem": "diphotons", "training events": "100"},
)


def load(config: Config, *, progress: bool = True) -> Problems:  # noqa: ARG001 - it takes no time
    """The events of each problem."""
    return events.load(config.data, seed=config.seed)


def train(config: Config, data: Problems, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """The classifiers of cuts."""
    return MODELS.train(
        run,
        config.study.parts(list(data.by_name)),
        functools.partial(study.train_one, data),
        settings=lambda _: config.study,
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config, data: Problems, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Tables and figures, beside other classifiers of the same events."""
    return judge.results(run, data, trained, config.evaluation, workers=config.workers, progress=progress)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Score and decision for every row of CSV files with the features by name, or in their order without names."""
    trained = MODELS.choose(run, model)
    fitted = study.classifier(trained)
    names = fitted.weak_.names

    def opened(path: Path) -> CsvFile:
        file = CsvFile(path, names=names)
        check_columns(names, file.columns, str(path))
        return file

    def scores(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        score = fitted.decision_function(np.stack([piece[name] for name in names], axis=1))
        return {"score": score, "signal": score >= 0}

    return write_predictions(
        files, output, opened, scores, columns=names, model=trained.part.name, progress=progress
    )
