"""Figures of scores that order a queue: what is found against what is read, and what probabilities mean."""

from collections.abc import Sequence

import numpy as np

from femtobarn.evaluation.text.triage import Folded, Label
from femtobarn.metrics.calibration import reliability
from femtobarn.runs import Run
from femtobarn.study import drawing

_HOW = "Each event by the training of the first repetition that did not see it."


def draw_queue(run: Run, models: Sequence[Folded], signal: Label, *, what: str = "signal") -> None:
    """Share of the signal found against the share of events read, in the order of each score."""
    with drawing(
        run, "queue", title="Found against read", section="Queue", by="model", legend={},
        caption=f"Share of the {what} among the first of the queue. Grey: no order. {_HOW}",
    ) as d:  # fmt: skip
        d.ax.axline((0, 0), slope=1, color="0.6", linewidth=0.8)
        read = np.arange(len(signal) + 1) / len(signal)
        for each in models:
            found = np.append(0, np.cumsum(signal[np.argsort(-each.logits[0], kind="stable")])) / signal.sum()
            d.ax.plot(read, found, label=each.labels["model"])
            d.drawn[each.labels["model"]] = {"read": read, "found": found}
        d.ax.set(xlabel="share of all events read", ylabel=f"share of the {what} found")


def draw_reliability(run: Run, models: Sequence[Folded], signal: Label, *, what: str = "signal") -> None:
    """Share of signal against the probability as trained, in ten bins of each model."""
    with drawing(
        run, "reliability", title="What the probabilities mean", section="Probabilities", by="model", legend={},
        caption=f"Share of {what} against the probability as trained, in ten bins of equal numbers of events. Models "
        f"learn with balanced classes, so that they say too much; a scaling mends it. Bars: binomial. {_HOW}",
    ) as d:  # fmt: skip
        d.ax.axline((0, 0), slope=1, color="0.6", linewidth=0.8)
        for each in models:
            said, seen, n = reliability(1 / (1 + np.exp(-each.logits[0])), signal).T
            error = np.sqrt(np.maximum(seen * (1 - seen), 0) / n)
            d.ax.errorbar(said, seen, error, marker="o", markersize=3, label=each.labels["model"])
            d.drawn[each.labels["model"]] = {"said": said, "seen": seen, "error": error}
        d.ax.set(xlabel="probability said", ylabel=f"share of {what} seen", xlim=(0, 1), ylim=(0, 1))
