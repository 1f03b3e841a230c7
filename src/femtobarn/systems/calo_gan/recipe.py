"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.datasets import clic
from femtobarn.datasets.clic import Showers
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.parts import Report
from femtobarn.physics.calorimeter_cells import ECAL, HCAL
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Split, Trained, headline
from femtobarn.systems.calo_gan import figures, judge, training
from femtobarn.systems.calo_gan.networks import Gan, angles
from femtobarn.systems.calo_gan.sample import Data, load_split
from femtobarn.systems.calo_gan.training import MODELS, Part

_DENSE = 500  # showers at once


@dataclass(frozen=True)
class Trials:
    """Grid of settings; the combination with the smallest validation distance is used for the results."""

    lr: tuple[float, ...] = ()
    """Learning rates in the grid; none for ``gan.lr`` alone."""
    power: tuple[float, ...] = ()
    """Values of ``gan.power`` in the grid; none for ``gan.power`` alone."""


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    gan: Gan = field(default_factory=Gan)
    trials: Trials = field(default_factory=Trials)
    seeds: tuple[int, ...] = (1,)
    """Seeds of the trainings: initial weights, order of the batches, noise."""
    nulls: int = 2
    """Classifier trainings of Geant4 against Geant4, which give the null of the AUC; 0 for none."""
    seed: int = 1
    """Seed of the simulation, the split and the classifier."""
    workers: int = 2
    """Parallel processes in simulation and training."""

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InputError("at least one seed is needed")


_UNITS: dict[str, Any] = {"power": 0.3, "unit": 10.0, "cell_unit": 0.1, "optimizer": "adam", "mirror": True}

PRESETS = {
    "tiny": Config(
        data=Data(showers=40, energy=(1.0, 4.0)),
        gan=Gan(
            layout="compact", latent=9, wide=2, narrow=2, first=2, others=2, warm=5,
            course=Course(epochs=1, batch=16, ema=0.0), **_UNITS,
        ),
        trials=Trials(lr=(1e-3, 3e-4)),
        nulls=0,
        workers=1,
    ),
    "demo": Config(
        data=Data(showers=1000, sample=2),
        gan=Gan(
            layout="compact", latent=33, wide=24, narrow=12, first=16, others=32, weights=(1.0, 0.01, 0.0, 0.03),
            updates=1, warm=200, **_UNITS,
            course=Course(epochs=110, batch=16, check=10, ema=0.995, schedule="cosine", warmup=0.01),
        ),
        trials=Trials(lr=(1e-3, 5e-4), power=(0.3, 0.85)),
    ),
    "paper": Config(data=Data(showers=200_000, files=(Path("EleEscan"),))),
}  # fmt: skip

PUBLISHED = read_published(__package__)
HEADLINE = headline("AUC against Geant4", "method", ("3-D GAN",), ("mean shower",))


def load(config: Config, *, progress: bool) -> Split[Showers]:
    """The electrons of the run, at any angle if the layout makes such."""
    return load_split(
        config.data, inclined=config.gan.angle, seed=config.seed, workers=config.workers, progress=progress
    )


def train(config: Config, data: Split[Showers], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """All settings that are tried, with the first seed; then those chosen on validation, with the others."""

    def of(part: Part) -> Gan:
        return replace(config.gan, lr=part.lr, power=part.power)

    def trained(parts: Sequence[Part]) -> list[Trained[Part]]:
        work = functools.partial(_train, config.gan, data, run.folder / "work")
        return MODELS.train(run, parts, work, settings=of, workers=config.workers, progress=progress)

    rates, powers = config.trials.lr or (config.gan.lr,), config.trials.power or (config.gan.power,)
    found = trained([Part(*each, config.seeds[0]) for each in itertools.product(rates, powers)])
    best = training.chosen(found)[0].part
    return found + trained([best._replace(seed=seed) for seed in config.seeds[1:]])


def _train(settings: Gan, data: Split[Showers], work: Path, part: Part, report: Report) -> Trained[Part]:
    tried = replace(settings, lr=part.lr, power=part.power)
    return training.train_one(tried, data, work, part, report)


def evaluate(
    config: Config,
    data: Split[Showers],
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Showers of the chosen settings and the mean shower beside the test showers: results, figures of the report."""
    known, test = (ShowerTable(each, window=config.gan.cells) for each in (data.train, data.test))
    real, chosen = judge.geant4(test), training.chosen(trained)
    made = [judge.generated(each.model, test, config.gan, seed=each.part.seed) for each in chosen]
    samples = {Gan.title: made, "mean shower": [judge.mean_showers(known, real)]}
    figures.draw(run, {name: each[0] for name, each in samples.items()}, real, trained)
    seeds = [each.part.seed for each in chosen]
    return [
        *judge.results(samples, real, seeds=seeds, seed=config.seed, null_trainings=config.nulls),
        *judge.tried(trained, n=len(data.validation)),
        *judge.costs(chosen[0].model, config.gan),
    ]


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> Path:
    """Write a generated shower for every shower of the user's files, of its energy and angle, in the LCD layout.

    The HCAL stays empty, and so do the cells outside of the window of the GAN.

    Args:
        run: A finished run.
        files: Files in the LCD layout, see ``datasets.clic``.
        output: HDF5 file to write, in the same layout.
        model: Name of a trained GAN; if not given, the one with the least mismatch with the validation showers.
        progress: Not used.
    """
    trained = MODELS.choose(run, model)
    settings = from_dict(Config, run.settings).gan
    wanted, seed = clic.read_showers(files), run.record["seed"]
    pieces = []
    for rows in np.array_split(np.arange(len(wanted)), range(_DENSE, len(wanted), _DENSE)):
        some = wanted.take(rows)
        batch = ShowerTable(some, window=settings.cells).columns
        cells = settings.cells_of(trained.model, batch["energy"], angles(batch), seed=seed + int(rows[0]))
        pieces.append(clic.sparse({**_windows(cells.numpy()), **some.columns}))
    clic.write_showers(output, clic.joined(pieces))
    return output


def _windows(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Generated cells in the middle of the window of the files, and an empty HCAL."""
    edge = (ECAL[0] - cells.shape[1]) // 2
    return {
        "ecal": np.pad(cells, ((0, 0), (edge, edge), (edge, edge), (0, 0))),
        "hcal": np.zeros((len(cells), *HCAL), np.float32),
    }
