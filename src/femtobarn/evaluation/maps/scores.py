"""Methods that predict maps beside each other: scores at every scale with errors, gains on the same blocks, figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import NullLocator
from scipy import ndimage

from femtobarn.errors import InputError
from femtobarn.evaluation.maps.nowcasting import Nowcasts
from femtobarn.metrics.isotonic import isotonic_curve
from femtobarn.metrics.spatial import SpatialSums, reliability_curve, spatial_scores, spatial_sums
from femtobarn.plots import MARKERS, plain
from femtobarn.runs import Result, Run
from femtobarn.study import Value, drawing, draws_of_units, grouped, row

_GAINS = ("FSS 4", "CSI")  # scores of which gains are shown
_THRESHOLDS = np.linspace(0.05, 0.95, 19)

Maps = Float[np.ndarray, "map row column"]
Forecast = Float[np.ndarray, "_ lead _ _"]  #: (issue, lead, row, column)
Scores = Mapping[str, np.ndarray]  # by name: all blocks, then each bootstrap sample


class JudgedMaps(NamedTuple):
    """What one training, or a method without one, gives for one target, such as a lead time."""

    labels: dict[str, str]
    """Place in tables; those that differ by their seed only have the same."""
    target: str
    seed: int | None
    sums: SpatialSums
    events: int
    """Known event pixels."""

    @property
    def name(self) -> str:
        """Its labels in one line."""
        return ", ".join(filter(None, self.labels.values()))


def judge_leads(
    final: Forecast,
    tuned: Forecast,
    *,
    labels: Mapping[str, str],
    seed: int | None,
    leads: Sequence[str],
    test: Nowcasts,
    validation: Nowcasts,
    radii: Sequence[int],
    block: int,
) -> Iterator[tuple[JudgedMaps, dict[str, float]]]:
    """For each lead the sums of the test maps, cut at the best threshold of the validation maps; and what these give.

    That is "threshold", and "calibration error, calibrated" and "Brier skill, calibrated": after the rising curve that
    fits the validation maps best.

    Args:
        final, tuned: Probabilities on the test and the validation maps.
        labels, seed: See `JudgedMaps`.
        leads: Names of the predicted maps.
        test, validation: What came.
        radii, block: See `spatial_sums`.
    """
    for i, lead in enumerate(leads):
        there, known, target = validation.known[:, i], test.known[:, i], test.target[:, i]
        p, y = tuned[:, i][there].astype(np.float64), validation.target[:, i][there]
        threshold = best_threshold(p, y)
        sums = spatial_sums(final[:, i], target, known, radii=radii, block=block, threshold=threshold)
        calibrated = np.interp(final[:, i], *isotonic_curve(p, y)).clip(0, 1)
        scores = spatial_scores(spatial_sums(calibrated, target, known, radii=(0,), block=block))
        kept = {f"{name}, calibrated": scores[name] for name in ("calibration error", "Brier skill")}
        yield (
            JudgedMaps(dict(labels), lead, seed, sums, int(target[known].sum())),
            kept | {"threshold": threshold},
        )


def best_threshold(p: Float[np.ndarray, "pixel"], y: Float[np.ndarray, "pixel"]) -> float:
    """Probability from which on to say yes, for the largest critical success index; 0.5 without events."""
    hits = np.array([y[p >= cut].sum() for cut in _THRESHOLDS])
    said = np.array([(p >= cut).sum() for cut in _THRESHOLDS])
    return float(_THRESHOLDS[np.argmax(hits / np.maximum(said + y.sum() - hits, 1))]) if y.any() else 0.5


def best_blur(final: Forecast, tuned: Forecast, *, validation: Nowcasts, radii: Sequence[int]) -> Forecast:
    """A yes-or-no forecast as probabilities: means over windows, of the half-width with the least Brier score.

    Args:
        final, tuned: The forecast on the test and on the validation maps.
        validation: What came; each lead chooses for itself.
        radii: Half-widths to choose among, in pixels.
    """
    maps = []
    for i in range(final.shape[1]):
        known, target = validation.known[:, i], validation.target[:, i]
        errors = [((blurred(tuned[:, i], radius) - target)[known] ** 2).mean() for radius in radii]
        maps.append(blurred(final[:, i], radii[int(np.argmin(errors))]))
    return np.stack(maps, axis=1)


def blurred(forecast: Maps, radius: int) -> Maps:
    """The mean over windows of the half-width, each map by itself; its edge goes on beyond it."""
    side = 2 * radius + 1
    return ndimage.uniform_filter(forecast, (0, side, side), mode="nearest").clip(0, 1)


def spatial_table(
    judged: Sequence[JudgedMaps],
    place: np.ndarray,
    *,
    over: Sequence[Mapping[str, str]] = (),
    pairs: Sequence[tuple[Mapping[str, str], Mapping[str, str]]] = (),
    column: str = "lead",
    bootstrap: int = 100,
    seed: int = 1,
) -> list[Result]:
    """Every score of every method for every target, and gains.

    Rows "FSS, 9 px" and so on, by the side of the window; the other scores of `spatial_scores`; "gain in FSS, 9 px" and
    "gain in CSI" over methods without training, and of one training over another of the same seed. The errors are those
    of a bootstrap of whole places, all times together, joined with the spread over seeds.

    Args:
        judged: Of the same blocks, in the same order, for each target.
        place: Of each block of the first target: those of one place are not independent.
        over: Labels of methods without training that every training is compared with.
        pairs: Labels of two trainings: gain of the first over the second.
        column: Label of the targets.
        bootstrap: Samples drawn.
        seed: Of the draws.
    """
    table: list[Result] = []
    for target, of_target in grouped(judged, lambda each: each.target).items():
        blocks = len(of_target[0].sums.squared)
        draws = draws_of_units(np.resize(place, blocks), count=bootstrap, seed=seed)
        scored = [(each, _drawn(each.sums, draws)) for each in of_target]
        methods = grouped(scored, lambda each: each[0].name)
        for group in methods.values():
            table += _rows(group, {column: target})
        for group in methods.values():
            others = [methods[_name(labels)] for labels in over if _name(labels) in methods]
            for other in others if group[0][0].seed is not None else []:
                table += _gains(group, other * len(group), {column: target})
        for first, second in pairs:
            if _name(first) in methods and _name(second) in methods:
                table += _gains(methods[_name(first)], methods[_name(second)], {column: target})
    return table


def draw_scales(run: Run, table: Sequence[Result], *, column: str, pitch: float, unit: str) -> None:
    """Fractions skill score against the width of the window, a figure for each target."""
    found = [each for each in table if each.name.startswith("FSS, ")]
    for target, rows in grouped(found, lambda each: each.labels[column]).items():
        with drawing(
            run, f"scales-{target.replace(' ', '-')}", title=f"Scales, {target}", section="Scales", by="method",
            caption="Fractions skill score of the test maps against the side of the window. Bars: bootstrap of places, "
            "with the standard deviation over seeds.", size=(6.4, 4.2),
            legend={"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": 7},
        ) as d:  # fmt: skip
            side = pitch * np.array(sorted({int(each.name.split()[1]) for each in rows}))
            for index, (name, each) in enumerate(grouped(rows, _method(column)).items()):
                y, error = np.array([(r.value, r.error or 0.0) for r in each]).T
                look: dict[str, Any] = {"color": "0.4", "linestyle": "--"} if "," not in name else {}
                d.ax.errorbar(side, y, error, marker=MARKERS[index % len(MARKERS)], label=name, **look)
                d.drawn[name] = {f"side [{unit}]": side, "FSS": y, "error": error}
            d.ax.set(xlabel=f"side of the window [{unit}]", ylabel="fractions skill score", xscale="log")
            d.ax.set_xticks(side, [f"{each:g}" for each in side])
            d.ax.xaxis.set_minor_locator(NullLocator())


def draw_reliability(run: Run, judged: Sequence[JudgedMaps], *, least: int = 200) -> None:
    """Frequency of the event against the probability, a figure for each target; bins of `least` pixels and more."""
    for target, of_target in grouped(judged, lambda each: each.target).items():
        first = {each.name: each for each in reversed(of_target) if each.seed is not None}
        with drawing(
            run, f"reliability-{target.replace(' ', '-')}", title=f"Reliability, {target}", section="Calibration",
            by="method", size=(6.4, 4.2), legend={"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": 7},
            caption="How often there is an event where a probability is predicted, as it comes out of the network. On "
            "the line it is right; below, events are promised that do not come. Bins with enough pixels, first seed.",
        ) as d:  # fmt: skip
            for index, (name, each) in enumerate(reversed(first.items())):
                curve = reliability_curve(each.sums)
                p, y, pixels = (column[curve[2] >= least] for column in curve)
                d.ax.plot(p, y, marker=MARKERS[index % len(MARKERS)], markersize=3, label=name)
                d.drawn[name] = {"probability": p, "frequency": y, "pixels": pixels}
            d.ax.plot((0, 1), (0, 1), color="0.6", linewidth=0.8)
            d.ax.set(
                xlabel="predicted probability", ylabel="frequency of the event", xlim=(0, 1), ylim=(0, 1)
            )


def draw_maps(
    run: Run, maps: Mapping[str, Float[np.ndarray, "row column"]], *, title: str, caption: str
) -> None:
    """Maps of probabilities beside each other, from white (0) to black (1)."""
    across = -(-len(maps) // 2)
    with drawing(
        run, "maps", title=title, section="Maps", shape=(2, across), size=(1.7 * across, 7), sharex=True, sharey=True,
        caption=caption,
    ) as d:  # fmt: skip
        for ax, (name, image) in zip(d.axes.flat, maps.items(), strict=False):
            ax.imshow(image, cmap="Greys", vmin=0, vmax=1)
            ax.set_title(plain(name), fontsize=7, loc="right")
        for ax in d.axes.flat[len(maps) :]:
            ax.set_visible(False)
        d.table = {name: image.ravel() for name, image in maps.items()}


def _rows(group: Sequence[tuple[JudgedMaps, Scores]], more: dict[str, str]) -> list[Result]:
    """A row for each score of one method; seeds joined."""
    first = group[0][0]
    seeds = [each.seed for each, _ in group if each.seed is not None]
    table = []
    for name in group[0][1]:
        values = [_value(scores[name]) for _, scores in group]
        labels = first.labels | more
        table.append(
            row(_quantity(name), values, labels, seeds=seeds, n=first.events, sample="bootstrap of places")
        )
    return table


def _gains(
    ours: Sequence[tuple[JudgedMaps, Scores]],
    theirs: Sequence[tuple[JudgedMaps, Scores]],
    more: dict[str, str],
) -> list[Result]:
    first, other = ours[0][0], theirs[0][0]
    if len(ours) != len(theirs):
        raise InputError(
            f"expected a pair for each seed, got {len(ours)} and {len(theirs)} of {first.name}, {other.name}"
        )
    table = []
    for name in [name for name in ours[0][1] if name in _GAINS]:
        gains = np.array([a[1][name] - b[1][name] for a, b in zip(ours, theirs, strict=True)])
        error = _value(gains.mean(axis=0))[1]
        labels = first.labels | {"over": other.name} | more
        seeds = [each.seed for each, _ in ours if each.seed is not None]
        values = [(float(each[0]), error) for each in gains]
        table.append(
            row(
                f"gain in {_quantity(name)}", values, labels, seeds=seeds, n=first.events,
                sample="paired bootstrap of places", of_mean=True,
            )
        )  # fmt: skip
    return table


def _drawn(sums: SpatialSums, draws: Sequence[np.ndarray]) -> Scores:
    each = [spatial_scores(sums.take(rows)) for rows in draws]
    return {name: np.array([scores[name] for scores in each]) for name in each[0]}


def _value(drawn: np.ndarray) -> Value:
    finite = drawn[1:][np.isfinite(drawn[1:])]
    return float(drawn[0]), float(finite.std(ddof=1)) if len(finite) > 1 else 0.0


def _quantity(score: str) -> str:
    """A score of `spatial_scores` as tables call it: the fractions skill score by the side of its window."""
    kind, _, radius = score.partition(" ")
    return f"FSS, {2 * int(radius) + 1} px" if kind == "FSS" else score


def _name(labels: Mapping[str, str]) -> str:
    return ", ".join(filter(None, labels.values()))


def _method(column: str) -> Callable[[Result], str]:
    return lambda each: _name(
        {key: value for key, value in each.labels.items() if key not in (column, "window")}
    )
