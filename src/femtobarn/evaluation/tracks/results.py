"""What tracks of several events come to, as results: efficiencies, fakes, duplicates, gains, curves in pT and eta."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.metrics.tracking import DEFINITIONS, FAKES, Curve, TrackingPerformance, match
from femtobarn.metrics.working_point import Fraction, clopper_pearson
from femtobarn.physics.tracks import Hits, true_segments
from femtobarn.plots import event_display, event_in_space
from femtobarn.runs import DataKind, Result, Run
from femtobarn.study import drawing, draws_of_units, gain, row

Pairs = Int[np.ndarray, "pair 2"]
_LEAST = 40  # particles in a bin of a figure


class Shown(NamedTuple):
    """Tracks of one event, to be drawn."""

    position: Float[np.ndarray, "hit 3"]
    label: Int[np.ndarray, "hit"]


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


def seed_counts(
    hits: Hits, seed: Int[np.ndarray, "seed 3"], wanted: Bool[np.ndarray, "particle"]
) -> dict[str, float]:
    """How many "seeds" there are, how many of them are of one particle ("right"), and of how many "particles" that are
    sought there is one ("found")."""
    assert hits.truth is not None
    particle = hits.truth.particle[seed]
    right = (particle == particle[:, :1]).all(axis=1) & (particle[:, 0] >= 0)
    found = wanted[np.unique(particle[right, 0])].sum()
    names = ("seeds", "right", "particles", "found")
    return dict(zip(names, map(float, (len(seed), right.sum(), wanted.sum(), found)), strict=True))


def binomial(passed: int, n: int) -> tuple[float, float]:
    """A share with half its Clopper-Pearson interval."""
    low, high = clopper_pearson(passed, n)
    return passed / n, (high - low) / 2


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
    """Double-majority efficiency against pT and against eta: a line for each way to find tracks, mean of trainings.

    Neighbouring bins are joined until each holds some particles; the interval is that of the particles of one training.
    """
    with drawing(run, shape=(1, 2), size=(9.5, 4.0), by="method", sharey=True, **figure) as d:
        for label, parts in outcomes.items():
            for ax, axis, name in zip(d.axes.flat, ("pt", "eta"), ("pT [GeV]", "eta"), strict=True):
                curves = [_coarse(each.performance.efficiency_by(axis)) for each in parts]
                edges, value = curves[0].edges, np.mean([each.value for each in curves], axis=0)
                n = curves[0].particles
                passed = np.rint(np.nan_to_num(value) * n).astype(int)
                interval = [clopper_pearson(int(k), int(m)) for k, m in zip(passed, n, strict=True) if m]
                low, high = np.array(interval).reshape(-1, 2).T
                good, x = n > 0, (edges[1:] + edges[:-1]) / 2
                error = np.stack((value[good] - low, high - value[good])).clip(min=0)
                ax.errorbar(
                    x[good],
                    value[good],
                    error,
                    (np.diff(edges) / 2)[good],
                    marker="o",
                    markersize=3,
                    label=label,
                )
                shown: dict[str, Float[np.ndarray, bin]] = {
                    "from": edges[:-1][good], "to": edges[1:][good], "efficiency": value[good],
                    "low": low, "high": high,
                }  # fmt: skip
                d.drawn[f"{label}, {axis}"] = shown
                ax.set(xlabel=name)
        d.axes[0, 0].set(ylabel="double-majority efficiency", ylim=(0.0, 1.05))
        d.axes[0, 1].legend(fontsize=6, loc="lower center")


def draw_event(run: Run, shown: Shown, *, section: str, caption: str, kind: DataKind | None = None) -> None:
    """The tracks of one event along the beam and from the side, and in space, which the report page turns."""
    with drawing(
        run, "event", title="Tracks of an event", caption=caption, section=section, kind=kind,
        shape=(1, 2), size=(10.0, 4.4), width_ratios=(1, 1.4),
    ) as d:  # fmt: skip
        for ax, view in zip(d.axes.flat, ("r-phi", "r-z"), strict=True):
            d.drawn[view] = event_display(ax, *shown, view=view)
    svg, columns = event_in_space(*shown)
    run.save_figure(
        "event-in-space", svg, title="The longest of these tracks in space", section=section, data=columns,
        caption="Drag it, or use the arrow keys, to turn it.",
    )  # fmt: skip


def _coarse(curve: Curve) -> Curve:
    """The curve in bins that hold `_LEAST` particles or more, made by joining neighbours, where there are any."""
    found = np.rint(np.nan_to_num(curve.value) * curve.particles).astype(int)
    filled, cuts = np.cumsum(curve.particles), [0]
    for i in range(1, len(curve.particles)):
        before, rest = filled[i - 1] - (filled[cuts[-1] - 1] if cuts[-1] else 0), filled[-1] - filled[i - 1]
        if before >= _LEAST and rest >= _LEAST:
            cuts.append(i)
    n, k = (np.add.reduceat(each, cuts) for each in (curve.particles, found))
    value = np.where(n > 0, k / np.maximum(n, 1), np.nan)
    return Curve(curve.edges[[*cuts, -1]], value, value, value, n)


def _value(fraction: Any) -> tuple[float, float]:
    """A fraction with half its interval; NaN of nothing."""
    try:
        found: Fraction = fraction()
    except ValueError:
        return float("nan"), 0.0
    return found.value, (found.high - found.low) / 2
