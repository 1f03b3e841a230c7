"""The network beside rules and trees on the same test events: tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from femtobarn.errors import InputError
from femtobarn.evaluation.particle_flow.baselines import FlowTrees, joined_neighbours
from femtobarn.evaluation.particle_flow.figures import draw_classes, draw_response
from femtobarn.evaluation.particle_flow.graph import share_of_neighbours
from femtobarn.evaluation.particle_flow.methods import RULES, Outcome, flow_tables
from femtobarn.physics.particle_flow import NEUTRAL, FlowEvents
from femtobarn.runs import Result, Run
from femtobarn.simulate.particle_flow import FlowSample, flow_sample
from femtobarn.study import Trained, by_name, draw_training, grouped, row
from femtobarn.systems.mlpf.data import Data, Problems
from femtobarn.systems.mlpf.study import Part, particles

JOINED, TREES = "rules, neighbours joined", "boosted trees"
BLIND = "boosted trees without track ends"


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test events."""

    bootstrap: int = 25
    """Bootstrap samples of events behind errors that are not binomial."""
    trees: int = 100
    """Boosted trees of each class."""
    anchors: tuple[float, ...] = (0.0, 80.0, 200.0)
    """Pile-up at which the rules are judged in the detector as in Delphes and with showers; none for files."""
    anchor_events: int = 12
    """Events at each pile-up at which the rules are judged."""

    def __post_init__(self) -> None:
        if self.bootstrap < 2 or self.trees < 1 or self.anchor_events < 2:
            raise InputError(f"expected 2 bootstrap samples, 2 events and a tree at least: got {self}")


def results(
    run: Run,
    problems: Problems,
    trained: Sequence[Trained[Part]],
    settings: Evaluation,
    sample: Data,
    most: int,
    seed: int,
) -> list[Result]:
    """All tables; the figures are those of the last sample."""
    table: list[Result] = []
    for name, split in problems.by_name.items():
        mine = [each for each in trained if each.part.sample == name]
        trees = {
            label: FlowTrees.fit(
                split.train,
                seed=seed,
                trees=settings.trees,
                outer=label == TREES,
                validation=split.validation,
            )
            for label in (TREES, BLIND)
        }
        tests = {"": split.test} | (dict(problems.elsewhere) if name == problems.main else {})
        for place, events in tests.items():
            found = outcomes(events, mine if not place else _first(mine), trees, most)
            labels = {"sample": name, "tested at": place or name}
            table += flow_tables(events, found, labels, bootstrap=settings.bootstrap, seed=seed)
            table += _cut(events, labels, most)
            if name == problems.main and not place:
                draw_classes(run, events, found)
                draw_response(run, events, found)
        table += _recall(mine, split.test, name)
    draw_training(
        run, [t for t in trained if t.part.seed == trained[0].part.seed], ylabel="loss on validation events",
        caption="After each epoch: cross entropy of the classes plus Huber losses of momenta.",
    )  # fmt: skip
    return by_name(table + (anchors(settings, seed=seed) if not sample.path else []))


def outcomes(
    events: FlowEvents, trained: Sequence[Trained[Part]], trees: Mapping[str, FlowTrees], most: int
) -> list[Outcome]:
    """Every method on the same events: rules first, networks last."""
    found = [Outcome(RULES, None, events.candidate), Outcome(JOINED, None, joined_neighbours(events))]
    found += [Outcome(label, None, *each.particles(events)) for label, each in trees.items()]
    for each in trained:
        rows, score = particles(each.model, events, most=most)
        found.append(Outcome(each.part.labels["method"], each.part.seed, rows, score))
    return found


def anchors(settings: Evaluation, *, seed: int) -> list[Result]:
    """The rules alone: in the detector as in Delphes, and with showers."""
    table = []
    for pileup in settings.anchors:
        for showers in (False, True):
            made = FlowSample(float(pileup), showers)
            events = flow_sample(made, settings.anchor_events, seed=seed + 2, workers=1)
            labels = {"pile-up": f"{pileup:g}", "detector": "with showers" if showers else "as in Delphes"}
            rules = [Outcome(RULES, None, events.candidate)]
            rows = flow_tables(events, rules, labels, bootstrap=settings.bootstrap, seed=seed, jets=False)
            wanted = ("efficiency", "fake rate", "median response", "std of the response as published")
            table += [_renamed(each) for each in rows if each.name in wanted]
            size = [(float(np.diff(events.offset).mean()), float(np.diff(events.offset).std()))]
            table.append(
                row("rules: elements of an event", size, labels, n=len(events), sample="standard deviation")
            )
    return table


def _renamed(each: Result) -> Result:
    labels = {key: value for key, value in each.labels.items() if key != "method"}
    return replace(each, name=f"rules: {each.name}", labels=labels)


def _first(trained: Sequence[Trained[Part]]) -> list[Trained[Part]]:
    """Those that find neighbours as the first one does."""
    return [each for each in trained if each.part.bins == trained[0].part.bins]


def _cut(events: FlowEvents, labels: dict[str, str], most: int) -> list[Result]:
    size = np.diff(events.offset)
    lost = np.maximum(size - most, 0) if most else np.zeros_like(size)
    neutral = events.target[:, 0] == NEUTRAL
    values = (
        ("events with elements cut", float((lost > 0).mean())),
        ("elements cut", float(lost.sum() / max(size.sum(), 1))),
        (
            "neutral hadrons in a tower of the ECAL",
            float((events.element[neutral, 6] > 0).sum() / max(neutral.sum(), 1)),
        ),
    )
    return [row(name, [(value, 0.0)], labels, n=len(events)) for name, value in values]


def _recall(trained: Sequence[Trained[Part]], events: FlowEvents, name: str) -> list[Result]:
    """Share of the exact neighbours that bins of the same embedding find, on at most five events."""
    table, few = [], events.take(np.arange(min(5, len(events))))
    for method, same in grouped(trained, lambda each: each.part.labels["method"]).items():
        shares = [(share_of_neighbours(each.model, few), 0.0) for each in same]
        labels, seeds = {"sample": name, "method": method}, [each.part.seed for each in same]
        table.append(row("share of exact neighbours found", shares, labels, seeds=seeds, n=len(few)))
    return table
