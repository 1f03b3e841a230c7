"""What tracks of several events come to, as results: efficiencies, fakes, duplicates, gains, curves in pT and eta."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.metrics.tracking import DEFINITIONS, FAKES, TrackingPerformance, match
from femtobarn.metrics.working_point import Fraction
from femtobarn.physics.tracks import Hits, true_segments
from femtobarn.runs import Result, Run
from femtobarn.study import drawing, draws_of_units, gain, row

Pairs = Int[np.ndarray, "pair 2"]


@dataclass
class Outcome:
    """Counts of one way to find tracks, added up over events."""

    performance: TrackingPerformance = field(default_factory=TrackingPerformance)
    found: list[Bool[np.ndarray, "_"]] = field(default_factory=list)
    """For each event, which of the particles that are sought have a track by double majority."""
    hits: int = 0
    """Of all events."""

    def add(self, hits: Hits, label: Int[np.ndarray, "hit"], wanted: Bool[np.ndarray, "particle"]) -> None:
        """Count one event with truth."""
        assert hits.truth is not None
        self.performance.update(hits, label, wanted)
        least = self.performance.least_hits
        matches = match(label, hits.truth.particle, particles=len(wanted), least_hits=least)
        seen = np.zeros(len(wanted), bool)
        seen[matches.particle[matches.double_majority()]] = True
        self.found.append(seen[wanted])
        self.hits += len(hits.number)

    def merge(self, other: "Outcome") -> "Outcome":
        """The counts of both."""
        both = self.performance.merge(other.performance)
        return Outcome(both, [*self.found, *other.found], self.hits + other.hits)

    @property
    def worth(self) -> float:
        """By which settings are chosen: double-majority efficiency less the share of fakes among all tracks."""
        fakes = self.performance.fakes["all"] / max(self.performance.tracks["all"], 1)
        return float(np.concatenate(self.found).mean() - fakes) if sum(map(len, self.found)) else -fakes


def edge_counts(hits: Hits, pair: Pairs, wanted: Bool[np.ndarray, "particle"]) -> dict[str, float]:
    """How many "pairs" there are, how many of them are of one particle ("right"), and of how many true segments of the
    particles that are sought ("segments") they hold both hits ("kept")."""
    assert hits.truth is not None
    particle, count = hits.truth.particle, len(hits.number)
    true = true_segments(hits, wanted)
    names = pair[:, 0].astype(np.int64) * count + pair[:, 1]
    kept = np.isin(true[:, 0] * count + true[:, 1], names)
    right = (particle[pair[:, 0]] == particle[pair[:, 1]]) & (particle[pair[:, 0]] >= 0)
    found = (len(pair), int(right.sum()), len(true), int(kept.sum()))
    return dict(zip(("pairs", "right", "segments", "kept"), map(float, found), strict=True))


def track_rows(
    outcomes: Sequence[Outcome], labels: Mapping[str, str], seeds: Sequence[int] = ()
) -> list[Result]:
    """Efficiency by every definition, fakes by every definition, duplicates and score, over trainings.

    Args:
        outcomes: Of the same events, one for each training.
        labels: Their place in the tables.
        seeds: Of the trainings.
    """
    parts = [each.performance for each in outcomes]
    particles, made = int(parts[0].particles.sum()), parts[0].tracks["all"]
    rows, common = list[Result](), dict[str, Any](seeds=tuple(seeds), sample="binomial")
    for name in DEFINITIONS:
        values = [_value(lambda part=part, name=name: part.efficiency(name)) for part in parts]
        rows.append(
            row(f"{name} efficiency".replace("double m", "double-m"), values, labels, n=particles, **common)
        )
    for name in FAKES:
        values = [_value(lambda part=part, name=name: part.fake_rate(name)) for part in parts]
        rows.append(row("fake rate", values, {**labels, "fakes": name}, n=made, **common))
    rows.append(row("duplicates", [(part.duplicate_rate(), 0.0) for part in parts], labels, n=made, **common))
    scores = [tuple(np.nan_to_num(part.score())) for part in parts]
    rows.append(row("TrackML score", scores, labels, n=len(parts[0].scores), seeds=seeds, sample="events"))
    return rows


def gain_row(
    outcomes: Sequence[Outcome],
    baseline: Outcome,
    labels: Mapping[str, str],
    *,
    seeds: Sequence[int],
    draws: int = 200,
) -> Result:
    """Double-majority efficiency less that of a baseline on the same particles, which are drawn with replacement."""
    base = np.concatenate(baseline.found)
    pairs = [(np.concatenate(each.found), base) for each in outcomes]
    if not len(base):
        return Result("gain in double-majority efficiency", float("nan"), labels=dict(labels), split="test")
    drawn = draws_of_units(np.arange(len(base)), count=draws, seed=1)
    values = gain(lambda found, rows: float(found[rows].mean()), pairs, drawn)
    return row(
        "gain in double-majority efficiency", values, labels,
        seeds=seeds, n=len(base), sample="paired", of_mean=True,
    )  # fmt: skip


def draw_efficiencies(run: Run, outcomes: Mapping[str, Sequence[Outcome]], **figure: Any) -> None:
    """Double-majority efficiency against pT and against eta, a line for each way to find tracks, trainings together."""
    with drawing(run, shape=(1, 2), size=(9.5, 4.0), by="method", sharey=True, **figure) as d:
        for label, parts in outcomes.items():
            together = parts[0]
            for other in parts[1:]:
                together = together.merge(other)
            for ax, axis, name in zip(d.axes.flat, ("pt", "eta"), ("pT [GeV]", "eta"), strict=True):
                curve = together.performance.efficiency_by(axis)
                x, good = (curve.edges[1:] + curve.edges[:-1]) / 2, curve.particles > 0
                error = np.stack((curve.value - curve.low, curve.high - curve.value))[:, good]
                ax.errorbar(
                    x[good], curve.value[good], error.clip(min=0), marker="o", markersize=3, label=label
                )
                shown: dict[str, Float[np.ndarray, bin]] = {
                    "from": curve.edges[:-1][good], "to": curve.edges[1:][good], "efficiency": curve.value[good],
                    "low": curve.low[good], "high": curve.high[good],
                }  # fmt: skip
                d.drawn[f"{label}, {axis}"] = shown
                ax.set(xlabel=name)
        d.axes[0, 0].set(ylabel="double-majority efficiency", ylim=(0.0, 1.05))
        d.axes[0, 1].legend(fontsize=6, loc="lower center")


def _value(fraction: Any) -> tuple[float, float]:
    """A fraction with half its interval; NaN of nothing."""
    try:
        found: Fraction = fraction()
    except ValueError:
        return float("nan"), 0.0
    return found.value, (found.high - found.low) / 2
