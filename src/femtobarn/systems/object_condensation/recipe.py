"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from femtobarn.data.source import InMemory
from femtobarn.errors import InputError
from femtobarn.evaluation.endcap.baselines import CLASSICAL
from femtobarn.evaluation.endcap.files import read_hits
from femtobarn.evaluation.endcap.showers import shower_of_hits
from femtobarn.generator_loop import Course
from femtobarn.runs import Result, Run, read_published
from femtobarn.simulate.endcap import Endcap
from femtobarn.study import Trained, by_name, headline, write_predictions
from femtobarn.systems.object_condensation import data as events
from femtobarn.systems.object_condensation import judge, study
from femtobarn.systems.object_condensation.data import Data, Samples
from femtobarn.systems.object_condensation.study import MODELS, NET, TRUTH, Net, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    seed: int = 1
    """Seed of the events."""
    workers: int = 2
    """Processes that train side by side."""


_COMPACT = Net(
    width=32, blocks=1, neighbours=16, dimensions=4, propagated=16, messages=(16, 16), lr=5e-3, dense_epochs=4,
    dense_parts=3, repulsion=(1.0, 10.0), course=Course(epochs=6, batch=1, ema=0.95, schedule="cosine", warmup=0.05),
)  # fmt: skip
_SMALL = replace(
    _COMPACT,
    width=8,
    neighbours=6,
    propagated=4,
    messages=(4,),
    course=Course(epochs=2, batch=2, ema=0.5),
    dense_epochs=2,
)
PRESETS = {
    "tiny": Config(
        data=Data(
            engine="averages", pool=120, etas=48, slice=20.0, particles=(2, 5), train=(12, 4), validation=(4, 2),
            dense=(5.0, 20.0), pileup=(0.0, 20.0), test=6, pairs=20,
        ),
        study=Study(
            seeds=(1,), net=_SMALL, t_beta=(0.1, 0.3), t_d=(0.5,), distance=(20.0, 40.0), density=(0.5,), depth=(8.0,),
            radius=(0.02, 0.04), least=(0.5,),
        ),
        workers=1,
    ),
    "demo": Config(data=Data(train=(220, 80), validation=(30, 10), test=30), study=Study(net=_COMPACT, fitted=30)),
    "paper": Config(data=Data(files=(Path("pu200_plus_60_phase_cut_30.h5"),))),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "efficiency, IoU 0.3",
    "method",
    (NET,),
    tuple(CLASSICAL),
    **{"sample": "pile-up 200", "tuned on": "pile-up"},
)


def load(config: Config, *, progress: bool) -> Samples:
    """The events of the run."""
    return events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Samples, run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every method on every kind of training events."""
    return MODELS.train(
        run,
        config.study.parts(data),
        functools.partial(study.train_one, config.study, data, run.folder / "work"),
        settings=lambda _: config.study,
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config,
    data: Samples,
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool,  # noqa: ARG001
) -> list[Result]:
    """Every method on the same test events."""
    return by_name(judge.results(run, data, trained, seed=config.seed))


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Showers of the hits of files that `read_hits` reads: a row for each hit.

    ``event`` in its file, ``shower`` within the event, -1 for none, and ``shower_energy`` in GeV, NaN for none. Hits
    outside of the endcap that the network knows belong to no shower; the attribute ``outside`` counts them.
    """
    chosen = MODELS.choose(run, model, among=_rank)
    outside = {"outside": 0}
    return write_predictions(
        files, output, functools.partial(_labelled, chosen, outside), dict, model=chosen.part.name, what="hits",
        units={"shower_energy": "GeV"}, attributes=outside, progress=progress,
    )  # fmt: skip


def _rank(part: Part) -> int:
    """Networks first, those that have seen pile-up before the others; never the truth."""
    return 0 if part.method == TRUTH else 1 + 2 * (part.method == NET) + (part.trained == events.DENSE)


def _labelled(trained: Trained[Part], outside: dict[str, int], path: Path) -> InMemory:
    found, weights = read_hits(path), trained.kept["weights"].numpy()
    find = study.finder(trained.part, trained.model, trained.kept)
    endcap = Endcap()
    shower, energy, away = shower_of_hits(found, find, weights, endcap)
    if 0 < away == len(shower):
        low, high = endcap.z[[0, -1]]
        raise InputError(
            f"{path}: all {away} hits lie outside of the endcap that the network knows, z from {low:.0f} to {high:.0f} "
            f"mm and eta from {endcap.eta[0]} to {endcap.eta[1]}: are the lengths in another unit?"
        )
    outside["outside"] += away
    event = np.repeat(np.arange(len(found)), np.diff(found.offset))
    return InMemory({"event": event, "shower": shower, "shower_energy": energy})
