"""Particle flow judged: classes, momenta, jets and missing momentum of several methods on the same events."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.metrics.particle_flow import (
    confusion,
    fake_at_efficiency,
    finding,
    matched,
    missing_momentum,
    quartile_width,
    response,
)
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.particle_flow import CLASSES, FlowEvents, four_momenta
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.runs import Result
from femtobarn.study import bootstrapped, by_name, draws_of_units, gain, grouped, row

_RADIUS, _LEAST_JET, _LEAST_FOUND, _JET_ETA, _MATCH = 0.4, 30.0, 5.0, 2.5, 0.2
RULES = "rules"
Rows = Int[np.ndarray, "_"]
Statistic = Callable[[np.ndarray, Rows], float]


class Outcome(NamedTuple):
    """What a method makes of the elements of some events."""

    method: str
    seed: int | None
    particle: Float[np.ndarray, "element 7"]
    score: Float[np.ndarray, "element 6"] | None = None
    """Probability of each class."""


class Quantity(NamedTuple):
    """Values of each outcome, row by row of the same things, NaN where a method has none; and what is made of them."""

    name: str
    labels: dict[str, str]
    unit: Int[np.ndarray, "row"]
    """The event of each row."""
    values: list[np.ndarray]
    """One for each outcome."""
    statistic: Statistic
    relative: bool = True
    """Whether it is a width, of which the ratio to that of the rules tells more."""


def flow_tables(
    events: FlowEvents,
    outcomes: Sequence[Outcome],
    labels: Mapping[str, str],
    *,
    bootstrap: int,
    seed: int,
    jets: bool = True,
) -> list[Result]:
    """All tables of one sample; ratios are to the outcome called `RULES`, on the same events.

    Args:
        events: The sample.
        outcomes: Of several methods and seeds.
        labels: Of the results, besides method and particle.
        bootstrap: Samples of events behind errors that are not binomial.
        seed: Of these.
        jets: Cluster jets, which needs FastJet.
    """
    rules = next(each for each in outcomes if each.method == RULES)
    quantities = momentum_quantities(events, outcomes)
    quantities += missing_quantities(events, outcomes)
    quantities += jet_quantities(events, outcomes) if jets else []
    table = class_rows(events, outcomes, labels)
    quantities += fake_quantities(events, outcomes, rules)
    for quantity in quantities:
        table += quantity_rows(quantity, outcomes, labels, bootstrap=bootstrap, seed=seed)
    return by_name(table)


def class_rows(events: FlowEvents, outcomes: Sequence[Outcome], labels: Mapping[str, str]) -> list[Result]:
    """Efficiency and fake rate of each class, and the share of elements that have the class of their particle.

    That share is one among elements with a particle, where fakes cost nothing, and one among all elements.
    """
    truth = events.target[:, 0].astype(np.int64)
    there, table = truth != flow.NONE, []
    for method, same in grouped(outcomes, lambda each: each.method).items():
        place, seeds = {**labels, "method": method}, [each.seed for each in same if each.seed is not None]
        counts = [
            confusion(truth, each.particle[:, 0].astype(np.int64), classes=len(CLASSES)) for each in same
        ]
        right = [np.trace(each[1:, 1:]) / max(each[1:].sum(), 1) for each in counts]
        error = [float(np.sqrt(p * (1 - p) / max(there.sum(), 1))) for p in right]
        values = list(zip(map(float, right), error, strict=True))
        table.append(row("class accuracy", values, place, seeds=seeds, n=int(there.sum())))
        every = [float(np.trace(each) / max(each.sum(), 1)) for each in counts]
        values = [(p, float(np.sqrt(p * (1 - p) / max(len(truth), 1)))) for p in every]
        table.append(row("class accuracy of all elements", values, place, seeds=seeds, n=len(truth)))
        for kind in range(1, len(CLASSES)):
            found = [finding(each, kind) for each in counts]
            about = {**place, "particle": CLASSES[kind]}
            if found[0].true:
                efficiency = [(each.efficiency, each.efficiency_error) for each in found]
                table.append(row("efficiency", efficiency, about, seeds=seeds, n=found[0].true))
            if all(each.called for each in found):
                fake = [(each.fake, each.fake_error) for each in found]
                table.append(row("fake rate", fake, about, seeds=seeds, n=found[0].called))
    majority = np.bincount(truth[there], minlength=len(CLASSES)).max(initial=0) / max(there.sum(), 1)
    place = {**labels, "method": "most frequent class"}
    return [*table, row("class accuracy", [(float(majority), 0.0)], place, n=int(there.sum()))]


def fake_quantities(events: FlowEvents, outcomes: Sequence[Outcome], rules: Outcome) -> list[Quantity]:
    """Fake rate of neutral hadrons and photons at the efficiency that the rules have for them."""
    truth, found = events.target[:, 0].astype(np.int64), []
    for kind in (flow.NEUTRAL, flow.PHOTON):
        table = confusion(truth, rules.particle[:, 0].astype(np.int64), classes=len(CLASSES))
        wanted = finding(table, kind).efficiency
        if not wanted > 0:
            continue
        scores = [
            each.particle[:, 0] == kind if each.score is None else each.score[:, kind] for each in outcomes
        ]
        values = [np.column_stack((truth == kind, score)).astype(np.float64) for score in scores]

        def rate(both: np.ndarray, rows: Rows, wanted: float = wanted) -> float:
            mine, score = both[rows].T
            least = min(
                wanted, float(mine[score > 0].sum() / max(mine.sum(), 1))
            )  # the rules have one threshold
            return fake_at_efficiency(mine.astype(np.int64), score, 1, efficiency=max(least, 1e-9))

        name = "fake rate at the efficiency of the rules"
        found.append(Quantity(name, {"particle": CLASSES[kind]}, events.event, values, rate))
    return found


def momentum_quantities(events: FlowEvents, outcomes: Sequence[Outcome]) -> list[Quantity]:
    """Responses and widths of particles that a method gives their class; of charged hadrons, those with a track.

    The track itself stands beside the methods for pT.
    """
    truth, found = events.target, []
    is_track = events.element[:, 0] == flow.TRACK
    charged = (truth[:, 0] == flow.CHARGED) & is_track
    groups = {
        "charged hadron, pT": (charged, flow.CHARGED, 2),
        "charged hadron above 1 GeV, pT": (charged & (truth[:, 2] > 1), flow.CHARGED, 2),
        "neutral hadron, E": (truth[:, 0] == flow.NEUTRAL, flow.NEUTRAL, 6),
        "photon, E": (truth[:, 0] == flow.PHOTON, flow.PHOTON, 6),
    }
    for name, (rows, kind, column) in groups.items():
        if rows.sum() < 2:
            continue
        right = [each.particle[rows, 0] == kind for each in outcomes]
        pairs = list(zip(outcomes, right, strict=True))
        ratio = [np.where(r, o.particle[rows, column] / truth[rows, column], np.nan) for o, r in pairs]
        found += _response(ratio, events.event[rows], {"particle": name})
        if name.endswith("above 1 GeV, pT"):
            continue
        for angle, off in (
            ("eta", [o.particle[rows, 3] - truth[rows, 3] for o in outcomes]),
            ("phi", [delta_phi(_phi(o.particle[rows]), _phi(truth[rows])) for o in outcomes]),
        ):
            values = [np.where(r, each, np.nan) for each, r in zip(off, right, strict=True)]
            about = {"particle": name.partition(",")[0]}
            found.append(Quantity(f"width of {angle}", about, events.event[rows], values, _width))
    return found


def jet_quantities(events: FlowEvents, outcomes: Sequence[Outcome]) -> list[Quantity]:
    """Response of anti-kT jets of 0.4: all particles of the crossing beside all that a method finds.

    True jets have 30 GeV and |eta| < 2.5; the nearest found jet within 0.2 is theirs.
    """
    momentum, offset = events.generated()
    true = anti_kt(momentum, offset, radius=_RADIUS, min_pt=_LEAST_JET)
    axes = cylindrical(true.momentum)[:, :3]
    chosen = np.abs(axes[:, 1]) < _JET_ETA
    axes, event, values = axes[chosen], true.event[chosen], []
    if len(axes) < 2:
        return []
    for each in outcomes:
        there = each.particle[:, 0] != flow.NONE
        boundaries = np.searchsorted(events.event[there], np.arange(len(events) + 1))
        found = anti_kt(four_momenta(each.particle[there]), boundaries, radius=_RADIUS, min_pt=_LEAST_FOUND)
        seen = cylindrical(found.momentum)[:, :3]
        partner = matched(axes, event, seen, found.event, distance=_MATCH)
        pt = np.append(seen[:, 0], np.nan)[partner]
        values.append(pt / axes[:, 0])
    lost = Quantity(
        "share of jets found", {}, event, values, lambda v, r: float(np.isfinite(v[r]).mean()), False
    )
    return [*_response(values, event, {"particle": "jet, pT"}), lost]


def missing_quantities(events: FlowEvents, outcomes: Sequence[Outcome]) -> list[Quantity]:
    """Width of what is found less what is true of the missing momentum, x and y together."""
    true = missing_momentum(*events.generated())
    values = []
    for each in outcomes:
        momentum = four_momenta(each.particle)
        values.append((missing_momentum(momentum, events.offset) - true).ravel())
    unit = np.repeat(np.arange(len(events)), 2)
    return [Quantity("width of the missing momentum [GeV]", {}, unit, values, _width)]


def quantity_rows(
    quantity: Quantity, outcomes: Sequence[Outcome], labels: Mapping[str, str], *, bootstrap: int, seed: int
) -> list[Result]:
    """A quantity of every method over its seeds and, of widths, its ratio to that of the rules."""
    draws = draws_of_units(quantity.unit, count=bootstrap, seed=seed)
    name, _, unit = quantity.name.removesuffix("]").partition(" [")
    pairs = list(zip(outcomes, quantity.values, strict=True))
    reference = next(values for each, values in pairs if each.method == RULES)
    table = []
    for method, same in grouped(pairs, lambda pair: pair[0].method).items():
        place, mine = {**labels, **quantity.labels, "method": method}, [values for _, values in same]
        seeds = [each.seed for each, _ in same if each.seed is not None]
        count = int(
            np.isfinite(mine[0]).all(axis=-1).sum() if mine[0].ndim > 1 else np.isfinite(mine[0]).sum()
        )
        numbers = bootstrapped(quantity.statistic, mine, draws)
        table.append(row(name, numbers, place, seeds=seeds, n=count, unit=unit))
        if quantity.relative and method != RULES:
            ratios = gain(quantity.statistic, [(each, reference) for each in mine], draws, ratio=True)
            title = f"{name}, over that of the rules"
            table.append(row(title, ratios, place, seeds=seeds, n=count, of_mean=True))
    return table


def _response(values: list[np.ndarray], unit: np.ndarray, labels: dict[str, str]) -> list[Quantity]:
    def statistic(which: str) -> Statistic:
        def of(each: np.ndarray, rows: Rows) -> float:
            ratio = each[rows]
            ratio = ratio[np.isfinite(ratio)]
            return float(getattr(response(ratio, np.ones(len(ratio))), which))

        return of

    return [
        Quantity("median response", labels, unit, values, statistic("median"), False),
        Quantity("IQR / median of the response", labels, unit, values, statistic("quartiles")),
        Quantity("std / (1 + mean) of the response", labels, unit, values, statistic("spread")),
        Quantity("std of the response as published", labels, unit, values, statistic("raw_spread"), False),
    ]


def _width(values: np.ndarray, rows: Rows) -> float:
    chosen = values[rows]
    return quartile_width(chosen[np.isfinite(chosen)])


def _phi(particle: Float[np.ndarray, "element 7"]) -> Float[np.ndarray, "element"]:
    return np.arctan2(particle[:, 4], particle[:, 5])
