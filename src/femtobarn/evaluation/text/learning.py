"""How many labels models of texts need, and what is left of them on texts from elsewhere."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.evaluation.text.models import FROZEN, MEAN, TFIDF, Fitting, Texts, fit
from femtobarn.metrics.precision_recall import average_precision
from femtobarn.runs import Result
from femtobarn.study import by_name, row

FEW = "average precision with few labels"
Label = Bool[np.ndarray, " text"]
_STRENGTH = (1.0,)  # of every penalty: a few labels cannot choose one


def few_labels(
    texts: Texts, label: Label, fitting: Fitting, *, counts: Sequence[int], draws: int
) -> list[Result]:
    """Average precision of models that learned from a few texts, on all others; and their gain over TF-IDF.

    The draws are the same for all models; errors are standard errors over the draws, whose test texts overlap.

    Args:
        texts: All there are.
        label: Whether each is positive.
        fitting: How models learn.
        counts: Texts to learn from, half of each class; those that leave too few of a class are left out.
        draws: Of them.
    """
    least, table = min(int(label.sum()), int((~label).sum())), []
    for count in (each for each in counts if each <= least):
        found: dict[str, list[float]] = {}
        for seed in range(1, draws + 1):
            learn = _balanced(label, count, seed)
            rest = np.delete(label, learn)
            for name, logit in _logits(texts, label, learn, fitting).items():
                found.setdefault(name, []).append(average_precision(logit, rest))
        n = len(label) - count
        for name, values in found.items():
            labels = {"model": name, "labels": str(count)}
            pairs = [(value, 0.0) for value in values]
            table.append(row(FEW, pairs, labels, n=n, seeds=range(1, draws + 1), of_mean=True))
            if name != TFIDF:
                gains = [(one - two, 0.0) for one, two in zip(values, found[TFIDF], strict=True)]
                table.append(row("gain with few labels", gains, labels, n=n, of_mean=True))
    return by_name(table)


def elsewhere(texts: Texts, label: Label, event: Sequence[str], fitting: Fitting) -> list[Result]:
    """Average precision of models that learned from the largest event, on the others; nothing if there is no other.

    The error is that of a bootstrap of the test texts.
    """
    names, count = np.unique(event, return_counts=True)
    learn = np.flatnonzero(np.array(event) == names[count.argmax()])
    rest, known = np.delete(label, learn), label[learn]
    if rest.all() or not rest.any() or known.all() or not known.any():
        return []
    draw, table = np.random.default_rng(0), []
    for name, logit in _logits(texts, label, learn, fitting).items():
        drawn = [some for some in draw.integers(len(rest), size=(200, len(rest))) if rest[some].any()]
        error = float(np.std([average_precision(logit[some], rest[some]) for some in drawn], ddof=1))
        kind = f"bootstrap, {int(rest.sum())} positive texts"
        value, title = average_precision(logit, rest), "average precision on other events"
        table.append(
            Result(title, value, error, n=len(rest), split="test", labels={"model": name}, error_kind=kind)
        )
    return table


def _balanced(label: Label, count: int, seed: int) -> Int[np.ndarray, "_"]:
    draw = np.random.default_rng(seed)
    some = [draw.permutation(np.flatnonzero(label == side))[: count // 2] for side in (True, False)]
    return np.concatenate(some)


def _logits(
    texts: Texts, label: Label, learn: Int[np.ndarray, "_"], fitting: Fitting
) -> dict[str, Float[np.ndarray, "_"]]:
    """Of all texts that are not learned from."""
    some, rest = texts.take(learn), texts.take(np.delete(np.arange(len(label)), learn))
    names = [TFIDF] if texts.states is None else [TFIDF, FROZEN, MEAN]
    return {
        name: fit(name, some, label[learn], None, fitting, seed=0, strengths=_STRENGTH).logit(rest)
        for name in names
    }
