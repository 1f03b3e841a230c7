"""Generators beside each other: seconds an event takes, how training went, quality against time."""

import math
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch

from femtobarn import plots
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, drawing

_BOOKKEEPING = {"epoch", "distance", "error", "seconds"}  # of a history; the other columns are losses
_ABREAST = 4  # Axes side by side
_LEAST = 1e-5  # distance from which a logarithmic axis begins


def seconds_each(
    make: Callable[[int], object], batches: Sequence[int], *, repeats: int, threads: int = 1
) -> dict[int, float]:
    """Median wall time of one event, by the number of events asked for at once.

    Args:
        make: Makes so many events.
        batches: Numbers of events.
        repeats: Times each is timed, after a call of at most 1000 events that is not.
        threads: Of torch.
    """
    before, found = torch.get_num_threads(), {}
    torch.set_num_threads(threads)
    try:
        for batch in batches:
            make(min(batch, 1000))
            times = []
            for _ in range(repeats):
                start = time.perf_counter()
                make(batch)
                times.append((time.perf_counter() - start) / batch)
            found[batch] = median(times)
    finally:
        torch.set_num_threads(before)
    return found


def draw_learning(
    run: Run, trained: Sequence[Trained[Any]], *, quality: str, name: str = "learning", **figure: Any
) -> None:
    """The validation distance of each generator after each check of its training, in seconds of training.

    Args:
        run: Where the figure is saved.
        trained: Generators with a history.
        quality: The distance in words.
        name: Of the figure.
        figure: More arguments of `drawing`.
    """
    caption = (
        f"{quality} of the averaged weights after each check, against the time spent in training. "
        "Black: the check whose weights were kept."
    )
    given: dict[str, Any] = {"section": "Training", "by": "model", "legend": {}} | figure
    with drawing(run, name, title=f"{quality} while training", caption=caption, **given) as d:
        for each in trained:
            columns = {what: np.array([row[what] for row in each.history]) for what in _BOOKKEEPING}
            best = int(np.argmin(columns["distance"] + columns["error"]))
            shown = columns["distance"].clip(min=_LEAST)
            d.ax.plot(columns["seconds"], shown, marker=".", label=each.part.name)
            d.ax.plot(columns["seconds"][best], shown[best], "o", color="black", markersize=4)
            d.drawn[each.part.name] = {
                what: columns[what] for what in ("seconds", "epoch", "distance", "error")
            }
        d.ax.set(xlabel="seconds of training", ylabel=quality, yscale="log")


def draw_losses(run: Run, trained: Sequence[Trained[Any]], *, caption: str) -> None:
    """The losses of each generator against the epoch, on Axes of its own."""
    columns = min(len(trained), _ABREAST)
    rows = math.ceil(len(trained) / columns)
    with drawing(
        run, "losses", title="Losses", caption=caption, section="Training", by="loss of",
        shape=(rows, columns), size=(3.1 * columns, 2.9 * rows),
    ) as d:  # fmt: skip
        for unused in d.axes.flat[len(trained) :]:
            unused.set_axis_off()
        for ax, each in zip(d.axes.flat, trained, strict=False):
            epochs = np.array([row["epoch"] for row in each.history])
            for loss in (name for name in each.history[0] if name not in _BOOKKEEPING):
                values = np.array([row[loss] for row in each.history])
                ax.plot(epochs, values, label=loss)
                d.drawn[f"{each.part.name}: {loss}"] = {"epoch": epochs, "loss": values}
            ax.set_xlabel("epoch")
            ax.annotate(each.part.name, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=8)
            ax.legend(fontsize=7, loc="upper right")
        d.ax.set_ylabel("loss")


def draw_cost(
    run: Run,
    table: Sequence[Result],
    *,
    quality: str,
    cost: str,
    at_once: str,
    caption: str,
    floor: str = "null",
    unit: str = r"$\mu$s",
    by: str = "model",
) -> None:
    """A distance against the time an event takes, for the largest number of events at once.

    Args:
        run: Where the figure is saved.
        table: Results; rows of `quality` and of `cost` of the same `by` belong together.
        quality: Name of the distance's results.
        cost: Name of the times' results, which have the label `at_once`.
        at_once: Label that holds the number of events asked for at once.
        caption: Of the figure.
        floor: Name of the row with what two real samples give; two of its errors are shaded.
        unit: Of the times.
        by: Label that names the generator.
    """
    most = max(int(r.labels[at_once]) for r in table if r.name == cost)
    times = {r.labels[by]: r.value for r in table if r.name == cost and r.labels[at_once] == str(most)}
    distance = {r.labels[by]: r for r in table if r.name == quality}
    least = 2 * (distance[floor].error or 0.0)
    noun = at_once.split()[0]
    with drawing(
        run, "frontier", title="Quality and time", caption=caption, section="Time", by=by, legend={},
        text=f"{most} {noun} at once, one thread",
    ) as d:  # fmt: skip
        for marker, (name, value) in zip(plots.MARKERS, times.items(), strict=False):
            found = distance[name]
            d.ax.errorbar(value, max(found.value, least), found.error, fmt=marker, markersize=7, label=name)
            d.drawn[name] = {cost: [value], quality: [found.value], "error": [found.error or np.nan]}
        d.ax.axhspan(0, least, color="0.9", label="indistinguishable here")
        d.ax.set(xscale="log", xlabel=f"{cost} [{unit}]", ylabel=quality)
        d.ax.set_yscale("symlog", linthresh=least or 1e-6)
        d.ax.set_ylim(bottom=0)
