"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from femtobarn.engine import Training
from femtobarn.engine.feedback import Feedback
from femtobarn.errors import InputError
from femtobarn.evaluation.feedback.calorimeter import calorimeter_table
from femtobarn.evaluation.feedback.export import export_inverse
from femtobarn.evaluation.feedback.files import follow_files
from femtobarn.evaluation.feedback.following import Follower, Mode
from femtobarn.evaluation.feedback.scores import HIDDEN
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.simulate.beam_histories import Machine
from femtobarn.simulate.beam_line import BeamLine
from femtobarn.study import Trained, headline
from femtobarn.systems.latent_feedback import data as beams
from femtobarn.systems.latent_feedback import judge, study
from femtobarn.systems.latent_feedback.data import BURNT, Data, Problem
from femtobarn.systems.latent_feedback.judge import Evaluation
from femtobarn.systems.latent_feedback.study import CALORIMETER, MODELS, NARROW, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    feedback: Feedback = field(default_factory=Feedback)
    """How `predict` follows a user's machine."""
    seed: int = 1
    """Seed of the simulated beams and of the bootstrap."""
    workers: int = 2
    """Processes that train side by side."""


PRESETS = {
    "tiny": Config(
        data=Data(public=False, pairs=100, shots=10, machine=Machine(particles=1024)),
        study=Study(seeds=(1,), showers=200, train=Training(epochs=1, batch=50, lr=3e-3)),
        evaluation=Evaluation(
            steps=(0.15,),
            oscillations=(0.15,),
            gains=(20.0,),
            calls=(1, 3),
            pixel_calls=2,
            block=2,
            bootstrap=20,
            batches=4,
        ),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        # Of the papers the size of the input and of the code are known: 1e5 numbers, two of which are tuned.
        data=Data(path=Path("history.h5"), machine=Machine(line=BeamLine(pixels=256)), size=64, pairs=20_000),
        study=Study(codes=2, train=Training(epochs=100, batch=100, lr=1e-3)),
    ),
}
PUBLISHED = read_published(__package__)
_OURS = (("extremum seeking", "10"), ("gradient", "3"))
_RIVALS = (
    ("no feedback", "1"), ("no feedback, wide box", "1"), ("random search", "10"), ("gradient, every pixel", "30"),
)  # fmt: skip
HEADLINE = headline(HIDDEN, ("method", "calls"), _OURS, _RIVALS, history=BURNT)


def load(config: Config, *, progress: bool = True) -> Problem:  # noqa: ARG001, part of the protocol
    """Pairs to train on, and histories to follow."""
    return beams.load(config.data, seed=config.seed)


def train(config: Config, data: Problem, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """The networks of every box and seed, and the autoencoder of showers."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(), task, settings=lambda _: config.study, workers=config.workers, progress=progress
    )  # fmt: skip


def evaluate(
    config: Config, data: Problem, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True,  # noqa: ARG001
) -> list[Result]:  # fmt: skip
    """Every method on every history: tables and the figures of the report; then the calorimeter."""
    beam = [each for each in trained if each.part.box != CALORIMETER]
    showers = [each for each in trained if each.part.box == CALORIMETER]
    table = judge.results(run, data, beam, config.data.machine.line, config.evaluation, seed=config.seed)
    return table + calorimeter_table(showers, batches=config.evaluation.batches, seed=config.seed)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The hidden map behind every screen of a user's files, which are one history in their order."""
    config, trained = from_dict(Config, run.settings), _chosen(run, model)

    def follower(feedback: Feedback) -> Follower:
        return Follower(trained.model, Mode("", feedback), config.data.machine.line, 1, seed=config.seed)

    return follow_files(
        files, output, lambda: (follower(config.feedback), follower(Feedback("none", calls=1))),
        pixels=config.data.machine.line.pixels, model=trained.part.name, progress=progress,
    )  # fmt: skip


def export(run: Run, output: Path, *, to: str, model: str | None = None) -> str:
    """The network of the beam line in two ONNX files, so that a machine can tune the code between them."""
    return export_inverse(_chosen(run, model).model, output, to=to)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    trained = MODELS.choose(run, model, among=lambda part: part.box == NARROW)
    if trained.part.box == CALORIMETER:
        raise InputError(
            f"expected a network of the beam line, such as narrow-seed1, got {trained.part.name}"
        )
    return trained
