"""Figures that most systems draw: training curves, rejection, and quality against the cost in hardware."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import ArrayLike

from femtobarn import plots
from femtobarn.metrics import roc_curve
from femtobarn.runs import Result, Run
from femtobarn.study.drawing import drawing
from femtobarn.study.models import Trained


def draw_training(
    run: Run,
    trained: Sequence[Trained[Any]],
    *,
    column: str = "validation",
    ylabel: str,
    caption: str,
    name: str = "training",
    title: str = "Training",
    section: str = "Training",
    **figure: Any,
) -> None:
    """A column of the history of each part against the epoch.

    Args:
        run: Where the figure is saved.
        trained: Parts with a history; those without one are left out.
        column: Of the history.
        ylabel: Of the axis.
        caption, name, title, section: See `drawing`.
        figure: More arguments of `drawing`.
    """
    curves = {each.part.name: [row[column] for row in each.history] for each in trained if each.history}
    longest = max(map(len, curves.values()), default=0)
    padded = {key: values + [np.nan] * (longest - len(values)) for key, values in curves.items()}
    given: dict[str, Any] = {"legend": {}, "title": title, "caption": caption, "section": section} | figure
    with drawing(run, name, **given) as d:
        if curves:
            d.table = plots.training_curves(d.ax, np.arange(longest), padded)
            d.ax.set_ylabel(ylabel)


def draw_rejection(
    run: Run,
    scores: Mapping[str, ArrayLike],
    is_signal: ArrayLike,
    *,
    caption: str,
    name: str = "roc",
    title: str = "Background rejection",
    section: str,
    by: str = "method",
    **figure: Any,
) -> None:
    """One over the background efficiency against the signal efficiency, a line with its binomial band each.

    Args:
        run: Where the figure is saved.
        scores: Of the test events by the name in the legend; larger is more like signal.
        is_signal: Of the same events.
        caption, name, title, section, by: See `drawing`.
        figure: More arguments of `drawing`.
    """
    signal = np.asarray(is_signal, dtype=bool)
    given: dict[str, Any] = {"legend": {}, "by": by, "section": section, "title": title} | figure
    with drawing(run, name, caption=caption, **given) as d:
        for label, score in scores.items():
            values = np.asarray(score)
            curve = roc_curve(values[signal], values[~signal])
            d.drawn[label] = plots.rejection(d.ax, *curve, int((~signal).sum()), label=label)


def draw_front(
    run: Run,
    points: Mapping[str, Sequence[tuple[float, float, float]]],
    *,
    xlabel: str,
    ylabel: str,
    caption: str,
    limits: Mapping[str, float] | None = None,
    xscale: Literal["linear", "log"] = "linear",
    name: str = "hardware",
    title: str,
    section: str = "Hardware",
    by: str = "method",
    **figure: Any,
) -> None:
    """Quality against cost, a line each; points without a finite quality are left out.

    Args:
        run: Where the figure is saved.
        points: (cost, quality, error) by the name in the legend.
        xlabel, ylabel: Of the axes.
        limits: Quality without the limit of the hardware, such as that in floating point, drawn as a dotted line:
            by the name of a series in its colour, by any other name in grey.
        xscale: Of the costs.
        caption, name, title, section, by: See `drawing`.
        figure: More arguments of `drawing`.
    """
    given: dict[str, Any] = {"legend": {}, "by": by, "section": section, "title": title} | figure
    with drawing(run, name, caption=caption, **given) as d:
        limits, line = limits or {}, dict[str, Any](linestyle=":", linewidth=0.9)
        for label, each in points.items():
            if shown := [point for point in each if np.isfinite(point[1])]:
                d.drawn[label] = plots.frontier(d.ax, *np.transpose(shown), label=label)
                if label in limits:
                    colour = d.ax.containers[-1].lines[0].get_color()  # type: ignore[attr-defined]
                    d.ax.axhline(limits[label], color=colour, label=f"{label}, floating point", **line)
        for label in (label for label in limits if label not in points):
            d.ax.axhline(limits[label], color="0.4", label=label, **line)
        d.ax.set_xscale(xscale)
        d.ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        d.ax.set(xlabel=xlabel, ylabel=ylabel)


def draw_spectra(
    run: Run,
    values: Mapping[str, Sequence[ArrayLike]],
    edges: ArrayLike,
    *,
    xlabel: str,
    ylabel: str,
    name: str,
    by: str = "sample",
    **figure: Any,
) -> None:
    """Mean number of objects of an event in each bin, such as tracks by their energy, a line for each sample.

    Args:
        run: Where the figure is saved.
        values: Of the objects of each event, by sample.
        edges: Of the bins, which are equal in the logarithm.
        xlabel, ylabel: Of the axes.
        name, by: See `drawing`.
        figure: More arguments of `drawing`.
    """
    bounds = np.asarray(edges)
    with drawing(run, name, by=by, **{"legend": {}} | figure) as d:
        for sample, events in values.items():
            every = np.concatenate([np.asarray(each) for each in events])
            count = np.histogram(every, bounds)[0] / len(events)
            d.ax.stairs(count, bounds, label=sample)
            d.drawn[sample] = {"low": bounds[:-1], "high": bounds[1:], ylabel: count}
        d.ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log")


def draw_against(
    run: Run,
    lines: Mapping[str, Sequence[Result]],
    *,
    label: str,
    xlabel: str,
    ylabel: str,
    caption: str,
    name: str,
    title: str,
    section: str,
    looks: Sequence[Mapping[str, Any]] = (),
    by: str = "method",
    **figure: Any,
) -> None:
    """Results against a number among their labels, a line with error bars each.

    Args:
        run: Where the figure is saved.
        lines: Results by the name in the legend.
        label: Of the results, that holds the number.
        xlabel, ylabel: Of the axes.
        caption, name, title, section, by: See `drawing`.
        looks: Arguments of `Axes.errorbar` for each line; the usual ones if there are none.
        figure: More arguments of `drawing`.
    """
    given: dict[str, Any] = {"legend": {}, "by": by, "section": section, "title": title} | figure
    with drawing(run, name, caption=caption, **given) as d:
        for place, (legend, results) in enumerate(lines.items()):
            x = np.array([float(each.labels[label]) for each in results])
            y, error = np.array([(each.value, each.error or 0.0) for each in results]).T
            look = {"marker": plots.MARKERS[place % len(plots.MARKERS)]} | dict(looks[place] if looks else {})
            d.ax.errorbar(x, y, error, label=legend, **look)
            d.drawn[legend] = {label: x, "value": y, "error": error}
        d.ax.set(xlabel=xlabel, ylabel=ylabel)
