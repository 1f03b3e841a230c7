"""Numbers of a run: quality on test events, cost near the best quality, savings, and the networks in hardware.

Points are chosen by the validation events alone. The test events are looked at once, for the points chosen.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from femtobarn.runs import Result
from femtobarn.study import Value, design_rows, grouped, row
from femtobarn.systems.hgq import tasks
from femtobarn.systems.hgq.hardware import Chosen, Reports
from femtobarn.systems.hgq.points import Networks, Point, best_within
from femtobarn.systems.hgq.sample import Events, Task
from femtobarn.systems.hgq.study import BASELINES, OURS, Method

NEAR = "near floating point"
WRITTEN = "exported design"
_BUDGETS = tuple(float(digit * 10**power) for power in range(2, 8) for digit in (1, 2, 5))


class OnTest:
    """Quality on the test events with its error, of points by their integer models; each is computed once."""

    def __init__(self, networks: Networks, task: Task, test: Events) -> None:
        self.networks, self.task, self.test = networks, tasks.TASKS[task], test
        self._quality: Callable[[np.ndarray], Value] = lambda output: tasks.quality(task, output, test)
        self._known: dict[str, Value] = {}

    def point(self, point: Point) -> Value:
        """Of a quantised network."""
        if point.name not in self._known:
            output = self.networks.integers(point)(self.test.x.double().numpy())
            self._known[point.name] = self._quality(output)
        return self._known[point.name]

    def floating(self, seed: int) -> Value:
        """Of the network in floating point."""
        return self._quality(tasks.outputs(self.networks.floats[seed].model, self.test))

    def row(
        self, name: str, values: Sequence[Value], labels: Mapping[str, str], seeds: Sequence[int]
    ) -> Result:
        """A result over seeds: the quality with the sign that its name stands for."""
        sign = self.task.sign
        labels = {**labels, "quantity": self.task.title}
        return row(
            name, [(sign * value, error) for value, error in values], labels, seeds=seeds, n=len(self.test)
        )


class Entry(NamedTuple):
    """One entry of the front: a method at a budget or a width, all seeds together."""

    method: Method
    design: str
    quality: list[Value]
    """On the test events, for each seed."""
    ebops: list[int]
    """None for floating point."""

    @property
    def name(self) -> str:
        """Method and design."""
        return f"{self.method}, {self.design}" if self.design else self.method


def budgets(sweeps: Sequence[Sequence[Point]]) -> list[float]:
    """Round numbers of EBOPs at which every sweep has a point; the last holds all points."""
    costs = [[point.ebops for point in sweep] for sweep in sweeps]
    low, high = max(map(min, costs)), max(map(max, costs))
    inside = [budget for budget in _BUDGETS if low <= budget]
    return [budget for budget in inside if budget < high] + [b for b in inside if b >= high][:1]


def front(networks: Networks, on_test: OnTest) -> list[Entry]:
    """Quality on the test events of floating point, of trained bits by budget, of the baselines by width."""
    sweeps = [*networks.by_seed(OURS).values()]
    groups: list[tuple[Method, str, list[Point]]] = []
    for budget in budgets(sweeps):
        best = (best_within(sweep, budget) for sweep in sweeps)
        groups.append((OURS, f"at most {budget:,.0f} EBOPs", [point for point in best if point is not None]))
    for method in BASELINES:
        widths = grouped(
            (p for p in networks.points if p.part.method == method), lambda point: point.part.bits
        )
        groups += [(method, f"{bits} bits", widths[bits]) for bits in sorted(widths, reverse=True)]
    floating = Entry("float", "", [on_test.floating(seed) for seed in networks.seeds], [])
    return [floating] + [
        Entry(method, design, [on_test.point(point) for point in points], [point.ebops for point in points])
        for method, design, points in groups
    ]


def results(
    networks: Networks,
    on_test: OnTest,
    entries: Sequence[Entry],
    chosen: Sequence[Chosen],
    reports: Reports,
    *,
    within: float,
) -> list[Result]:
    """Every number of the run; `within` says which distance is near floating point."""
    near: dict[Method, dict[int, Point]] = {}
    for method, seed in itertools.product((OURS, *BASELINES), networks.seeds):
        if point := networks.near_float(method, seed, within=within):
            near.setdefault(method, {})[seed] = point
    first = (OURS, networks.seeds[0])
    shown = [each for each in chosen if (each.point.part.method, each.point.part.seed) == first]
    return [
        *_of_front(entries, on_test, networks.seeds),
        *_near(near, on_test, reports),
        *_savings(near, reports, n=len(on_test.test)),
        *_written(shown, on_test, reports),
    ]


def _of_front(entries: Sequence[Entry], on_test: OnTest, seeds: Sequence[int]) -> list[Result]:
    found = []
    for entry in entries:
        labels = {"network": entry.name}
        found.append(on_test.row("front", entry.quality, labels, seeds))
        if entry.ebops:
            costs = dict(zip(seeds, entry.ebops, strict=True))
            found.append(_cost("front", costs, {**labels, "quantity": "EBOPs"}, len(on_test.test)))
    return found


def _near(near: Mapping[Method, Mapping[int, Point]], on_test: OnTest, reports: Reports) -> list[Result]:
    """Test quality and cost of the cheapest point near floating point, for methods that get there."""
    found = []
    for method, points in near.items():
        quality = [on_test.point(point) for point in points.values()]
        found.append(on_test.row(NEAR, quality, {"method": method}, [*points]))
        for quantity, values in _costs(points, reports).items():
            if values:
                found.append(_cost(NEAR, values, {"method": method, "quantity": quantity}, len(on_test.test)))
    return found


def _savings(near: Mapping[Method, Mapping[int, Point]], reports: Reports, *, n: int) -> list[Result]:
    """How many times more the baselines cost near floating point, seed by seed; the error is that of the mean."""
    ours = _costs(near.get(OURS, {}), reports)
    found = []
    for method in BASELINES:
        for quantity, theirs in _costs(near.get(method, {}), reports).items():
            ratios = {seed: theirs[seed] / own for seed, own in ours[quantity].items() if seed in theirs}
            if ratios:
                labels = {"baseline": method, "quantity": quantity}
                found.append(_cost(f"saving {NEAR}", ratios, labels, n, of_mean=True))
    return found


def _costs(points: Mapping[int, Point], reports: Reports) -> dict[str, dict[int, float]]:
    """EBOPs by seed, and look-up tables where they were counted."""
    counted = {seed: reports[point.name].get("luts") for seed, point in points.items()}
    return {
        "EBOPs": {seed: float(point.ebops) for seed, point in points.items()},
        "LUT": {seed: float(count) for seed, count in counted.items() if count},
    }


def _cost(
    name: str, values: Mapping[int, float], labels: Mapping[str, str], n: int, *, of_mean: bool = False
) -> Result:
    each = [(float(value), 0) for value in values.values()]
    return row(name, each, labels, seeds=[*values], n=n, of_mean=of_mean)


def _written(chosen: Sequence[Chosen], on_test: OnTest, reports: Reports) -> list[Result]:
    """Quality, cost and checks of networks in hardware; what was not checked is left out."""
    found: list[Result] = []
    for each in sorted(chosen, key=lambda each: each.within):
        labels, seed = {"design": f"within {each.within:g} of floating point"}, each.point.part.seed
        name, n = each.point.name, len(on_test.test)
        found.append(on_test.row(WRITTEN, [on_test.point(each.point)], labels, [seed]))
        found += design_rows(WRITTEN, {name: reports[name]}, {name: labels}, seeds={name: (seed,)}, n=n)
    return found
