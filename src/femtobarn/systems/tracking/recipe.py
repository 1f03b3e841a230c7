"""Settings, presets and the steps of a run: load, learn windows and train, evaluate, predict, export."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from femtobarn.data.source import InMemory
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.evaluation.tracks import events as track_events
from femtobarn.evaluation.tracks.contest import Answer, Competitor, answer
from femtobarn.evaluation.tracks.events import Data, Events
from femtobarn.evaluation.tracks.files import UNITS, hit_files, read_hits, track_columns
from femtobarn.evaluation.tracks.hit_graphs import embedding_inputs, graph, stage_features
from femtobarn.evaluation.tracks.labellings import labelled
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, by_name, headline, write_predictions
from femtobarn.systems.tracking import judge
from femtobarn.systems.tracking.course import Course
from femtobarn.systems.tracking.study import MODELS, REGIMES, Part, Study, chain


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    labelling: str = "components above 0.5"
    """How `predict` reads tracks off scored pairs."""
    seed: int = 1
    """Seed of the events."""
    workers: int = 2
    """Processes that train and evaluate side by side."""
    scheduler: str | None = None
    """Address of a Dask scheduler that trains and evaluates instead of processes here; it shares the run's folder."""


_SHORT = Training(epochs=1, batch=1, lr=5e-3)
_LONG = Training(epochs=30, batch=1, lr=2e-3)
PRESETS = {
    "tiny": Config(
        data=Data(engine="gun", train=1, validation=1, test=1, pileup=6.0, densities=(3.0,), learned=60.0),
        study=Study(
            methods=("triplet filter", "triplets", "embedding", "condensation"), regimes=tuple(REGIMES)[:1], seeds=(1,),
            width=8, rounds=1, train=_SHORT, dimensions=4, hidden=(1, 16), near=2000, neighbours=5, embed=_SHORT,
            condense=_SHORT,
        ),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(folder=Path("train_100_events"), train=80, validation=10, test=10),
        study=Study(
            methods=("embedding", "triplets", "triplet filter", "layer map"), regimes=("pT > 0.5 GeV, 5.5 mm",),
            width=64, rounds=8, shared=True, train=_LONG, hidden=(6, 512), near=400_000, embed=_LONG, condense=_LONG,
        ),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "double-majority efficiency",
    "method",
    ("network, triplet filter",),
    ("automaton", "Hough transform"),
    sought=next(iter(REGIMES)),
)


def load(config: Config, *, progress: bool = True) -> Events:
    """Where events come from."""
    return track_events.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Events, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every chain of the study."""
    work = partial(_train_one, config, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(), work, settings=lambda _: config.study,
        workers=config.workers, scheduler=config.scheduler, progress=progress,
    )  # fmt: skip


def _train_one(config: Config, data: Events, work: Path, part: Part, report: Report) -> Trained[Part]:
    sought = part.regime
    finder = data.finder(z=sought.z, pt=sought.pt, primary=not sought.displaced)
    return Course(config.study, data, finder, work / part.name, part, report).run()


def evaluate(
    config: Config, data: Events, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """All tables and figures; other pile-ups are for what is sought first."""
    sought = trained[0].part.sought
    answers = run_parts(
        partial(_answer, config, data, sought), judge.competitors(trained),
        name=lambda each: f"{each.method}, {each.sought}", title="events",
        workers=config.workers, scheduler=config.scheduler, progress=progress,
    )  # fmt: skip
    first = ("double-majority efficiency", "gain in double-majority efficiency", "fake rate")
    return by_name(judge.results(run, answers, trained), first)


def _answer(config: Config, data: Events, first: str, competitor: Competitor, report: Report) -> Answer:
    densities = config.data.densities if config.data.folder is None and competitor.sought == first else ()
    if "embedding" in competitor.method:  # its graph grows with the square of the hits
        densities = tuple(each for each in densities if each <= 2 * config.data.pileup)
    return answer(data, densities, competitor, report)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Tracks of the hits of TrackML events, given as files of hits or as folders: see `track_columns`."""
    config, own = from_dict(Config, run.settings), _chosen(run, model)

    def tracks(path: Path) -> InMemory:
        hits = read_hits(path)
        found = chain(own).find(hits)
        return track_columns(hits, labelled(hits, found.pair, found.score, config.labelling))

    return write_predictions(
        hit_files(files), output, tracks, dict, model=own.part.name, what="hits", units=UNITS, progress=progress
    )  # fmt: skip


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """Each network of a chain as ONNX for any number of nodes and edges, checked against torch on a simulated event."""
    if to != "onnx":
        raise InputError(f"networks of graphs are exported to onnx, not to {to}")
    own = _chosen(run, model)
    ready, lines = chain(own), []
    hits = Events(Data(engine="gun", pileup=5.0), 1, None, ()).hits("test", 0, own.part.regime.z)
    for name, network in own.model.items():
        path = folder / f"{own.part.name}-{name}.onnx"
        if name == "embedding":
            example, axes = {"hit": embedding_inputs(hits)}, {"hit": "hit"}
        else:
            left = list(ready.pairs(hits, before=name).values())[-1]
            plain = graph(stage_features(name, hits), left)
            own_graph = ready.triplet_graph(hits)[1] if name == "triplets" else plain
            example, axes = own_graph._asdict(), {"node": "node", "edge": "edge", "feature": "edge"}
        lines.append(export_onnx(network, example, path, axis=axes, tolerance=1e-4).summary(path))
    return "\n".join(lines)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    """Losses of different graphs do not compare: without a name it is the best of the triplet filter, if any."""
    return MODELS.choose(run, model, among=lambda part: part.method == "triplet filter")
