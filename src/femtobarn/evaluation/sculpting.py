"""What a cut on a score does to the shape of another variable, as a tagger to the mass of the background."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from femtobarn import plots
from femtobarn.runs import Run
from femtobarn.study import drawing


def draw_sculpting(
    run: Run,
    variable: Float[np.ndarray, "event"],
    is_signal: Bool[np.ndarray, "event"],
    scores: Mapping[str, Float[np.ndarray, "event"]],
    *,
    edges: Float[np.ndarray, "edge"],
    looks: Sequence[Mapping[str, Any]],
    efficiency: float = 0.5,
    name: str,
    classes: tuple[str, str] = ("signal", "background"),
    xlabel: str,
    ylabel: str,
    **figure: Any,
) -> None:
    """Shares of the background in bins of a variable, for events above the cut of each score, beside all events.

    Args:
        run: Where the figure is saved.
        variable: Of each event.
        is_signal: Of each event.
        scores: Of each event by the name in the legend; larger is more like signal.
        edges: Of the bins.
        looks: Arguments of `Axes.errorbar` for each score.
        efficiency: Share of the signal above the cuts.
        name: Of the figure's file.
        classes: Signal and background in the legend.
        xlabel, ylabel: Of the axes.
        figure: More arguments of `drawing`.
    """
    others = variable[~is_signal]
    with drawing(run, name, by="events", legend={}, **figure) as d:
        every = ((classes[0], variable[is_signal], "0.85", True), (classes[1], others, "0.5", False))
        for label, values, grey, fill in every:
            d.drawn[label] = _shares(values, edges)
            d.ax.stairs(d.drawn[label]["share"], edges, label=label, color=grey, fill=fill)
        for place, (label, score) in enumerate(scores.items()):
            cut = np.quantile(score[is_signal], 1 - efficiency)
            d.drawn[label] = columns = _shares(others[score[~is_signal] > cut], edges)
            # Beside each other, so that the bars can be told apart.
            x = columns["low"] + np.diff(edges) * (place + 1) / (len(scores) + 1)
            filled = columns["share"] > 0
            look = {"marker": plots.MARKERS[place % len(plots.MARKERS)], **looks[place], "linestyle": ""}
            share, error = columns["share"][filled], columns["error"][filled]
            d.ax.errorbar(x[filled], share, error, label=label, **look)
        d.ax.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, None))


def _shares(values: np.ndarray, edges: np.ndarray) -> dict[str, np.ndarray]:
    share = np.histogram(values, edges)[0] / max(len(values), 1)
    error = np.sqrt(share * (1 - share) / max(len(values), 1))
    return {"low": edges[:-1], "high": edges[1:], "share": share, "error": error}
