"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from femtobarn.data.event_file import EventFile
from femtobarn.errors import InputError
from femtobarn.evaluation.few_shot.answers import FewShotAnswers
from femtobarn.evaluation.few_shot.digit_pairs import Tasks
from femtobarn.evaluation.few_shot.episodes import Course, Features
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.lif import Neuron
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.spiking_maml import data as recordings
from femtobarn.systems.spiking_maml import judge, study
from femtobarn.systems.spiking_maml.data import Data
from femtobarn.systems.spiking_maml.judge import COUNTS, Evaluation
from femtobarn.systems.spiking_maml.study import CNN, MAML, MODELS, SPIKING, Part, Study, learner


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split, the simulated recordings and the test tasks."""
    workers: int = 2
    """Processes that train and test side by side."""

    def __post_init__(self) -> None:
        if self.data.steps % self.study.frames or not 0 <= self.study.burn_in < self.data.steps:
            got = f"{self.data.steps}, {self.study.frames}, {self.study.burn_in}"
            raise InputError(f"expected frames that divide the bins of time and a shorter burn-in, got {got}")


PRESETS = {
    "tiny": Config(
        data=Data(count=200, steps=6, bin=17_000),
        study=Study(
            seeds=(1,), bits=(8,), channels=(4, 4, 6), cnn=(6, 6, 8), frames=3, burn_in=2, validation=2,
            neuron=Neuron(membrane=0.66, synapse=0.4), course=Course(tasks=4, checks=2), bits_tasks=2,
        ),
        evaluation=Evaluation(tasks=6, queries=2, calls=2),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(folder=Path("N-MNIST"), steps=100, bin=1000, pairing="reference"),
        study=Study(
            channels=(32, 64, 128), neuron=Neuron(), burn_in=70, frames=5, inner=1.0, queries=10, bits_tasks=50_000,
            course=Course(tasks=100_000, checks=500, lr=2e-3),
        ),
        evaluation=Evaluation(tasks=600, queries=10),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline("accuracy", "method", (SPIKING, MAML), (COUNTS, CNN), classes="published")


def load(config: Config, *, progress: bool = True) -> Tasks:  # noqa: ARG001
    """The recordings of the run, and the classes of both splits."""
    return recordings.load(config.data, seed=config.seed)


def train(config: Config, data: Tasks, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every part with every seed."""
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
    config: Config, data: Tasks, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every way to learn on the same test tasks: tables and figures."""
    return judge.results(
        run, data, trained, config.study, config.evaluation, workers=config.workers, progress=progress
    )


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The class of each recording of HDF5 files, learned from those that are labelled in the same file."""
    config, trained = from_dict(Config, run.settings), _chosen(run, model)
    one = learner(config.study, trained)
    binning = config.data.binning
    wide = binning._replace(columns=2 * binning.columns)  # two digits side by side

    def answers(path: Path) -> FewShotAnswers:
        return FewShotAnswers(EventFile(path, wide), one, most=config.study.ways)

    return write_predictions(
        files, output, answers, lambda piece: piece, model=trained.part.name, what="recordings", rows=50,
        progress=progress,
    )  # fmt: skip


def export(run: Run, output: Path, *, to: str, model: str | None = None) -> str:
    """A network of prototypes as ONNX, from counts of events to the features that class means are taken of."""
    trained = _chosen(run, model)
    if to != "onnx":
        raise InputError(f"expected onnx, got {to}")
    if not trained.part.kind.endswith("prototypes"):
        raise InputError(
            f"{trained.part.name} changes all its weights when it learns: export one with prototypes"
        )
    example = torch.poisson(torch.full((4, *trained.kept["shape"]), 0.2), torch.Generator().manual_seed(1))
    return export_onnx(Features(trained.model), example, output, tolerance=1e-5).summary(output)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    """Spiking prototypes of all digits unless another is asked for: what adapts on a chip."""
    return MODELS.choose(run, model, among=lambda part: part.kind == SPIKING and part.split == "published")
