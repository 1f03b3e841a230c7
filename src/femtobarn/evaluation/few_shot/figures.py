"""Pictures of events in bins of time, and of what networks on them cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Num

from femtobarn.evaluation.few_shot.tables import ACCURACY, COST
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, draw_front, drawing


def draw_counts(
    run: Run, counts: Num[np.ndarray, "step 2 row column"], *, title: str, frames: int = 3
) -> None:
    """Events that became brighter minus those that became darker, in a few spans of time.

    Args:
        run: Where the figure is saved.
        counts: Of one recording.
        title: Of the figure.
        frames: Spans; what is left over joins the last.
    """
    length = max(1, len(counts) // frames)
    ends = [*(place * length for place in range(frames)), len(counts)]
    with drawing(
        run, "events", shape=(frames, 1), size=(5.0, 2.0 * frames), title=title, section="Data",
        caption="Events that became brighter minus darker ones in each pixel, as the networks see them, in "
        "spans of the bins of time.",
    ) as d:  # fmt: skip
        tables = []
        for ax, first, last in zip(d.axes.flat, ends, ends[1:], strict=False):
            both = counts[first:last].sum(axis=0, dtype=np.int64)
            picture = both[1] - both[0]
            most = max(1, int(np.abs(picture).max()))
            ax.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most)
            ax.set_ylabel("row")
            ax.text(
                0.98,
                0.92,
                f"bins {first} to {last - 1}",
                transform=ax.transAxes,
                ha="right",
                va="top",
                fontsize=8,
            )
            row, column = np.indices(picture.shape)
            span = np.full(picture.size, first)
            tables.append((span, row.ravel(), column.ravel(), both[1].ravel(), both[0].ravel()))
        d.axes.flat[-1].set_xlabel("column")
        names = ("first bin", "row", "column", "brighter", "darker")
        d.table = dict(zip(names, (np.concatenate(each) for each in zip(*tables, strict=True)), strict=True))


def draw_accuracy_cost(run: Run, rows: Sequence[Result], *, dense: Sequence[str], classes: str) -> None:
    """Accuracy of each method against the operations of an inference.

    Args:
        run: Where the figure is saved.
        rows: Of `accuracy_rows` and `cost_rows`.
        dense: Methods that compute everything; the others only where something arrives.
        classes: The split whose accuracies are drawn.
    """
    accuracy = {r.labels["method"]: r for r in rows if r.name == ACCURACY and r.labels["classes"] == classes}
    points = {}
    for cost in (row for row in rows if row.name == COST):
        method = cost.labels["method"]
        if cost.labels["quantity"] == (
            "multiply-adds if dense" if method in dense else "synaptic operations"
        ):
            points[method] = [(cost.value / 1e6, accuracy[method].value, accuracy[method].error or 0.0)]
    draw_front(
        run, points, xlabel="million operations of an inference", ylabel="accuracy on test tasks", name="cost",
        title="Accuracy against operations", section="Cost", xscale="log",
        caption="Spiking networks: additions that events and spikes cause. Others: multiply-adds. Both are counts of "
        "operations, no energies. Error bars: tasks and seeds.",
    )  # fmt: skip


def draw_validation(run: Run, trained: Sequence[Trained[Any]]) -> None:
    """Accuracy on validation tasks at each check of a training, against the tasks that it has seen.

    Args:
        run: Where the figure is saved.
        trained: Parts with a history of `femtobarn.evaluation.few_shot.episodes.train_on_tasks`.
    """
    with drawing(
        run, "training", legend={}, by="training", title="Training", section="Training",
        caption="Accuracy on validation tasks, of classes and recordings of their own; the best weights are used. Few "
        "bits begin where floating point ended.",
    ) as d:  # fmt: skip
        for each in trained:
            tasks, accuracy = np.array([(row["epoch"], row["validation"]) for row in each.history]).T
            d.ax.plot(tasks, accuracy, marker="o", markersize=3, label=each.part.name)
            d.drawn[each.part.name] = {"tasks": tasks, "accuracy": accuracy}
        d.ax.set(xlabel="training tasks", ylabel="accuracy on validation tasks")
