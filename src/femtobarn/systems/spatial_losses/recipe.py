"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from femtobarn.data.hdf5 import Hdf5File
from femtobarn.data.source import Source
from femtobarn.engine import Training
from femtobarn.evaluation.maps.nowcasting import open_issues
from femtobarn.nn import event_probabilities
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.simulate.footprints import known_maps
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.spatial_losses import judge, study
from femtobarn.systems.spatial_losses.data import MOTION, PERSISTENCE, Data, Problem, load_maps
from femtobarn.systems.spatial_losses.judge import Evaluation
from femtobarn.systems.spatial_losses.study import BOTH, MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the stand-in and of the bootstrap."""
    workers: int = 2
    """Processes that train side by side."""


PRESETS = {
    "tiny": Config(
        data=Data(public=False, size=(28, 128, 192), threshold=5.0, gap=8, every=4, leads=(10, 20)),
        study=Study(
            losses=("brier_neigh0", "fss_neigh2"), seeds=(1,), channels=(4, 8), tile=32, tiles=32, rates=(1e-2,),
            train=Training(epochs=2, batch=8),
        ),
        evaluation=Evaluation(radii=(0, 2, 4), block=16, bootstrap=20, blurs=(1, 2)),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(every=1),
        study=Study(
            losses=(
                *(f"{score}_neigh{r}" for score in ("brier", "fss", "csi") for r in (0, 1, 2, 3, 4, 6, 8, 12)),
                *(f"brier_{band}d" for band in ("0d_0.1", "0.1d_0.2", "0.2d_0.4", "0.4d_inf")),
            ),
            channels=(16, 24, 32, 48, 64, 96), tile=128, tiles=1920, checks=960, rates=(1e-3,), window="blackman",
            train=Training(epochs=1000, batch=60, patience=30),
        ),
    ),
    "showers": Config(
        data=Data(problem="showers"),
        study=Study(losses=("brier_neigh0", "fss_neigh2", "csi_neigh0", "brier_30.0d_infd")),
        evaluation=Evaluation(block=64),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "FSS, 9 px",
    ("method", "sees"),
    tuple((f"U-net, {loss}", BOTH) for loss in ("FSS 9 px", "brier")),
    tuple((name, "") for name in (PERSISTENCE, MOTION, f"{MOTION}, blurred")),
    lead="20 min",
)


def load(config: Config, *, progress: bool = True) -> Problem:  # noqa: ARG001, part of the protocol
    """The maps of the run."""
    return load_maps(config.data, seed=config.seed)


def train(config: Config, data: Problem, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """A network for each loss, each input and each seed."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(), task, settings=lambda _: config.study, workers=config.workers, progress=progress
    )  # fmt: skip


def evaluate(
    config: Config, data: Problem, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True,  # noqa: ARG001
) -> list[Result]:  # fmt: skip
    """Every network and baseline on the test maps: tables and the figures of the report."""
    return judge.results(run, data, trained, config.evaluation, seed=config.seed)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Probabilities of an event for every time of issue of the user's files of rain, or for every track."""
    settings = from_dict(Config, run.settings).data
    rank = lambda part: 2 * part.loss.startswith("fss") + (part.inputs == BOTH)  # noqa: E731
    trained = MODELS.choose(run, model, among=rank)
    kept = trained.kept

    def opened(path: Path) -> Source:
        if settings.problem == "showers":
            return Hdf5File(path, known=("track", "towers"))
        about = {"lags": settings.lags, "leads": settings.leads, "pitch": kept["pitch"]}
        return open_issues(path, coarse=settings.coarse, **about)

    def answer(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if settings.problem == "showers":
            piece = dict(zip(("past", "guess"), known_maps(piece, kept["mean"].numpy()), strict=True))
        found = {"probability": event_probabilities(trained.model, piece["past"], piece["guess"])}
        return {name: piece[name] for name in ("minutes",) if name in piece} | found

    return write_predictions(
        files, output, opened, answer, model=trained.part.name, what="maps", rows=4, progress=progress,
        units={"minutes": "min"}, attributes={"leads": [f"{lead:g} min" for lead in settings.leads]},
    )  # fmt: skip
