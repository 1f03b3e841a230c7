"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.data.shower_table import ShowerTable
from femtobarn.datasets import clic
from femtobarn.datasets.clic import Showers
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.physics.calorimeter_cells import ECAL, HCAL
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Split, Trained
from femtobarn.systems.calo_gan import figures, judge, training
from femtobarn.systems.calo_gan.networks import Gan, angles
from femtobarn.systems.calo_gan.sample import Data, load_split
from femtobarn.systems.calo_gan.training import MODELS, Part


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    gan: Gan = field(default_factory=Gan)
    seeds: tuple[int, ...] = (1,)
    """Seeds of the initial weights, batches and noise."""
    nulls: int = 2
    """Trainings of a classifier of Geant4 against Geant4 behind the null of that against the GAN; 0 for none."""
    seed: int = 1
    """Seed of the simulated showers, of the split and of the classifier."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1 or not self.seeds:
            raise InputError(
                f"workers must be at least 1 and one seed is needed: got {self.workers}, {self.seeds}"
            )


_UNITS: dict[str, Any] = {"power": 0.3, "unit": 10.0, "cell_unit": 0.1, "optimizer": "adam", "mirror": True}

PRESETS = {
    "tiny": Config(
        data=Data(showers=40, energy=(1.0, 4.0)),
        gan=Gan(
            layout="compact", latent=9, wide=2, narrow=2, first=2, others=2, warm=5,
            course=Course(epochs=1, batch=16, ema=0.0), **_UNITS,
        ),
        nulls=0,
        workers=1,
    ),
    "demo": Config(
        data=Data(showers=1000),
        gan=Gan(
            layout="compact", latent=33, wide=24, narrow=12, first=16, others=32, weights=(1.0, 0.01, 0.0, 0.03),
            updates=1, warm=200, **_UNITS,
            course=Course(epochs=110, batch=16, check=10, ema=0.995, schedule="cosine", warmup=0.01),
        ),
    ),
    "paper": Config(data=Data(showers=200_000, files=(Path("EleEscan"),))),
}  # fmt: skip

PUBLISHED = read_published(__package__)


def load(config: Config, *, progress: bool) -> Split[Showers]:
    """The electrons of the run, at any angle if the layout makes such."""
    return load_split(
        config.data, inclined=config.gan.angle, seed=config.seed, workers=config.workers, progress=progress
    )


def train(config: Config, data: Split[Showers], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """A GAN for each seed."""
    return MODELS.train(
        run,
        [Part(seed) for seed in config.seeds],
        functools.partial(training.train_one, config.gan, data, run.folder / "work"),
        settings=lambda _: config.gan,
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config,
    data: Split[Showers],
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Generated showers and the mean shower beside the test showers: results, and the figures of the report."""
    known, test = (ShowerTable(each, window=config.gan.cells) for each in (data.train, data.test))
    real, first = judge.geant4(test), trained[0]
    samples = {
        Gan.title: judge.generated(first.model, test, config.gan, seed=first.part.seed),
        "mean shower": judge.mean_showers(known, real),
    }
    figures.draw(run, samples, real, trained)
    return [
        *judge.results(samples, real, seed=config.seed, null_trainings=config.nulls),
        *judge.costs(first.model, config.gan),
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
    wanted = clic.read_showers(files)
    batch = ShowerTable(wanted, window=settings.cells).columns
    cells = settings.cells_of(trained.model, batch["energy"], angles(batch), seed=run.record["seed"]).numpy()
    edge = (ECAL[0] - settings.cells) // 2
    arrays = {
        "ecal": np.pad(cells, ((0, 0), (edge, edge), (edge, edge), (0, 0))),
        "hcal": np.zeros((len(cells), *HCAL), np.float32),
    }
    clic.write_showers(output, clic.sparse(arrays | wanted.columns))
    return output
