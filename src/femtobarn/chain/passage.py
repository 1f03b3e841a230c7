"""All choices of all stages on some crossings: the unit of work, kept in the cache, on any machine the same."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.chain import clusters, compression, tagging, tracking, trigger
from femtobarn.chain import flow as particle_flow
from femtobarn.chain.clusters import Clusters
from femtobarn.chain.collisions import JETS, crossings
from femtobarn.chain.compression import Arrived
from femtobarn.chain.detector import Detector, Seen
from femtobarn.chain.flow import Candidates
from femtobarn.chain.jets import (
    found_jets,
    jets_of_truth,
    missing,
    responses,
    tracks_in_jets,
    without_pileup,
)
from femtobarn.chain.settings import CHOICES, STAGES, Chain, Way, folder_of, holds_answers, title_of
from femtobarn.chain.wafers import Wafers, wafers_of
from femtobarn.simulate.chunks import Arrays, Chunks
from femtobarn.simulate.collisions.pythia import version
from femtobarn.simulate.detector.tracking import Tracks

_VERSION = 4  # raise it when the same settings give other numbers
_DRAWN = 2000  # added to the seed of what is drawn
OTHERS = "others"  #: what the time of a choice behind another than the reference is added to
_LEARNED = 1000  # added to the seed of what is learned from
#: Settings that do not change what is made of a crossing.
_NEUTRAL = (
    "events", "crossings", "signals", "passing", "bunches", "together", "bootstrap", "workers", "scheduler",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What a piece of work depends on, besides its seed."""

    kind: str
    """Of the crossings."""
    per_chunk: int
    """Crossings of a piece, but the last."""
    seed: int
    """Of the hard collisions."""
    chain: Chain
    """Only what is about the events and the choices differs from its defaults."""
    runs: tuple[str, ...]
    """Which runs stand behind the choices: a folder may hold another one tomorrow."""


def work(kind: str, chain: Chain, count: int) -> Chunks:
    """Pieces of work on `count` crossings of a kind."""
    own = replace(chain, trigger_pileup=(), **{name: getattr(Chain(), name) for name in _NEUTRAL})
    per_chunk = chain.together if kind == JETS else 5 * chain.together
    settings = Work(kind, per_chunk, chain.seed, own, _behind(chain))
    return Chunks(passage, settings, count, per_chunk, chain.seed, (_VERSION, *version()))


def learning(chain: Chain) -> Chunks:
    """The one piece of work that windows and calibrations are learned in."""
    count, seed = chain.learning, chain.seed + _LEARNED
    chunks = work(JETS, chain, count)
    settings = replace(chunks.settings, per_chunk=count, seed=seed)
    return replace(chunks, function=learn, settings=settings, per_chunk=count, seed=seed)


def learn(settings: Work, items: range, seed: np.random.SeedSequence) -> Arrays:
    """Windows of the automaton, and what is known of the clusters of each pair of choices."""
    chain = settings.chain
    through = _through(settings, items, seed, {}, tracks=_needs_hits(chain), name="learning")
    hits = through.seen.hits
    made = {} if hits is None else tracking.learned_windows(hits)
    for way in chain.ways():
        if (name := _pair(chain, way)) not in made:
            made[name] = clusters.learned(way.cluster, through.arrived(way).hits)
    through.write_paths(flow=False)
    return made


def passage(settings: Work, items: range, seed: np.random.SeedSequence) -> Arrays:
    """End-points of every way on some crossings, and the seconds that each choice took."""
    chain, with_tracks = settings.chain, settings.kind == JETS
    name = f"{settings.kind.replace(' ', '-')}-{chain.pileup:g}-{items.start:06d}"
    learned = learning(chain).get(0)
    through = _through(settings, items, seed, learned, tracks=with_tracks and _needs_hits(chain), name=name)
    made = _jets(through) if with_tracks else _scores(through)
    through.write_paths(flow=with_tracks)
    made |= {f"seconds {name}": np.array([spent]) for name, spent in through.spent.items()}
    made["memory"] = np.array([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20])  # GiB, on Linux
    return made


def drawn(chain: Chain) -> "Through":
    """One more event of dijets, for a drawing."""
    settings = replace(work(JETS, chain, 1).settings, per_chunk=1, seed=chain.seed + _DRAWN)
    seed = np.random.SeedSequence(settings.seed)
    return _through(settings, range(1), seed, learning(chain).get(0), tracks=True, name="drawing")


class Through:
    """What each choice made of the crossings: made once, used by all ways that share it."""

    def __init__(self, chain: Chain, seen: Seen, wafers: Wafers, learned: Arrays, name: str) -> None:
        self.chain, self.seen, self.wafers, self.learned, self.name = chain, seen, wafers, learned, name
        self.detector = Detector(chain.field)
        self.spent: dict[str, float] = {}
        self._kept: dict[tuple[str, ...], Any] = {}

    def arrived(self, way: Way) -> Arrived:
        """Hits of the endcap off the detector."""
        return self._once(
            ("compress", way.compress),
            lambda choice: compression.arrived(choice, self.wafers, self.detector.endcap),
        )

    def clusters(self, way: Way) -> Clusters:
        """Showers of the endcap."""
        hits, known = self.arrived(way).hits, self.learned[_pair(self.chain, way)]
        return self._once(
            ("cluster", way.cluster, way.compress),
            lambda choice: clusters.clusters_of(choice, hits, known, self.detector.endcap),
        )

    def tracks(self, way: Way) -> Tracks:
        """Tracks of the tracker."""
        field = self.chain.field
        return self._once(
            ("track", way.track),
            lambda choice: tracking.tracks_of(choice, self.seen, self.learned, field=field),
        )

    def flow(self, way: Way) -> Candidates:
        """Particles."""
        tracks, found = self.tracks(way), self.clusters(way)
        return self._once(
            ("flow", way.flow, *way[:3]),
            lambda choice: particle_flow.candidates_of(choice, tracks, self.seen, found, self.detector),
        )

    def trigger_flow(self, way: Way) -> Candidates:
        """Particles without tracks."""
        found, none = self.clusters(way), particle_flow.no_tracks(self.wafers.events)
        return self._once(
            ("trigger flow", "rules", *way[:2]),
            lambda choice: particle_flow.candidates_of(choice, none, self.seen, found, self.detector),
        )

    def resolved(self, choice: str) -> str:
        """A choice as its stage wants it: of a folder with answers the one to these crossings, without its ending."""
        known = any(choice in each for each in CHOICES.values())
        return choice if known or not holds_answers(choice) else str(Path(choice, self.name))

    def is_answered(self, choice: str, way: Way) -> bool:
        """Whether a choice that is no path can be asked after a way: files hold answers to the reference alone."""
        return way == self.chain.ways()[0] or not holds_answers(choice)

    def write(self, stage: str, write: Callable[..., Any], *given: Any) -> None:
        """Leave the input of a stage in the reference in the folder that the settings name, if they name one."""
        if self.chain.write:
            folder = Path(self.chain.write, stage)
            folder.mkdir(parents=True, exist_ok=True)
            write(folder, *given, name=self.name)

    def write_paths(self, *, flow: bool) -> None:
        """The same for the stages that are paths, those of the trigger too: it has no tracks, and no `flow` by runs."""
        way, seen = self.chain.ways()[0], self.seen
        self.write("compress", compression.write_input, self.wafers)
        self.write("cluster", clusters.write_input, self.arrived(way).hits)
        if seen.hits is not None:
            self.write("track", tracking.write_input, seen.hits)
        if flow:
            self.write("flow", particle_flow.write_input, self.tracks(way), seen, self.detector)

    def _once(self, name: tuple[str, ...], make: Callable[[str], Any]) -> Any:
        if name not in self._kept:
            with timed(self.spent, _told(self.chain, name)):
                self._kept[name] = make(self.resolved(name[1]))
        return self._kept[name]


def _jets(through: Through) -> Arrays:
    seen, chain = through.seen.crossings, through.chain
    true = jets_of_truth(seen)
    made: Arrays = {"event": true.event, "endcap": true.endcap, "parton": true.parton, "pt": true.axis[:, 0]}
    made["events"] = np.array([seen.particles.events])
    for number, way in enumerate(chain.ways()):
        kept = without_pileup(through.flow(way), seen.vertex)
        jets = found_jets(kept)
        made[f"response {number}"] = responses(true, jets)
        made[f"missing {number}"] = missing(kept, seen)
        made[f"tracks {number}"] = tracks_in_jets(true, seen, through.tracks(way))
        made[f"bits {number}"] = np.array([through.arrived(way).bits])
        for place, choice in enumerate(chain.tag):
            if through.is_answered(choice, way):
                with timed(through.spent, OTHERS if number else f"tag {place}"):
                    made[f"tag {place} {number}"] = tagging.tags_of(
                        through.resolved(choice), true, kept, jets
                    )
        if not number:
            through.write("tag", tagging.write_input, true, kept, jets)
    return made


def _scores(through: Through) -> Arrays:
    made: Arrays = {"pileup": through.seen.crossings.pileup, "events": np.array([through.wafers.events])}
    first = through.chain.ways()[0]
    for number, way in enumerate(through.chain.ways()):
        if way[2:] != first[2:]:  # a trigger without tracks does not know the others
            continue
        kept, hits = without_pileup(through.trigger_flow(way), None), through.arrived(way).hits
        regions = trigger.regions_of(through.seen, hits, through.detector)
        for place, choice in enumerate(through.chain.trigger):
            if through.is_answered(choice, way):
                with timed(through.spent, OTHERS if number else f"trigger {place}"):
                    found = trigger.scores_of(through.resolved(choice), kept, regions)
                made |= {f"score {number} {title_of(choice)}{name}": score for name, score in found.items()}
        if not number:
            through.write("trigger", trigger.write_input, regions)
    return made


def _through(
    settings: Work, items: range, seed: np.random.SeedSequence, learned: Arrays, *, tracks: bool, name: str
) -> Through:
    chain, detector = settings.chain, Detector(settings.chain.field)
    first, second = seed.spawn(2)
    crossed = crossings(
        settings.kind, chain.pileup, items, per_chunk=settings.per_chunk, seed=settings.seed, draws=first
    )
    seen = detector.see(crossed, tracks=tracks, seed=second)
    return Through(chain, seen, wafers_of(seen.endcap, detector.endcap), learned, name)


def _needs_hits(chain: Chain) -> bool:
    return any(map(tracking.needs_hits, chain.track))


def _pair(chain: Chain, way: Way) -> str:
    """Name of what is known of the clusters of a pair of choices: folders are no names of arrays."""
    return f"clusters {chain.compress.index(way.compress)} {chain.cluster.index(way.cluster)}"


def _told(chain: Chain, name: tuple[str, ...]) -> str:
    """Stage and number of the choice of that stage, if it is the reference at the others."""
    stage, choice, *rest = name
    first = chain.ways()[0]
    if stage not in STAGES or (stage == "cluster" and rest[0] != first.compress):
        return OTHERS
    if stage == "flow" and tuple(rest) != first[:3]:
        return OTHERS
    return f"{stage} {getattr(chain, stage).index(choice)}"


def _behind(chain: Chain) -> tuple[str, ...]:
    """What tells apart what stands behind the choices: a folder keeps its name when its content is made anew."""
    runs = [(choice, *folder_of(choice)) for choice in chain.runs()]
    known = [
        f"{choice} {run.name} {run.record.get('ended', '')} {model or ''}" for choice, run, model in runs
    ]
    answers = {each for stage in CHOICES for each in getattr(chain, stage) if holds_answers(each)}
    files = sorted(file for each in answers for file in Path(each).iterdir())
    return (*known, *(f"{file} {file.stat().st_mtime_ns}" for file in files))


@contextmanager
def timed(spent: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of what is done inside to those of a name."""
    start = time.perf_counter()
    yield
    spent[name] = spent.get(name, 0.0) + time.perf_counter() - start
