"""Accuracy over few-shot tasks, with its interval."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped
from scipy import stats

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, flags


class FewShotAccuracy(NamedTuple):
    """Mean over tasks; queries of a task share its support, so that tasks are what is independent."""

    value: float
    error: float
    """Standard error over tasks."""
    low: float
    high: float
    """Ends of the interval (Student's t)."""
    tasks: int


def few_shot_accuracy(correct: Shaped[Array, "task query"], *, confidence: float = 0.95) -> FewShotAccuracy:
    """Share of the queries that are right, a mean over tasks.

    Args:
        correct: Whether each query of each task is right.
        confidence: Of the interval.

    Raises:
        InputError: Fewer than two tasks, no query, or a confidence that is not in (0, 1).
    """
    correct = flags(correct, "queries")
    if correct.ndim != 2 or len(correct) < 2 or correct.shape[1] < 1 or not 0 < confidence < 1:
        raise InputError(
            f"expected two tasks with queries and a confidence in (0, 1), got {correct.shape}, {confidence}"
        )
    each = correct.mean(axis=1, dtype=np.float64)
    value, error = float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))
    half = float(stats.t.ppf((1 + confidence) / 2, len(each) - 1)) * error
    return FewShotAccuracy(value, error, value - half, value + half, len(each))
