"""Settings, presets and the steps of a run: load, score every distortion, compare, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from femtobarn.data.hdf5 import write_hdf5
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.evaluation import figures
from femtobarn.evaluation.jet_scores import Scoring, jet_sample, jet_scores
from femtobarn.evaluation.results import SIGNIFICANCE, score_results
from femtobarn.metrics.estimate import Estimate
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import headline
from femtobarn.systems.generative_metrics.sample import Data, Halves, load_halves
from femtobarn.systems.generative_metrics.study import (
    REPEATED,
    TRUTH,
    Study,
    distorted,
    part_name,
    restored,
    score,
    stored,
)

Scores = dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    seed: int = 1
    """Seed of the halves, the distortions and all draws."""
    workers: int = 2
    """Processes."""


PRESETS = {
    "tiny": Config(
        data=Data(engine="toy", count=4_000),
        study=Study(
            distortions=("mass shifted", "pT scaled"),
            scoring=Scoring(neighbours=1_000, matching=False),
            classifier=False,
        ),
        workers=1,
    ),
    # Of the stand-in's masses 14 % are above 0.17; of JetNet's, by the published W1-M, less than 1 %.
    "demo": Config(study=Study(tail=0.32)),
    "paper": Config(
        data=Data(files=(Path("g.hdf5"),), count=jetnet.PUBLISHED_JETS["g"]),
        study=Study(scoring=Scoring(literature=True, neighbours=50_000), epochs=1000, particle_net=True),
    ),
}

PUBLISHED = read_published(__package__)
HEADLINE = headline("significance", "metric", ("FPD", "KPD"), ("W1-M", "AUC of EFPs"), sample="mass shifted")


def load(config: Config, *, progress: bool = True) -> Halves:
    """The jets of the run in two halves."""
    return load_halves(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Halves, run: Run, *, progress: bool = True) -> Scores:
    """Score the controls and each distortion; those that the run has behind it are read."""
    names = (TRUTH, REPEATED, *config.study.distortions)
    missing = [name for name in names if run.done(part_name(name)) is None]
    work = functools.partial(_score, config, data, run)
    run_parts(work, missing, title="distortions", workers=config.workers, progress=progress)
    return {name: restored(run.done(part_name(name)) or {}) for name in names}


def evaluate(
    config: Config,
    data: Halves,
    trained: Scores,
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """The table of scores and significances; draws the spectra and what each metric sees."""
    shown = {name: distorted(data, name, config.study, seed=config.seed) for name in config.study.distortions}
    particles = {name: sample for name, sample in shown.items() if not name.startswith("mass")}
    masses = {name: sample for name, sample in shown.items() if name not in particles}
    real = jet_sample(*data.reference)
    for group, samples in (("jets", masses), ("particles", particles)):
        if samples:
            title = f"Spectra: distorted {group}"
            figures.draw_jets(run, real, samples, reference=TRUTH, section=title, folder=group)
    figures.draw_significances(run, trained)
    results = score_results(trained, split="halves")
    return sorted(results, key=lambda result: result.name != SIGNIFICANCE)  # the study is about these


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Scores of the user's jets against the reference sample of the run.

    Writes one row a file and metric: columns file (its place in the list), metric, value, error, null,
    null_error and significance.

    Args:
        run: A run of this system.
        files: Jets in JetNet's layout, a sample each.
        output: HDF5 file to write.
        model: Nothing to choose here.
        progress: Show bars.

    Raises:
        InputError: A model is named, or a file cannot be read.
    """
    if model is not None:
        raise InputError(f"this system has no models to choose from: got {model!r}")
    config = from_dict(Config, run.settings)
    halves = load_halves(config.data, seed=config.seed, workers=config.workers, progress=progress)
    settings = replace(config.study.scoring, fpnd=None)
    work = functools.partial(_score_file, config, halves, settings)
    found = run_parts(work, files, name=_file_name, title="files", workers=config.workers, progress=progress)
    rows = [(place, metric, each) for place, scores in enumerate(found) for metric, each in scores.items()]
    columns = {
        "file": np.array([place for place, _, _ in rows]),
        "metric": np.array([metric.encode() for _, metric, _ in rows]),
    }
    for name in ("value", "error", "null", "null_error", "significance"):
        columns[name] = np.array([getattr(each, name) for _, _, each in rows])
    write_hdf5(output, columns, {"system": "generative-metrics", "files": "\n".join(map(str, files))})
    return output


def _score(config: Config, data: Halves, run: Run, name: str, _: Report) -> None:
    run.mark_done(part_name(name), stored(score(data, name, config.study, seed=config.seed)))


def _score_file(
    config: Config, halves: Halves, settings: Scoring, file: Path, _: Report
) -> dict[str, Estimate]:
    source = jetnet.open_jets([file], particles=config.data.particles)
    table = source.read(("particles", "mask"), 0, len(source))
    generated = jet_sample(table["particles"], table["mask"])
    return jet_scores(jet_sample(*halves.reference), generated, settings=settings, seed=config.seed)


def _file_name(file: Path) -> str:
    return file.name
