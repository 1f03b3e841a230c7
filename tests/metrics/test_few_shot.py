"""Accuracy over tasks: what it is, and how often its interval holds the truth."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics import few_shot_accuracy


def test_value_and_error_are_those_of_task_means() -> None:
    correct = np.array([[True, True], [True, False], [False, False]])
    found = few_shot_accuracy(correct)
    assert found.value == pytest.approx(0.5)
    assert found.error == pytest.approx(0.5 / np.sqrt(3))
    assert found.high - found.value == pytest.approx(
        4.3027 * found.error, rel=1e-4
    )  # t, two degrees of freedom
    assert found.tasks == 3


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    held, naive = 0, 0
    for _ in range(400):
        hard = draw.beta(4, 2, (30, 1))  # tasks differ, so that queries are not independent
        correct = draw.random((30, 20)) < hard
        found = few_shot_accuracy(correct)
        held += found.low <= 2 / 3 <= found.high
        half = 1.96 * np.sqrt(found.value * (1 - found.value) / correct.size)
        naive += abs(found.value - 2 / 3) <= half
    assert 0.91 < held / 400 < 0.985
    assert naive / 400 < 0.75, "queries counted as independent say too much"


def test_too_little_is_refused() -> None:
    for correct, confidence in (
        (np.ones((1, 5), bool), 0.95),
        (np.ones((3, 0), bool), 0.95),
        (np.ones((3, 2), bool), 1.0),
    ):
        with pytest.raises(InputError, match="two tasks with queries"):
            few_shot_accuracy(correct, confidence=confidence)
