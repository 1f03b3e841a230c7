"""A contest of ways to find tracks: settings chosen on validation events, then the same test events for all."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from femtobarn.evaluation.stages import Cost, costs
from femtobarn.evaluation.tracks.events import Events
from femtobarn.evaluation.tracks.labellings import Labels, Pairs, Scores, best_way
from femtobarn.evaluation.tracks.results import Outcome, Shown, binomial, edge_counts, seed_counts
from femtobarn.parts import Report
from femtobarn.physics.tracks import Hits
from femtobarn.runs import Result
from femtobarn.study import row


class Found(NamedTuple):
    """What is left at the end, with scores, and what each stage left and took."""

    pair: Pairs
    score: Scores
    stages: dict[str, Pairs]
    costs: dict[str, Cost]
    seeds: Int[np.ndarray, "seed 3"] | None = None
    """Triplets of hits to start tracks from, where the way has them."""


@runtime_checkable
class Sought(Protocol):
    """What is sought."""

    @property
    def z(self) -> float:
        """Spread of the collisions along the beam, mm."""

    def judged(self, hits: Hits, /) -> Bool[np.ndarray, "particle"]:
        """Particles to judge by."""
        ...


class Competitor(NamedTuple):
    """A way to find tracks, with a choice of settings that is made on validation events."""

    method: str
    sought: str
    seed: int
    regime: Sought
    ways: tuple[str, ...]
    find: Callable[[Hits], Found]
    label: Callable[[Hits, Found, str], Labels]


@dataclass
class Answer:
    """What a competitor came to."""

    competitor: Competitor
    way: str = ""
    worth: dict[str, float] = field(default_factory=dict)
    test: Outcome = field(default_factory=Outcome)
    real: Outcome = field(default_factory=Outcome)
    shown: Shown | None = None
    """Tracks of the first event that is tested on only, or of the first test event."""
    densities: dict[float, tuple[Outcome, float]] = field(default_factory=dict)
    """Outcome and seconds of the processor at further pile-ups."""
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    """Sums of `edge_counts` over test events."""
    spent: dict[str, Cost] = field(default_factory=dict)
    seeds: dict[str, float] = field(default_factory=dict)
    """Sums of `seed_counts` over test events."""


def answer(events: Events, densities: Sequence[float], competitor: Competitor, report: Report) -> Answer:
    """Choose a way on validation events, then find the tracks of all others."""
    regime, done = competitor.regime, Answer(competitor)
    checked = [events.hits("validation", i, regime.z) for i in range(events.sizes["validation"])]
    found = [competitor.find(hits) for hits in checked]

    def worth(way: str) -> float:
        outcome = Outcome()
        for hits, each in zip(checked, found, strict=True):
            outcome.add(hits, competitor.label(hits, each, way), regime.judged(hits))
        return outcome.worth

    done.way, done.worth = best_way(competitor.ways, worth)
    for number in range(events.sizes["test"]):
        hits = events.hits("test", number, regime.z)
        _test(done, hits)
    for number, hits in enumerate(events.real() if regime.z == events.settings.real_z else []):
        label = competitor.label(hits, competitor.find(hits), done.way)
        done.real.add(hits, label, regime.judged(hits))
        done.shown = Shown(hits.position, label) if number == 0 else done.shown
    for pileup in densities:
        hits, outcome = events.hits("test", 0, regime.z, pileup=pileup), Outcome()
        start = time.process_time()
        label = competitor.label(hits, competitor.find(hits), done.way)
        seconds = time.process_time() - start
        outcome.add(hits, label, regime.judged(hits))
        done.densities[pileup] = outcome, seconds
    report(1, 1, f"{done.way}, {done.test.worth:.3f}")
    return done


def _test(done: Answer, hits: Hits) -> None:
    own, spent = done.competitor, dict[str, Cost]()
    found, wanted = own.find(hits), own.regime.judged(hits)
    with costs(spent, "labelling"):
        label = own.label(hits, found, done.way)
    done.test.add(hits, label, wanted)
    done.shown = done.shown or Shown(hits.position, label)
    if found.seeds is not None:
        done.seeds = _added(done.seeds, seed_counts(hits, found.seeds, wanted))
    for name, pair in (
        found.stages | {"score > 0.5": found.pair[found.score > 0.5]} if found.stages else {}
    ).items():
        done.stages[name] = _added(done.stages.get(name, {}), edge_counts(hits, pair, wanted))
    for name, cost in (found.costs | spent).items():
        old_cost = done.spent.get(name, Cost(0.0, 0.0))
        done.spent[name] = Cost(old_cost.seconds + cost.seconds, max(old_cost.megabytes, cost.megabytes))


def _added(old: Mapping[str, float], count: Mapping[str, float]) -> dict[str, float]:
    return {key: old.get(key, 0.0) + value for key, value in count.items()}


def seed_rows(
    group: Sequence[Answer], labels: Mapping[str, str], *, seeds: tuple[int, ...] = ()
) -> list[Result]:
    """Purity of seeds and the share of the particles sought that have one; nothing where there are no seeds."""
    if not group[0].seeds:
        return []
    names = {"purity of seeds": ("right", "seeds"), "particles with a seed": ("found", "particles")}
    rows = []
    for name, (part, whole) in names.items():
        values = [
            binomial(int(each.seeds[part]), int(each.seeds[whole])) for each in group if each.seeds[whole]
        ]
        if values:
            n = int(group[0].seeds[whole])
            rows.append(row(name, values, labels, seeds=seeds, n=n, sample="binomial"))
    return rows


def stage_rows(
    group: Sequence[Answer], labels: Mapping[str, str], *, seeds: tuple[int, ...] = ()
) -> list[Result]:
    """What each stage leaves, and what it takes of an event."""
    rows, events = list[Result](), max(1, len(group[0].test.found))

    def add(name: str, stage: str, values: Sequence[float], unit: str = "") -> None:
        own = {**labels, "stage": stage}
        rows.append(
            row(name, [(each, 0.0) for each in values], own, seeds=seeds, unit=unit, sample="", n=events)
        )

    for stage in group[0].stages:
        counts = [each.stages[stage] for each in group]
        add("pairs of a stage", stage, [each["pairs"] / events for each in counts])
        add("segments kept by a stage", stage, [each["kept"] / max(each["segments"], 1) for each in counts])
        add("purity of a stage", stage, [each["right"] / max(each["pairs"], 1) for each in counts])
    for stage in group[0].spent:
        add("time of a stage", stage, [each.spent[stage].seconds / events for each in group], "s")
        add("memory of a stage", stage, [each.spent[stage].megabytes for each in group], "MB")
    return rows


def pileup_rows(
    group: Sequence[Answer], labels: Mapping[str, str], *, seeds: tuple[int, ...] = ()
) -> list[Result]:
    """Efficiency, fakes and time at further pile-ups, and the power of the number of hits with which the time grows."""
    if not group[0].densities:
        return []
    rows = list[Result]()
    for density in group[0].densities:
        own, parts = {**labels, "pile-up": f"{density:g}"}, [each.densities[density] for each in group]
        found = [each.performance.efficiency() for each, _ in parts if each.performance.particles.sum()]
        values = [(each.value, (each.high - each.low) / 2) for each in found]
        if values:
            n = found[0].n
            rows.append(row("efficiency against pile-up", values, own, seeds=seeds, n=n, sample="binomial"))
        fakes = [each.performance.fakes["all"] / max(each.performance.tracks["all"], 1) for each, _ in parts]
        rows.append(
            row("fakes against pile-up", [(each, 0.0) for each in fakes], own, seeds=seeds, sample="")
        )
        rows.append(
            row("time of an event", [(t, 0.0) for _, t in parts], own, seeds=seeds, unit="s", sample="")
        )
    if len(group[0].densities) > 1:
        powers = [(_power(list(each.densities.values())), 0.0) for each in group]
        own = {**labels, "time": "in s"}
        rows.append(row("power of the hits in the time", powers, own, seeds=seeds, sample=""))
    return rows


def _power(found: Sequence[tuple[Outcome, float]]) -> float:
    """Slope of a line through the logarithms of hits and seconds."""
    hits, seconds = np.log([(max(each.hits, 1), max(spent, 1e-6)) for each, spent in found]).T
    return float(np.polyfit(hits, seconds, 1)[0])
