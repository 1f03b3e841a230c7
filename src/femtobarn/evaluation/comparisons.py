"""Scores in pairs on the same events, and their efficiencies against a number that signals have."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from femtobarn.evaluation.scores import Scored
from femtobarn.metrics.roc import auc_difference
from femtobarn.runs import Result, Run
from femtobarn.study import Value, drawing, grouped, row


def paired_gains(
    scored: Sequence[Scored], *, background: str, label: str, one: str, other: str
) -> list[Result]:
    """Gain in AUC of the scores with one value of a label over those with another, the same seed on the same events.

    Seeds of which there are not both are left out. The error is DeLong's joined with the standard error over seeds.

    Args:
        scored: As for `score_table`.
        background: Name of the background among the samples.
        label: That the pairs differ in.
        one, other: Its values.
    """
    kinds = [{e.labels[label]: e for e in group} for group in grouped(scored, lambda e: e.seed).values()]
    pairs = [(kind[one], kind[other]) for kind in kinds if {one, other} <= set(kind)]
    table = []
    for signal in (name for pair in pairs[:1] for name in pair[0].scores if name != background):
        values: list[Value] = [
            auc_difference(*(each.scores[name] for each in pair for name in (signal, background)))
            for pair in pairs
        ]
        labels = {k: v for k, v in pairs[0][0].labels.items() if k != label}
        labels |= {"signal": signal, label: f"{one} over {other}"}
        seeds, n = (
            [each.seed for each, _ in pairs if each.seed is not None],
            len(scored[0].scores[background]),
        )
        sample = "paired (DeLong)"
        table.append(row("paired gain in AUC", values, labels, seeds=seeds, n=n, sample=sample, of_mean=True))
    return table


def draw_efficiencies(
    run: Run,
    table: Sequence[Result],
    x: Mapping[str, float],
    *,
    xlabel: str,
    published: float | None = None,
    bold: str = "",
    name: str = "efficiency",
    xscale: Literal["linear", "log"] = "log",
    **figure: Any,
) -> None:
    """Signal efficiencies of `score_table` against a number that each signal has, such as a mass, a line each score.

    Args:
        run: Where the figure is saved.
        table: Results of `score_table`.
        x: The number, by signal; others are left out.
        xlabel: Of the axis.
        published: Drawn as a dotted line.
        bold: Score that is drawn with a thick line.
        name: Of the figure.
        xscale: Of the axis.
        figure: More arguments of `drawing`.
    """
    points = [each for each in table if each.name.startswith("signal at") and each.labels["signal"] in x]
    lines = grouped(points, lambda r: ", ".join(v for k, v in r.labels.items() if v and k != "signal"))
    given: dict[str, Any] = {"section": "Scores", "by": "score", "legend": {"fontsize": 7}} | figure
    with drawing(run, name, **given) as d:
        for label, rows in lines.items():
            at = np.array([x[each.labels["signal"]] for each in rows])
            value, error = np.array([(each.value, each.error or 0.0) for each in rows]).T
            width = 2.0 if bold and bold in label else 0.8
            d.ax.errorbar(at, value, error, marker="o", markersize=3, linewidth=width, label=label)
            d.drawn[label] = {xlabel: at, "efficiency": value, "error": error}
        if published is not None:
            d.ax.axhline(published, color="0.5", linestyle=":")
        d.ax.set(xlabel=xlabel, ylabel="efficiency", xscale=xscale, ylim=(-0.02, 1.05))
