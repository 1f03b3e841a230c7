"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from femtobarn.datasets import gwosc
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.evaluation.strain.predictions import score_strain_files
from femtobarn.evaluation.strain.real import real_strain_tables
from femtobarn.evaluation.strain.scores import COHERENT, MANY, POWER, noise_levels
from femtobarn.evaluation.strain.search import Preparation
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.strain_networks import TRAINABLE
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.simulate.strain import Strain
from femtobarn.study import Trained, headline
from femtobarn.systems.gw_anomaly import data as events
from femtobarn.systems.gw_anomaly import judge, study
from femtobarn.systems.gw_anomaly.data import Data, Problem
from femtobarn.systems.gw_anomaly.judge import Evaluation
from femtobarn.systems.gw_anomaly.study import MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the simulated strain, or of the split of a file."""
    workers: int = 2
    """Processes that train side by side."""


_QUICK = Training(epochs=1, batch=64, lr=2e-3)
PRESETS = {
    "tiny": Config(
        data=Data(real=False, train=40, validation=20, test=60, signals=60, glitches=20),
        study=Study(networks=("LSTM", "dense"), seeds=(1,), windows=200, train=_QUICK, classifier=_QUICK),
        evaluation=Evaluation(fraction=0.2, slides=2, calls=3),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(
            path=Path("default.hdf"), strain=Strain(rate=2048), preparation=Preparation(rate=2048),
            train=12_000, validation=4_000, test=4_000, signals=2_500,
        ),
        study=Study(
            networks=TRAINABLE, published=True, long_window=1024, windows=10**9,
            train=Training(epochs=150, batch=128, lr=1e-3, schedule="constant", clip=None, patience=5),
            classifier=Training(epochs=300, batch=1, lr=1e-3, schedule="constant", clip=None, patience=10),
        ),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline("AUC", "score", ("LSTM",), (POWER, MANY, COHERENT), signal="BBH 5-10")


def load(config: Config, *, progress: bool = True) -> Problem:  # noqa: ARG001 - it takes seconds
    """The noise of the run."""
    return events.load(config.data, seed=config.seed)


def train(config: Config, data: Problem, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Autoencoders on noise, and supervised classifiers."""
    levels = noise_levels(data.noise.train.strain, rate=float(config.data.strain.rate))
    task = functools.partial(study.train_one, config.study, data, levels, run.folder / "work")
    return MODELS.train(
        run, study.parts(config.study, data), task, settings=lambda _: config.study,
        workers=config.workers, progress=progress,
    )  # fmt: skip


def evaluate(
    config: Config,
    data: Problem,
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001
) -> list[Result]:
    """Every score on every class: tables and the figures of the report; the real strain beside them."""
    scorer = study.scorer(list(trained), config.study, rate=float(config.data.strain.rate))
    table = judge.results(run, data, trained, scorer, config.data, config.study, config.evaluation)
    folder = gwosc.published_folder() if config.data.real and config.data.path is None else None
    if folder is not None:
        table += real_strain_tables(
            run, gwosc.published_pairs(folder), scorer.of_seed(config.study.seeds[0]), config.data.strain,
            config.data.preparation, simulated=data.noise.test.strain[:1000], kinds=data.taught, drawn=judge.DRAWN,
        )  # fmt: skip
    return table


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Scores of every piece of strain in GWOSC files; those of H1 and L1 at the same time are taken together."""
    config, trained = from_dict(Config, run.settings), _chosen(run, model)
    scorer = study.scorer([trained], config.study, rate=float(config.data.strain.rate))
    return score_strain_files(
        files, output, scorer, config.data.preparation, model=trained.part.name,
        duration=config.data.strain.duration, progress=progress,
    )  # fmt: skip


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """An autoencoder as ONNX: windows of whitened strain (window, sample, channel) in, what it restores out."""
    if to != "onnx":
        raise InputError(
            f"networks of this system compute in floating point: only onnx is possible, got {to!r}"
        )
    trained = _chosen(run, model)
    draw = torch.Generator().manual_seed(1)
    example = torch.randn((32, *trained.model.input_shape), generator=draw)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "network.onnx"
    return export_onnx(trained.model, example, path, tolerance=1e-4).summary(path)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    """By default the published LSTM, else the autoencoder of the smallest loss."""
    return MODELS.choose(run, model, among=lambda part: part.is_autoencoder + (part.network == "LSTM"))
