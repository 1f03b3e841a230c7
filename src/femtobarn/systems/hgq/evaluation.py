"""Numbers of a run: quality on test events, cost near the best quality, savings, and the exported designs.

Points are chosen by the validation events alone. The test events are looked at once, for the points chosen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from femtobarn.runs import DataKind, Result
from femtobarn.systems.hgq import model, study
from femtobarn.systems.hgq.designs import Design
from femtobarn.systems.hgq.sample import Split
from femtobarn.systems.hgq.study import METHODS, Method, Point, Trained
from femtobarn.systems.hgq.training import outputs

_NEAR = "near floating point"
_BUDGETS = tuple(float(digit * 10**power) for power in range(2, 8) for digit in (1, 2, 5))


class Tests:
    """Quality on the test events and its error, by integer models for points; each is computed once."""

    def __init__(self, trained: Trained, data: Split) -> None:
        self.trained, self.data = trained, data
        self.known: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self.data.test.x)

    def point(self, point: Point) -> tuple[float, float]:
        """Of a quantised network."""
        if point.name not in self.known:
            integers = self.trained.integers(point)
            self.known[point.name] = self._quality(integers(self.data.test.x.double().numpy()))
        return self.known[point.name]

    def floating(self, seed: int) -> tuple[float, float]:
        """Of the network in floating point."""
        net, _ = self.trained.floats[seed]
        return self._quality(outputs(net, self.data.test))

    def _quality(self, output: np.ndarray) -> tuple[float, float]:
        return model.quality(self.data.task, output, self.data.test.y, self.data.scale)


def budgets(trained: Trained) -> list[float]:
    """Round numbers of EBOPs at which every seed has a point with trained bits; the last holds them all."""
    costs = [
        [p.ebops for p in trained.points if (p.part.method, p.part.seed) == ("trained bits", seed)]
        for seed in trained.study.seeds
    ]
    low, high = max(map(min, costs)), max(map(max, costs))
    inside = [budget for budget in _BUDGETS if low <= budget]
    return [budget for budget in inside if budget < high] + [b for b in inside if b >= high][:1]


def at_budget(trained: Trained, budget: float) -> list[Point]:
    """For each seed the point with trained bits of the best validation quality within a budget."""
    found = [
        study.best_within(
            [p for p in trained.points if (p.part.method, p.part.seed) == ("trained bits", seed)], budget
        )
        for seed in trained.study.seeds
    ]
    return [point for point in found if point is not None]


def at_bits(trained: Trained, method: Method) -> dict[int, list[Point]]:
    """Points of a baseline by their uniform width, one for each seed."""
    mine = [point for point in trained.points if point.part.method == method]
    widths = sorted({point.bits for point in mine}, reverse=True)
    return {bits: [point for point in mine if point.bits == bits] for bits in widths}


class Row(NamedTuple):
    """One entry of the front: a method at a budget or a width, all seeds together."""

    method: str
    design: str
    quality: tuple[float, float]
    """Mean over the seeds, and its error."""
    ebops: tuple[float, float | None] | None
    """Mean over the seeds, and their standard deviation; none for floating point."""

    @property
    def name(self) -> str:
        """Method and design."""
        return f"{self.method}, {self.design}" if self.design else self.method


def front(trained: Trained, tests: Tests) -> list[Row]:
    """Quality on the test events of floating point, of trained bits by budget, of the baselines by width."""
    rows = [Row("float", "", joined([tests.floating(seed) for seed in trained.study.seeds]), None)]
    groups = [
        ("trained bits", f"at most {budget:,.0f} EBOPs", at_budget(trained, budget))
        for budget in budgets(trained)
    ]
    for method in METHODS[1:]:
        groups += [(method, f"{bits} bits", points) for bits, points in at_bits(trained, method).items()]
    return rows + [
        Row(method, design, joined([tests.point(p) for p in points]), spread([p.ebops for p in points]))
        for method, design, points in groups
    ]


def results(
    trained: Trained,
    tests: Tests,
    rows: Sequence[Row],
    chosen: Sequence[Design],
    reports: Mapping[str, Mapping[str, Any]],
    *,
    data: DataKind,
) -> list[Result]:
    """Every number of the run.

    The error of a quality joins that of the test sample with the standard deviation over the seeds; of costs and
    savings it is the latter.
    """
    seeds = trained.study.seeds
    common: dict[str, Any] = {"n": len(tests), "split": "test", "data": data, "seeds": seeds}
    near = _near_floating_point(trained)
    first = [d for d in chosen if d.method == "trained bits" and d.point.part.seed == seeds[0]]
    return [
        *_of_front(trained, rows, common),
        *_near(trained, tests, near, reports, common),
        *_savings(near, reports, common),
        *_exported(first, tests, reports, {**common, "seeds": seeds[:1]}),
    ]


def quality_name(trained: Trained) -> tuple[str, str, float]:
    """What the quality is called, its unit, and its sign."""
    return ("resolution", "mrad", -1.0) if trained.task == "muon" else ("accuracy", "", 1.0)


def joined(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean over seeds, and the error of the test sample joined with the standard deviation over the seeds."""
    value = np.array([each for each, _ in values])
    between = value.std(ddof=1) if len(value) > 1 else 0.0
    return float(value.mean()), float(np.hypot(np.mean([error for _, error in values]), between))


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def _of_front(trained: Trained, rows: Sequence[Row], common: Mapping[str, Any]) -> list[Result]:
    name, unit, sign = quality_name(trained)
    found = []
    for row in rows:
        value, error = row.quality
        labels = {"network": row.name, "quantity": _titled(name, unit)}
        found.append(
            Result("front", sign * value, error, labels=labels, error_kind=_of_quality(common), **common)
        )
        if row.ebops is not None:
            labels = {"network": row.name, "quantity": "EBOPs"}
            found.append(Result("front", *row.ebops, labels=labels, error_kind=_of_seeds(common), **common))
    return found


def _near(
    trained: Trained,
    tests: Tests,
    near: Mapping[Method, Mapping[int, Point]],
    reports: Mapping[str, Mapping[str, Any]],
    common: Mapping[str, Any],
) -> list[Result]:
    """Test quality and cost of the cheapest point near floating point, for methods that get there."""
    name, unit, sign = quality_name(trained)
    found = []
    for method, points in near.items():
        more = {**common, "seeds": tuple(points)}
        value, error = joined([tests.point(point) for point in points.values()])
        labels = {"method": method, "quantity": _titled(name, unit)}
        found.append(Result(_NEAR, sign * value, error, labels=labels, error_kind=_of_quality(more), **more))
        costs: dict[str, dict[int, float]] = {
            "EBOPs": {seed: point.ebops for seed, point in points.items()},
            "LUT": _luts(points, reports),
        }
        for quantity, values in costs.items():
            if values:
                found.append(_over_seeds(_NEAR, values, {"method": method, "quantity": quantity}, common))
    return found


def _savings(
    near: Mapping[Method, Mapping[int, Point]],
    reports: Mapping[str, Mapping[str, Any]],
    common: Mapping[str, Any],
) -> list[Result]:
    """How many times more the baselines cost near floating point, seed by seed."""
    ours = near.get("trained bits", {})
    luts = _luts(ours, reports)
    found = []
    for method in METHODS[1:]:
        theirs = near.get(method, {})
        tables = _luts(theirs, reports)
        ratios = {
            "EBOPs": {seed: theirs[seed].ebops / ours[seed].ebops for seed in theirs if seed in ours},
            "LUT": {seed: tables[seed] / luts[seed] for seed in tables if seed in luts},
        }
        for quantity, values in ratios.items():
            if values:
                labels = {"baseline": method, "quantity": quantity}
                found.append(_over_seeds(f"saving {_NEAR}", values, labels, common))
    return found


def _near_floating_point(trained: Trained) -> dict[Method, dict[int, Point]]:
    """The cheapest point of each method and seed at the first distance, where there is one."""
    found: dict[Method, dict[int, Point]] = {}
    for method in METHODS:
        for seed in trained.study.seeds:
            point = trained.chosen(method, seed, within=trained.study.within[0])
            if point is not None:
                found.setdefault(method, {})[seed] = point
    return found


def _luts(points: Mapping[int, Point], reports: Mapping[str, Mapping[str, Any]]) -> dict[int, float]:
    """Look-up tables by seed, of the points for which they were counted."""
    counts = {seed: reports.get(point.name, {}).get("luts") for seed, point in points.items()}
    return {seed: float(count) for seed, count in counts.items() if count}


def _over_seeds(
    name: str, values: Mapping[int, float], labels: dict[str, str], common: Mapping[str, Any]
) -> Result:
    more = {**common, "seeds": tuple(values)}
    return Result(name, *spread([*values.values()]), labels=labels, error_kind=_of_seeds(more), **more)


_QUANTITIES = {
    "EBOPs": "ebops",
    "LUT (yosys)": "luts",
    "LUT (estimate)": "estimated_luts",
    "flip-flops (yosys)": "flip_flops",
    "clock cycles": "latency",
    "adders on the longest path": "levels",
    "vectors simulated": "vectors",
    "mismatches": "mismatches",
}


def _exported(
    shown: Sequence[Design], tests: Tests, reports: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> list[Result]:
    """The designs in the run's folder; what was not checked is left out."""
    name, unit, sign = quality_name(tests.trained)
    found = []
    for design in sorted(shown, key=lambda each: each.within):
        report = reports[design.name]
        place = f"within {design.within:g} of floating point"
        value, error = tests.point(design.point)
        labels = {"quantity": _titled(name, unit), "design": place}
        kind = "test sample"
        found.append(Result("exported design", sign * value, error, labels=labels, error_kind=kind, **common))
        numbers = {title: report.get(key) for title, key in _QUANTITIES.items()}
        if "overflows" in report:
            numbers["numbers off their range"] = sum(report["overflows"].values())
        numbers["EBOPs"] = design.point.ebops
        for quantity, number in numbers.items():
            if number is not None:
                labels = {"quantity": quantity, "design": place}
                found.append(Result("exported design", float(number), labels=labels, **common))
    return found


def _titled(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def _of_seeds(common: Mapping[str, Any]) -> str:
    return f"standard deviation over {len(common['seeds'])} seeds" if len(common["seeds"]) > 1 else ""


def _of_quality(common: Mapping[str, Any]) -> str:
    return f"test sample and {_of_seeds(common)}" if len(common["seeds"]) > 1 else "test sample"
