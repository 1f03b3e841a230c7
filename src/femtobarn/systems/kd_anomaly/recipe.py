"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from femtobarn.datasets import calo_regions, mnist
from femtobarn.engine import Training
from femtobarn.report.export_design import export_design
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, Writing, headline, write_predictions
from femtobarn.systems.kd_anomaly import data as events
from femtobarn.systems.kd_anomaly import judge, study
from femtobarn.systems.kd_anomaly.data import Data, Problems
from femtobarn.systems.kd_anomaly.judge import Evaluation
from femtobarn.systems.kd_anomaly.study import MODELS, TEACHER, Part, Study

_INPUTS = {
    "regions": "Inputs are the transverse energies of 18 x 14 regions in counts of 0.5 GeV, phi first.",
    "images": "Inputs are 28 x 28 pixels from 0 to 1.",
}


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split, the stand-in and the foreign inputs."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        self.study.check(self.data.task)


_SLOW = Training(epochs=30, batch=20, lr=1e-3, weight_decay=1e-5, schedule="constant", clip=None)
_IMAGES = Study(modes=("baseline", "exposure"), students=("A", "D", "G"), train=_SLOW, late=_SLOW)
_SHORT = Training(epochs=3, batch=100, lr=3e-3, clip=None)
_PUBLISHED = replace(_SLOW, epochs=300, batch=100)
PRESETS = {
    "tiny": Config(
        data=Data(events=400, signals=("top pairs",), signal_events=60, pileup=(2.0, 8.0), foreign=100),
        study=Study(seeds=(1,), train=_SHORT, late=_SHORT, betas=(1e-3,), bits=_SHORT),
        evaluation=Evaluation(
            (0.2,), calls=20, hardware=Writing(vectors=20, optimise=False, synthesis=False)
        ),
        workers=1,
    ),
    "demo": Config(study=Study(betas=(1e-4, 1e-3))),
    "paper": Config(
        data=Data(files=(Path("ZeroBias.h5"), Path("SUEP.h5"), Path("TTbar.h5")), foreign=20_000),
        study=Study(
            train=Training(epochs=100, batch=512, lr=1e-3, clip=None),
            late=Training(epochs=1000, batch=1024, lr=1e-3, clip=None),
            bits=Training(epochs=100, batch=1024, lr=1e-3, clip=None),
            betas=(1e-4, 1e-3),
        ),
    ),
    "images": Config(data=Data(task="images"), study=_IMAGES),
    "images-paper": Config(
        data=Data("images", (Path("t10k-images-idx3-ubyte.gz"),), digits=tuple(range(10)), test=0.2),
        study=Study(
            ("baseline", "co-learning", "exposure", "noise"),
            tuple("ABCDEFG"),
            train=_PUBLISHED,
            late=_PUBLISHED,
        ),
    ),
}
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "AUC", "score", ("teacher",), ("sum of the inputs", "Mahalanobis distance"),
    taught="", signal="SUEP", problem="zero bias",
)  # fmt: skip


def load(config: Config, *, progress: bool = True) -> Problems:
    """The normal events of the run; no signal is read here."""
    return events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Problems, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Teachers and students of every problem."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    parts = config.study.parts(config.data.task, data.by_name)
    settings, workers = (lambda _: config.study), config.workers
    return MODELS.train(run, parts, task, settings=settings, workers=workers, progress=progress)


def evaluate(
    config: Config, data: Problems, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every score against every signal: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation, workers=config.workers, progress=progress)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The scores of the teacher and of its students for every event of the user's files, a column each."""
    trained = _chosen(run, model)
    images = trained.part.task == "images"
    column = "image" if images else "regions"

    def scores(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        x = torch.from_numpy((piece[column] / (255 if images else 1)).astype(np.float32))
        return {name: trained.model.scores(name, x).numpy() for name in (TEACHER, *trained.model.students)}

    source = mnist.open_images if images else calo_regions.open_regions
    return write_predictions(
        files, output, source, scores, columns=(column,), model=trained.part.name, progress=progress
    )


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """A part's students, each in a folder of its own; those in floating point can be written as ONNX only."""
    trained, config = _chosen(run, model), from_dict(Config, run.settings)
    test = load(config, progress=False).by_name[trained.part.problem].test.astype(np.float64)[:, None]
    fixed = trained.part.in_fixed_point
    lines = []
    for name, student in trained.model.students.items():
        net, integers = (student.net, student.integers) if fixed else (student, None)
        written = export_design(
            run, net, integers, folder / name, to=to, name=f"{trained.part.name}-{name}", test=test,
            settings=config.evaluation.hardware, inputs=f"{_INPUTS[trained.part.task]} The output is the score.",
            summary=f"Student {name} of {trained.part.problem}, taught by {trained.part.labels['taught']}.",
        )  # fmt: skip
        lines.append(written.summary())
    return "\n".join(lines)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    return MODELS.choose(run, model, among=lambda part: part.mode != TEACHER)
