"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from femtobarn.datasets import clic
from femtobarn.datasets.clic import Showers
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.parts import Report, run_parts
from femtobarn.physics.resampling import Geometry
from femtobarn.runs import Published, Result, Run
from femtobarn.systems.calo_reconstruction import (
    baselines,
    costs,
    energy_measurement,
    evaluation,
    figures,
    gan_figures,
    gan_training,
    identification,
    predictions,
    shower_comparison,
    study,
)
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome
from femtobarn.systems.calo_reconstruction.gan_training import Gan
from femtobarn.systems.calo_reconstruction.sample import Data, ShowerTable, Split, load_split, of_species
from femtobarn.systems.calo_reconstruction.study import (
    CnnSettings,
    DnnSettings,
    GoogLeNetSettings,
    Loss,
    Part,
    Study,
    Trained,
)


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    gan: Gan = field(default_factory=Gan)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the simulated showers and of the split."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")


_TINY = Training(epochs=2, batch=20, lr=1e-3)


def _demo(epochs: int, lr: float, decay: float) -> Training:
    return Training(epochs=epochs, batch=32, lr=lr, weight_decay=decay)


PRESETS = {
    "tiny": Config(
        data=Data(showers=60, energy=(1.0, 4.0), window=13),
        study=Study(
            networks=("cnn", "dnn"),
            tasks=("e-pi",),
            resampled=("dnn",),
            geometries=("cms",),
            power=0.5,
            embedding=4,
            compensating=True,
            mirror=True,
            dnn=DnnSettings(hidden=16, layers=1, train=_TINY),
            cnn=CnnSettings(filters=2, hidden=16, layers=1, train=_TINY),
            googlenet=GoogLeNetSettings(
                width=1 / 64, stride=2, blocks=(("a3",), ("a4",)), hidden=16, train=_TINY
            ),
        ),
        gan=Gan(
            showers=40, layout="compact", latent=9, wide=2, narrow=2, first=2, others=2, power=0.3, unit=10.0,
            cell_unit=0.1, optimizer="adam", warm=5, mirror=True, course=Course(epochs=1, batch=16, ema=0.0),
        ),
        evaluation=Evaluation(
            bins=(1.0, 2.0, 3.0, 4.0), wide_bins=(1.0, 4.0), bootstraps=5, rounds=20, least=5, nulls=0, calls=2
        ),
        workers=1,
    ),
    "demo": Config(
        data=Data(extra=1000),
        study=Study(
            power=0.3,
            embedding=8,
            compensating=True,
            mirror=True,
            resampled_tasks=("e-gamma", "gamma-pi0"),
            loss=Loss(energy=30.0, eta=1.0),
            dnn=DnnSettings(hidden=96, layers=2, dropout=0.3, train=_demo(8, 5e-4, 0.1)),
            cnn=CnnSettings(filters=6, hidden=64, layers=2, dropout=0.3, train=_demo(6, 2e-3, 0.01)),
            googlenet=GoogLeNetSettings(
                width=1 / 8, stride=2, blocks=((), ("a3", "b3"), ("b5",)), hidden=64, dropout=0.1,
                train=_demo(6, 3e-3, 0.01),
            ),
        ),
        gan=Gan(
            showers=1000, layout="compact", latent=33, wide=24, narrow=12, first=16, others=32, power=0.3, unit=10.0,
            cell_unit=0.1, weights=(1.0, 0.01, 0.0, 0.03), optimizer="adam", updates=1, warm=200,
            mirror=True, course=Course(epochs=110, batch=16, check=10, ema=0.995, schedule="cosine", warmup=0.01),
        ),
    ),
    "paper": Config(
        data=Data(showers=400_000, files=(Path("EleEscan"), Path("GammaEscan"), Path("Pi0Escan"), Path("ChPiEscan"))),
        evaluation=Evaluation(
            bins=(10.0, 20.0, 30.0, 50.0, 80.0, 120.0, 180.0, 260.0, 350.0, 500.0),
            wide_bins=(10.0, 30.0, 60.0, 100.0, 200.0, 500.0),
        ),
    ),
}  # fmt: skip

#: The tables of arXiv:1912.06794 were not at hand: none of its numbers is quoted.
PUBLISHED: list[Published] = []


class Fitted(NamedTuple):
    """What a run has trained."""

    networks: list[Trained]
    trees: list[Outcome]
    gan: torch.nn.Module | None


def load(config: Config, run: Run, *, progress: bool = True) -> Split:
    """The showers of the run; records where they come from."""
    split = load_split(
        config.data, config.study.tasks, seed=config.seed, workers=config.workers, progress=progress
    )
    run.set_data(split.provenance)
    sizes = {name: len(getattr(split, name)) for name in ("train", "validation", "test")}
    run.log(event="data", **sizes, calibration=list(split.calibration))
    return split


def train(config: Config, data: Split, run: Run, *, progress: bool = True) -> Fitted:
    """Train every network, the trees and the GAN; parts that the run has done are not repeated."""
    gan = _gan_showers(config, data, progress=progress) if config.gan.showers else None
    jobs: list[Part | str] = [*(("gan",) if gan else ()), *config.study.parts()]
    jobs += [f"trees-{geometry}" for geometry in _geometries(config)]
    work = functools.partial(_train, config, data, gan, run)
    missing = [job for job in jobs if run.done(_name(job)) is None]
    run_parts(work, missing, name=_name, title="trainings", workers=config.workers, progress=progress)
    networks = [study.load_part(run.folder / "work" / part.name) for part in config.study.parts()]
    trees = [outcome for geometry in _geometries(config) for outcome in _load_trees(config, run, geometry)]
    generator = gan_training.load_gan(run.folder / "work" / "gan", config.gan)[0] if gan else None
    return Fitted(networks, trees, generator)


def evaluate(
    config: Config, data: Split, trained: Fitted, run: Run, *, progress: bool = True
) -> list[Result]:
    """Identification, energy, and the showers of the GAN, on test showers; the figures of the report."""
    settings, kind = config.evaluation, data.provenance.kind
    outcomes = evaluation.of_networks(trained.networks, data, config.data) + trained.trees
    results = identification.results(outcomes, data, config.data, settings, kind=kind)
    results += identification.gains(outcomes, data, config.data, settings, kind=kind)
    estimates = energy_measurement.energies(outcomes, data, config.data)
    results += energy_measurement.results(estimates, settings, kind=kind)
    results += identification.filters(data, config.data, config.study.tasks, kind=kind)
    results += costs.of_networks(trained.networks, data, config.data, settings, kind=kind)
    figures.draw(run, outcomes, estimates, data, config.data, settings, trained.networks)
    if trained.gan is not None:
        train_showers, _, test = _gan_tables(config, _gan_showers(config, data, progress=progress))
        real = shower_comparison.geant4(test, torch.arange(len(test)))
        samples = {
            "3-D GAN": shower_comparison.generated(trained.gan, test, config.gan, seed=config.seed),
            "mean shower": shower_comparison.mean_showers(train_showers, real),
        }
        results += shower_comparison.results(
            samples, real, seed=config.seed, null_trainings=settings.nulls, kind=kind
        )
        results += costs.of_generation(trained.gan, config.gan, kind=kind)
        history = gan_training.load_gan(run.folder / "work" / "gan", config.gan)[1]
        gan_figures.draw(run, samples, real, history, kind=kind)
    return results


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Class probability and energy of every shower in the user's files, see ``predictions``.

    Args:
        run: A finished run.
        files: Files in the LCD layout, see ``datasets.clic``.
        output: HDF5 file to write.
        model: Name of a trained network, such as ``cnn-gamma-pi0-clic-seed1``; if not given, the one of the first
            task with the least validation loss.
        progress: Show a bar.
    """
    return predictions.write(study.choose(run, model), files, output, progress=progress)


def _geometries(config: Config) -> list[Geometry]:
    """Granularities that a network is trained in; trees are fitted in each."""
    return ["clic", *(config.study.geometries if config.study.resampled else ())]


def _name(job: Part | str) -> str:
    return job if isinstance(job, str) else job.name


def _train(
    config: Config, data: Split, gan: Showers | None, run: Run, job: Part | str, report: Report
) -> None:
    if isinstance(job, Part):
        work = run.folder / "work"
        study.train_part(job, data, data=config.data, study=config.study, work=work, report=report)
    elif gan is not None and job == "gan":
        first, second, _ = _gan_tables(config, gan)
        gan_training.train_gan(
            first, second, settings=config.gan, seed=config.seed, folder=run.work("gan"), report=report
        )
    else:
        _fit_trees(config, data, run, job, report)
    run.mark_done(_name(job), {})


def _fit_trees(config: Config, data: Split, run: Run, job: str, report: Report) -> None:
    geometry: Any = job.removeprefix("trees-")
    tasks, shapes, layered = config.study.tasks, dict[str, np.ndarray](), dict[str, np.ndarray]()
    for name in ("train", "validation", "test"):
        report(len(shapes), 3 + len(tasks), "shower shapes")
        showers = getattr(data, name)
        shapes[name] = baselines.shapes(
            showers, window=config.data.window, geometry=geometry, calibration=data.calibration
        )
        layered[name] = np.hstack((shapes[name], baselines.layer_sums(showers)))
    for place, task in enumerate(tasks):
        for method in _tree_methods(geometry):
            part = Part(method, task, geometry, config.study.seeds[0])
            told = shapes if method == "trees" else layered
            outcome = evaluation.of_trees(part, data, config.data, told, config.evaluation)
            file = run.work(job) / f"{method}-{task}.npz"
            np.savez(file, score=outcome.score, energy=outcome.energy)
        report(4 + place, 3 + len(tasks), "trees")


def _tree_methods(geometry: str) -> tuple[str, ...]:
    """The baseline, and in the cells of CLIC also trees that are told the layers, as the networks are."""
    return ("trees", "trees-layers") if geometry == "clic" else ("trees",)


def _load_trees(config: Config, run: Run, geometry: str) -> list[Outcome]:
    found = []
    for task, method in itertools.product(config.study.tasks, _tree_methods(geometry)):
        with np.load(run.folder / "work" / f"trees-{geometry}" / f"{method}-{task}.npz") as kept:
            found.append(
                Outcome(task, method, geometry, config.study.seeds[0], kept["score"], kept["energy"])
            )
    return found


def _gan_showers(config: Config, data: Split, *, progress: bool) -> Showers:
    """Electrons for the GAN: at any angle those of the run, along the normal ones of their own."""
    settings = config.gan
    if config.data.files or settings.angle:
        rows = of_species(data.train, "e-")[: settings.showers]
        showers = data.train.take(rows)
    else:
        showers = clic.stand_in(
            "e-",
            settings.showers,
            seed=config.seed,
            energy=config.data.energy,
            spectrum=config.data.spectrum,
            angle=0.0,
            workers=config.workers,
            progress=progress,
        )
    total = showers.layers()[0].sum(axis=1)
    return showers.take(np.flatnonzero(total > settings.least * showers.columns["energy"]))


def _gan_tables(config: Config, showers: Showers) -> tuple[ShowerTable, ShowerTable, ShowerTable]:
    """Training, validation and test: 60, 10 and 30 %."""
    order = np.random.default_rng([config.seed, 7]).permutation(len(showers))
    parts = np.split(order, [round(0.6 * len(order)), round(0.7 * len(order))])
    train, validation, test = (ShowerTable(showers.take(rows), window=config.gan.cells) for rows in parts)
    return train, validation, test
