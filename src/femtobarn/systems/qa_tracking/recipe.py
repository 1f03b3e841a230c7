"""Settings, presets and the steps of a run: load, learn the windows, solve, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from femtobarn.data.source import InMemory
from femtobarn.datasets import trackml
from femtobarn.evaluation.tracks.chain import from_tensors, to_tensors
from femtobarn.evaluation.tracks.files import UNITS, hit_files, read_hits, track_columns
from femtobarn.parts import Report, run_parts
from femtobarn.physics.tracks import TrackFinder
from femtobarn.qubo import largest_embedded, track_segments
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Models, Trained, by_name, headline, write_predictions
from femtobarn.systems.qa_tracking import data as events
from femtobarn.systems.qa_tracking import judge, study
from femtobarn.systems.qa_tracking.data import Crossings, Data
from femtobarn.systems.qa_tracking.study import Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    seed: int = 1
    """Seed of the crossings."""
    workers: int = 2
    """Processes that solve side by side."""


_FEW = Study(
    densities=(0.1,), unfiltered=(0.1,), triplets=(0.1,), seeds=(1,), reads=1, sweeps=100, embedded=1
)
PRESETS = {
    "tiny": Config(data=Data(pileup=20.0, learned=6, pool=100), study=_FEW, workers=1),
    "demo": Config(),
    "paper": Config(
        study=Study(
            densities=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0), unfiltered=(0.01, 0.02, 0.05, 0.1, 0.2),
            triplets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5), reads=10, time_limit=600.0,
        )
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "double-majority efficiency",
    "solver",
    ("exact", "anneal"),
    judge.CLASSICAL,
    density="50 %",
    variables="doublets",
)


class Windows(NamedTuple):
    """What is learned: windows of layers and of triplets, for collisions spread by `z` mm along the beam."""

    z: float
    seed: int

    @property
    def name(self) -> str:
        """Its folder."""
        return f"windows-{self.z:g}mm"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"z": f"{self.z:g} mm"}


MODELS = Models(Windows, lambda _: Data)


def load(config: Config, *, progress: bool = True) -> Crossings:
    """The soft collisions that crossings are made of."""
    return events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Crossings, run: Run, *, progress: bool = True) -> list[Trained[Windows]]:
    """Learn the windows."""
    wanted = [config.data.z] + ([config.data.folder_z] if config.data.folder else [])
    parts = [Windows(z, config.seed) for z in dict.fromkeys(wanted)]
    learn = functools.partial(_learn, data)
    return MODELS.train(run, parts, learn, settings=lambda _: config.data, workers=1, progress=progress)


def _learn(data: Crossings, part: Windows, report: Report) -> Trained[Windows]:
    found = data.finder(z=part.z)
    report(1, 1, f"{len(found.layers.pair)} pairs of layers")
    return Trained(part, None, [], 0.0, to_tensors(found))


def evaluate(
    config: Config, data: Crossings, trained: Sequence[Trained[Windows]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Solve every crossing in every form; what is solved stays when a run is stopped."""
    finder = from_tensors(trained[0].kept)
    missing = [part for part in config.study.parts() if run.done(part.name) is None]
    solve = functools.partial(_solve, config, data, finder, run)
    run_parts(
        solve, missing, name=lambda part: part.name, title="crossings", workers=config.workers, progress=progress
    )  # fmt: skip
    solved = {part: run.done(part.name) or {} for part in config.study.parts()}
    rows = judge.results(run, solved, _machines(config, data, finder, run))
    if config.data.folder is not None:
        rows += judge.of_files(_events(config, from_tensors(trained[-1].kept)))
    return by_name(rows)


def _solve(
    config: Config, data: Crossings, finder: TrackFinder, run: Run, part: Part, report: Report
) -> None:
    hits = data.crossings(1, part.density, seed=part.seed)
    found = study.solve_event(hits, finder, config.study, part)
    if part.filtered and part.kind == "doublets":
        found |= study.classical(hits, finder)
    run.mark_done(part.name, found)
    report(1, 1, f"{found['']['variables']:.0f} variables")


def _machines(
    config: Config, data: Crossings, finder: TrackFinder, run: Run
) -> dict[str, list[dict[str, float]]]:
    """Components of one crossing on the graphs of annealers."""
    if not config.study.embedded:
        return {}
    if (known := run.done("embeddings")) is None:
        density = min(config.study.densities, key=lambda d: abs(d - 0.1))
        hits = data.crossings(1, density, seed=config.study.seeds[0])
        problem = track_segments.form(hits, finder, "doublets", config.study.energy)
        quadratic, count = problem.chains.quadratic(config.study.energy.fork), config.study.embedded
        known = {
            graph: largest_embedded(quadratic, graph, count=count, seed=config.seed)
            for graph in ("chimera", "pegasus")
        }
        run.mark_done("embeddings", known)
    return known


def _events(config: Config, finder: TrackFinder) -> list[dict[str, dict[str, float]]]:
    """What is found in the user's events."""
    assert config.data.folder is not None
    found = []
    for name in trackml.event_names(config.data.folder):
        hits = trackml.hits_of(trackml.open_event(config.data.folder, name))
        part = Part(1.0, "doublets", True, config.seed)
        found.append(study.solve_event(hits, finder, config.study, part) | study.classical(hits, finder))
    return found


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Tracks of TrackML events by the exact solver; files of hits, or folders of them: see `track_columns`."""
    config, chosen = from_dict(Config, run.settings), MODELS.choose(run, model)
    finder = from_tensors(chosen.kept)

    def tracks(path: Path) -> InMemory:
        hits = read_hits(path)
        problem = track_segments.form(hits, finder, "doublets", config.study.energy)
        answer = study.solved(problem.chains, "exact", config.study, seed=config.seed)
        return track_columns(hits, track_segments.tracks(hits, problem, answer.state))

    return write_predictions(
        hit_files(files),
        output,
        tracks,
        dict,
        model=chosen.part.name,
        what="hits",
        units=UNITS,
        progress=progress,
    )
