"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from femtobarn.datasets import jetclass
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_table import labels
from femtobarn.nn.set_vae_loss import set_vae_scores
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Headline, Trained, Writing, write_predictions
from femtobarn.systems.set_vae import data as jets
from femtobarn.systems.set_vae import judge, study, trigger
from femtobarn.systems.set_vae.data import Data, Samples
from femtobarn.systems.set_vae.judge import Evaluation
from femtobarn.systems.set_vae.study import CLIP, MODELS, Part, Study
from femtobarn.systems.set_vae.trigger import Trigger


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    trigger: Trigger = field(default_factory=Trigger)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the stand-in, the split and the bootstrap."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.trigger.events and bool(self.data.folder) != bool(self.trigger.files):
            raise InputError("real data and a stand-in in one run: set trigger.events to 0")


_PAPER = Training(epochs=100, batch=256, lr=1e-3, schedule="constant", weight_decay=0.01, clip=0.5)
PRESETS = {
    "tiny": Config(
        data=Data(jets=240, signals=("Hbb", "Tbl"), signal_jets=40, particles=24),
        study=Study(seeds=(1,), width=8, train=Training(epochs=3, batch=32, lr=3e-3, clip=0.5)),
        trigger=Trigger(
            events=240, signals=("top pairs",), signal_events=40, pileup=(1.0, 3.0), betas=(1e-5,),
            train=Training(epochs=2, batch=50), hardware=Writing(vectors=20, synthesis=False),
        ),
        evaluation=Evaluation(fractions=(0.2,), draws=10, calls=5),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(folder=Path("JetClass"), jets=1_500_000, signal_jets=2_000_000, particles=128),
        study=Study(width=64, slow_norms=True, train=_PAPER),
        trigger=Trigger(events=0),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = Headline("mean AUC over signals", judge.NAMED, (labels("t"), labels("Mahalanobis distance")))


def load(config: Config, *, progress: bool = True) -> Samples:
    """The jets of QCD of the run; no signal is read here."""
    return jets.load(config.data, config.trigger, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Samples, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """All models, each with every seed."""
    task = functools.partial(study.train_one, config.study, config.trigger, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(config.trigger), task, workers=config.workers, progress=progress,
        settings=lambda part: config.study if part.of_jets else config.trigger,
    )  # fmt: skip


def evaluate(
    config: Config, data: Samples, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every score against every signal: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation, progress=progress)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The scores of a model, a column each: of jets in the layout of JetClass, of level-1 events by the trigger's."""
    trained = MODELS.choose(run, model, among=lambda part: part.model == CLIP)
    part = trained.part

    def scores(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not part.of_jets:
            return {"score": trigger.score(trained.model, piece["objects"])}
        columns = study.table(jetclass.Jets(**piece)).columns
        found = set_vae_scores(trained.model, columns, study.LOSSES[part.model])
        return {name.replace(" ", "_"): values for name, values in found.items()}

    open_jets = functools.partial(jetclass.open_jets, particles=run.settings["data"]["particles"])
    return write_predictions(
        files, output, open_jets if part.of_jets else trigger.open_events, scores,
        columns=("particles", "species", "jet", "tau") if part.of_jets else ("objects",),
        model=part.name, what="jets" if part.of_jets else "events", progress=progress,
    )  # fmt: skip
