"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from femtobarn.data.source import Arrays, InMemory
from femtobarn.engine import Training
from femtobarn.evaluation.particle_flow.files import read_elements
from femtobarn.evaluation.particle_flow.methods import RULES
from femtobarn.physics.particle_flow import CLASSES, PARTICLE_COLUMNS
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.mlpf import data as events
from femtobarn.systems.mlpf import judge, study
from femtobarn.systems.mlpf.data import Data, Problems
from femtobarn.systems.mlpf.judge import JOINED, TREES, Evaluation
from femtobarn.systems.mlpf.study import MODELS, TITLES, Network, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split, the stand-in and the bootstrap."""
    workers: int = 2
    """Processes that simulate and train side by side."""


_COMPACT = Network(width=48, edge=32, heads=8, dropout=0.0, dimension=16, bin_size=64, neighbours=8)
PRESETS = {
    "tiny": Config(
        data=Data(pileup=(0.0,), events=(60,), transfer=()),
        study=Study(
            seeds=(1,), network=Network(width=16, edge=8, heads=2, dropout=0.0, dimension=8, bin_size=32, neighbours=4),
            train=Training(epochs=2, batch=4, lr=1e-2),
        ),
        evaluation=Evaluation(bootstrap=5, trees=5, anchors=(0.0,), anchor_events=10),
        workers=1,
    ),
    "demo": Config(study=Study(network=_COMPACT)),
    "paper": Config(
        data=Data(path=(Path("mlpf_delphes"),), validation=0.1, test=0.2),
        study=Study(
            bins=("hashed",), network=Network(inputs="raw", mask_padding=False), objective="published", most=6400,
            train=Training(epochs=300, batch=25, lr=2.5e-5, schedule="constant", clip=None),
        ),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "fake rate at the efficiency of the rules",
    "method",
    (TITLES["hashed"],),
    (RULES, JOINED, TREES),
    sample="pile-up 80",
    particle="neutral hadron",
    **{"tested at": "pile-up 80"},
)


def load(config: Config, *, progress: bool = True) -> Problems:
    """All samples of the run."""
    return events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Problems, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every network of the study."""
    task = functools.partial(study.train_one, config.study, data.by_name, run.folder / "work")
    parts = study.parts(config.study, list(data.by_name))
    return MODELS.train(
        run, parts, task, settings=lambda _: config.study, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config,
    data: Problems,
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001
) -> list[Result]:
    """Rules, trees and networks on the test events: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation, config.data, config.study.most, config.seed)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The particle of each element of the user's events; ``mask`` is true where there is an element.

    All elements are used, also of events longer than those of the training.
    """
    settings = from_dict(Config, run.settings).data
    main = events.OWN if settings.path else events.name_of(settings.pileup[-1])
    trained = MODELS.choose(run, model, among=lambda part: (part.bins == "hashed") + (part.sample == main))
    found = {path: read_elements(path) for path in files}
    longest = max(1, *(int(np.diff(each.offset).max(initial=0)) for each in found.values()))

    def open_file(path: Path) -> InMemory:
        element, mask, _ = found[path].padded(longest)
        return InMemory({"element": element, "mask": mask})

    def made(piece: Arrays) -> Arrays:
        rows = np.zeros((*piece["mask"].shape, len(PARTICLE_COLUMNS) + 1), np.float32)
        for row, element, mask in zip(rows, piece["element"], piece["mask"], strict=True):
            row[mask] = np.column_stack(study.particles_of(trained.model, element[mask]))
        kind, charge, pt, eta, sin, cos, energy, probability = np.moveaxis(rows, -1, 0)
        return {
            "class": kind.astype(np.uint8), "charge": charge.astype(np.int8), "pT": pt, "eta": eta,
            "phi": np.arctan2(sin, cos), "E": energy, "probability": probability, "mask": piece["mask"],
        }  # fmt: skip

    return write_predictions(
        files, output, open_file, made, model=trained.part.name, rows=100, progress=progress,
        units={"pT": "GeV", "phi": "rad", "E": "GeV"}, attributes={"classes": list(CLASSES)},
    )  # fmt: skip
