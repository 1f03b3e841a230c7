"""All choices of all stages on some crossings: the unit of work, kept in the cache, on any machine the same."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from femtobarn.chain.clusters import Clusters, clusters_of, learned_energy
from femtobarn.chain.collisions import JETS, Crossings, Sample, crossings
from femtobarn.chain.compression import Arrived, arrived
from femtobarn.chain.detector import Detector, Seen
from femtobarn.chain.flow import Candidates, candidates_of, no_tracks
from femtobarn.chain.jets import (
    found_jets,
    jets_of_truth,
    missing,
    responses,
    tracks_in_jets,
    without_pileup,
)
from femtobarn.chain.settings import HITS, STAGES, Chain, Way, folder_of
from femtobarn.chain.tracking import learned_windows, needs_hits, tracks_of
from femtobarn.chain.trigger import scores_of
from femtobarn.chain.wafers import Wafers, wafers_of
from femtobarn.simulate.chunks import Arrays, Chunks
from femtobarn.simulate.collisions.pythia import version
from femtobarn.simulate.detector.tracking import Tracks

_VERSION = 1  # raise it when the same settings give other numbers
_DRAWN = 7  # of the seed of what is drawn
_LEARNED = 1000  # added to the seed of what is learned from


@dataclass(frozen=True)
class Work:
    """What a piece of work depends on, besides its seed."""

    kind: str
    """Of the crossings."""
    chain: Chain
    """Only what is about the events and the choices differs from its defaults."""
    runs: tuple[str, ...]
    """Which runs stand behind the choices: a folder may hold another one tomorrow."""


def work(kind: str, chain: Chain, count: int) -> Chunks:
    """Pieces of work on `count` crossings of a kind."""
    neutral = Chain()
    kept = (
        "events",
        "crossings",
        "signals",
        "passing",
        "bunches",
        "together",
        "bootstrap",
        "workers",
        "scheduler",
    )
    own = replace(chain, **{name: getattr(neutral, name) for name in kept})
    per_chunk = chain.together if kind == JETS else 5 * chain.together
    settings = Work(kind, own, _runs(chain))
    return Chunks(passage, settings, count, per_chunk, chain.seed, (_VERSION, *version()))


def learning(chain: Chain) -> Chunks:
    """The one piece of work that windows and calibrations are learned in."""
    chunks = work(JETS, chain, chain.learning)
    return replace(chunks, function=learn, per_chunk=chain.learning, seed=chain.seed + _LEARNED)


def learn(settings: Work, items: range, seed: np.random.SeedSequence) -> Arrays:
    """Windows of the automaton, and the energies of clusters of each pair of choices, from crossings of their own."""
    chain, detector = settings.chain, Detector(settings.chain.field)
    seen, wafers = _seen(settings, len(items), seed, tracks=any(map(needs_hits, chain.track)))
    made = learned_windows(seen.hits) if seen.hits is not None else {}
    for compress, cluster in dict.fromkeys((way.compress, way.cluster) for way in chain.ways()):
        hits = arrived(compress, wafers, detector.endcap).hits
        made[_pair(chain, compress, cluster)] = learned_energy(cluster, hits, fine=compress == HITS)
    return made


def passage(settings: Work, items: range, seed: np.random.SeedSequence) -> Arrays:
    """End-points of every way on some crossings, and the seconds that each choice took."""
    chain = settings.chain
    learned = learning(chain).get(0)
    with_tracks = settings.kind == JETS
    seen, wafers = _seen(settings, len(items), seed, tracks=with_tracks and any(map(needs_hits, chain.track)))
    through = Through(chain, seen, wafers, learned)
    made = _jets(through) if with_tracks else _scores(through)
    made |= {f"seconds {name}": np.array([spent]) for name, spent in through.spent.items()}
    made["memory"] = np.array([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20])  # GiB, on Linux
    return made


def seen_first(chain: Chain, *, tracks: bool) -> tuple[Seen, Wafers]:
    """One more event of dijets, for a drawing."""
    chunks = work(JETS, chain, 1)
    return _seen(chunks.settings, 1, np.random.SeedSequence([chain.seed, _DRAWN]), tracks=tracks)


class Through:
    """What each choice made of the crossings: made once, used by all ways that share it."""

    def __init__(self, chain: Chain, seen: Seen, wafers: Wafers, learned: Arrays) -> None:
        self.chain, self.seen, self.wafers, self.learned = chain, seen, wafers, learned
        self.detector = Detector(chain.field)
        self.spent: dict[str, float] = {}
        self._kept: dict[tuple[str, ...], Any] = {}

    def arrived(self, way: Way) -> Arrived:
        """Hits of the endcap off the detector."""
        return self._once(
            ("compress", way.compress), lambda: arrived(way.compress, self.wafers, self.detector.endcap)
        )

    def clusters(self, way: Way) -> Clusters:
        """Showers of the endcap."""
        hits, weights = self.arrived(way).hits, self.learned[_pair(self.chain, way.compress, way.cluster)]
        fine = way.compress == HITS
        return self._once(
            ("cluster", way.cluster, way.compress),
            lambda: clusters_of(way.cluster, hits, weights, self.detector.endcap, fine=fine),
        )

    def tracks(self, way: Way) -> Tracks:
        """Tracks of the tracker."""
        return self._once(
            ("track", way.track),
            lambda: tracks_of(way.track, self.seen, self.learned, field=self.chain.field),
        )

    def flow(self, way: Way) -> Candidates:
        """Particles."""
        tracks, clusters = self.tracks(way), self.clusters(way)
        return self._once(
            ("flow", way.flow, *way[:3]),
            lambda: candidates_of(way.flow, tracks, self.seen, clusters, self.detector),
        )

    def trigger_flow(self, way: Way) -> Candidates:
        """Particles without tracks."""
        clusters, none = self.clusters(way), no_tracks(self.wafers.events)
        return self._once(
            ("trigger flow", *way[:2]),
            lambda: candidates_of("rules", none, self.seen, clusters, self.detector),
        )

    def _once(self, name: tuple[str, ...], make: Any) -> Any:
        if name not in self._kept:
            with _timed(self.spent, _told(self.chain, name)):
                self._kept[name] = make()
        return self._kept[name]


def _jets(through: Through) -> Arrays:
    seen = through.seen.crossings
    true, vertex = jets_of_truth(seen), seen.vertex
    made: Arrays = {"event": true.event, "axis": true.axis, "endcap": true.endcap}
    made["events"] = np.array([seen.particles.events])
    for number, way in enumerate(through.chain.ways()):
        kept = without_pileup(through.flow(way), vertex)
        made[f"response {number}"] = responses(true, found_jets(kept))
        made[f"missing {number}"] = missing(kept, seen)
        made[f"tracks {number}"] = tracks_in_jets(true, seen, through.tracks(way))
        made[f"bits {number}"] = np.array([through.arrived(way).bits])
    return made


def _scores(through: Through) -> Arrays:
    made: Arrays = {"pileup": through.seen.crossings.pileup}
    for number, way in enumerate(through.chain.ways()):
        if way[2:] == through.chain.ways()[0][2:]:  # a trigger without tracks does not know the others
            found = scores_of(
                through.chain.trigger, through.trigger_flow(way), through.seen, through.arrived(way).hits,
                through.detector,
            )  # fmt: skip
            made |= {f"score {number} {name}": score for name, score in found.items()}
    return made


def _seen(settings: Work, count: int, seed: np.random.SeedSequence, *, tracks: bool) -> tuple[Seen, Wafers]:
    chain, detector = settings.chain, Detector(settings.chain.field)
    first, second = seed.spawn(2)
    crossed: Crossings = crossings(Sample(settings.kind, chain.pileup, chain.seed), count, seed=first)
    seen = detector.see(crossed, tracks=tracks, seed=second)
    return seen, wafers_of(seen.endcap, detector.endcap)


def _pair(chain: Chain, compress: str, cluster: str) -> str:
    """Name of the calibration of a pair of choices: folders are no names of arrays."""
    return f"energy {chain.compress.index(compress)} {chain.cluster.index(cluster)}"


def _told(chain: Chain, name: tuple[str, ...]) -> str:
    """Stage and number of the choice of that stage, if it is the reference at the others."""
    stage, choice, *rest = name
    first = chain.ways()[0]
    if stage not in STAGES or (stage == "cluster" and rest[0] != first.compress):
        return "others"
    if stage == "flow" and tuple(rest) != first[:3]:
        return "others"
    return f"{stage} {getattr(chain, stage).index(choice)}"


def _runs(chain: Chain) -> tuple[str, ...]:
    """What tells the runs apart that stand behind the choices: a folder keeps its name when a run is repeated."""
    known = [(choice, *folder_of(choice)) for choice in chain.runs()]
    return tuple(
        f"{choice} {run.name} {run.record.get('ended', '')} {model or ''}" for choice, run, model in known
    )


@contextmanager
def _timed(spent: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    spent[name] = spent.get(name, 0.0) + time.perf_counter() - start
