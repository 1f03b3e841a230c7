"""Scores that order a queue, judged in folds: ranking, probabilities, the threshold for a wanted recall, the decision.

Every number of a score is taken on events that its model did not learn from; what is fitted to scores, a scaling or
a threshold, comes from the other folds of the same repetition.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.metrics.calibration import Scaling, calibration_error, fit_scaling
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.precision_recall import average_precision, precision_at_share, recall_threshold
from femtobarn.runs import Result
from femtobarn.study import by_name, fold_row

Logit = Float[np.ndarray, " _"]
Label = Bool[np.ndarray, " _"]


class Folded(NamedTuple):
    """Logits of one model for every event, each by the training that did not see it."""

    labels: dict[str, str]
    """Its place in tables."""
    logits: list[Logit]
    """Of each repetition of the folds; some models have fewer repetitions than others."""


class Decision(NamedTuple):
    """What is made of a logit: a probability, and whether the event goes into the queue."""

    scaling: Scaling
    threshold: float
    """On probabilities, for the wanted recall."""
    cautious: float
    """The same for a higher recall; what lies between both is unsure."""
    share: float
    """Of signal among the events that it was fitted to."""

    @classmethod
    def fitted(cls, logit: Logit, signal: Label, *, recall: float, cautious: float) -> "Decision":
        """From events that the model did not learn from."""
        scaling = fit_scaling(logit, signal)
        said = scaling(logit)
        limit, lower = (recall_threshold(said, signal, recall=each) for each in (recall, cautious))
        return cls(scaling, limit, lower, float(signal.mean()))

    def columns(self, logit: Logit, *, expected: float | None = None) -> dict[str, np.ndarray]:
        """For each event "probability", "in_queue" and "unsure".

        Args:
            logit: Of the model.
            expected: Share of signal in the stream, if it is another: probabilities follow it (Saerens 2002,
                doi:10.1162/089976602753284446), the threshold keeps the same events.
        """
        said = self.scaling(logit)
        queue, unsure = said >= self.threshold, (said < self.threshold) & (said >= self.cautious)
        if expected is not None:
            odds = expected / (1 - expected) * (1 - self.share) / self.share
            said = said * odds / (said * odds + 1 - said)
        return {"probability": said, "in_queue": queue, "unsure": unsure}


def f1(logit: Logit, signal: Label) -> float:
    """Harmonic mean of precision and recall of logits above 0; 0 if there is no true alarm."""
    passed = logit > 0
    return float(2 * (passed & signal).sum() / (passed.sum() + signal.sum()))


STATISTICS: dict[str, Callable[[Logit, Label], float]] = {
    "average precision": average_precision,
    "AUC": lambda logit, signal: auc(logit[~signal], logit[signal])[0],
    "F1": f1,
}


def fold_tables(
    models: Sequence[Folded],
    signal: Label,
    folds: Sequence[Int[np.ndarray, " event"]],
    *,
    reference: Mapping[str, str],
    recall: float,
    shares: Sequence[float],
) -> list[Result]:
    """Each model in the folds, and its gain over the reference in the same folds.

    Rows: "average precision", "AUC", "F1", "F1, spread over folds", "gain in" the first and the last; "recall at the
    threshold for R %", "share in the queue" and "precision at R % recall" for shares of signal in a stream;
    "calibration error" as trained and after either scaling, beside what right probabilities give. A model that says the
    same of all events has neither a queue nor a calibration.

    Args:
        models: Their logits.
        signal: Class of each event.
        folds: Fold of each event in each repetition.
        reference: Labels of the model that the others have to beat.
        recall: That the threshold is for.
        shares: Of signal in a stream, at which the precision is given beside that of these events.

    Raises:
        InputError: The reference is not among the models.
    """
    base = next((each for each in models if each.labels == dict(reference)), None)
    if base is None:
        raise InputError(f"{dict(reference)} is not among the models")
    table, count = [], int(folds[0].max()) + 1
    for model in models:
        common: dict[str, Any] = {"folds": count, "n": len(signal)}
        found = {name: _by_fold(model, signal, folds, of) for name, of in STATISTICS.items()}
        table += [fold_row(name, values, model.labels, **common) for name, values in found.items()]
        spread = float(np.std(found["F1"], ddof=1))
        table.append(
            Result("F1, spread over folds", spread, n=len(signal), split="folds", labels=model.labels)
        )
        for name in ("average precision", "F1") if model is not base else ():
            theirs = _by_fold(base, signal, folds, STATISTICS[name])
            gains = [one - two for one, two in zip(found[name], theirs, strict=False)]
            table.append(fold_row(f"gain in {name}", gains, model.labels, **common))
        if any(np.ptp(model.logits[0][folds[0] == each]) > 0 for each in range(count)):
            table += _queue(model, signal, folds, recall, (float(signal.mean()), *shares), common)
            table += _calibration(model, signal, folds[0])
    return by_name(table)


def _by_fold(
    model: Folded, signal: Label, folds: Sequence[np.ndarray], of: Callable[[Logit, Label], float]
) -> list[float]:
    """A statistic in each fold of each repetition that the model has, in their order."""
    return [
        of(logit[fold == each], signal[fold == each])
        for logit, fold in zip(model.logits, folds, strict=False)
        for each in range(int(fold.max()) + 1)
    ]


def _queue(
    model: Folded,
    signal: Label,
    folds: Sequence[np.ndarray],
    recall: float,
    shares: Sequence[float],
    common: Mapping[str, Any],
) -> list[Result]:
    kept, false, queue = [], [], []
    for logit, fold in zip(model.logits, folds, strict=False):
        for each in range(int(fold.max()) + 1):
            here, threshold = (
                fold == each,
                recall_threshold(logit[fold != each], signal[fold != each], recall=recall),
            )
            passed = logit >= threshold
            kept.append(float(passed[here & signal].mean()))
            false.append(float(passed[here & ~signal].mean()))
            queue.append(float(passed[here].mean()))
    title = f"{100 * recall:g} %"
    rows = [
        fold_row(f"recall at the threshold for {title}", kept, model.labels, **common),
        fold_row(f"share in the queue at {title} recall", queue, model.labels, **common),
    ]
    for share in shares:
        values = precision_at_share(np.array(kept), np.array(false), share=share).tolist()
        labels = model.labels | {"signal in the stream": f"{100 * share:.3g} %"}
        rows.append(fold_row(f"precision at {title} recall", values, labels, **common))
    return rows


def _calibration(model: Folded, signal: Label, fold: np.ndarray) -> list[Result]:
    logit, every = model.logits[0], range(int(fold.max()) + 1)
    said = {"as trained": 1 / (1 + np.exp(-logit))}
    for name, offset in (("temperature", False), ("slope and offset", True)):
        said[name] = np.zeros(len(logit))
        for each in every:
            others, here = fold != each, fold == each
            said[name][here] = fit_scaling(logit[others], signal[others], offset=offset)(logit[here])
    found = {name: calibration_error(p, signal) for name, p in said.items()}
    kind, right = "bootstrap of the events", found["slope and offset"]
    rows = [
        Result(
            "calibration error", each.value, each.error, n=each.n, split="folds", error_kind=kind,
            labels=model.labels | {"probabilities": name},
        )
        for name, each in found.items()
    ]  # fmt: skip
    labels = model.labels | {"probabilities": "exactly right"}
    return [*rows, Result("calibration error", right.null, n=right.n, split="folds", labels=labels)]
