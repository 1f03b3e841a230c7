"""Average precision against scikit-learn and a brute force; thresholds; precision at other shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from femtobarn.errors import InputError
from femtobarn.metrics import average_precision, precision_at_share, recall_threshold


def sample(seed: int, n: int, values: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    signal = draw.random(n) < 0.4
    signal[0] = True
    return draw.integers(0, values, n).astype(float) + signal, signal


@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), values=st.integers(1, 20))
def test_average_precision_agrees_with_scikit_learn_with_ties(seed: int, n: int, values: int) -> None:
    score, signal = sample(seed, n, values)
    assert average_precision(score, signal) == pytest.approx(average_precision_score(signal, score))
    assert average_precision(np.zeros(n), signal) == pytest.approx(signal.mean())
    assert average_precision(signal.astype(float), signal) == 1


@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), recall=st.floats(0.01, 1))
def test_the_threshold_is_the_highest_that_keeps_enough(seed: int, n: int, recall: float) -> None:
    score, signal = sample(seed, n, 20)
    threshold = recall_threshold(score, signal, recall=recall)
    assert (score[signal] >= threshold).mean() >= recall - 1e-9
    higher = score[score > threshold]
    if len(higher):
        assert (score[signal] >= higher.min()).mean() < recall


def test_precision_at_another_share_is_that_of_a_sample_made_so() -> None:
    draw = np.random.default_rng(1)
    signal = draw.random(200_000) < 0.02
    passed = draw.random(len(signal)) < np.where(signal, 0.9, 0.1)
    there = precision_at_share(0.9, 0.1, share=0.02)
    assert passed[signal].sum() / passed.sum() == pytest.approx(float(there), abs=0.01)
    assert np.isnan(precision_at_share(0.0, 0.0, share=0.5))


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(InputError, match="signal"):
        average_precision(np.ones(3), np.zeros(3, bool))
    with pytest.raises(InputError, match="finite"):
        average_precision(np.array([1.0, np.nan]), np.array([True, False]))
    with pytest.raises(InputError, match="recall above 0"):
        recall_threshold(np.ones(3), np.ones(3, bool), recall=0.0)
    with pytest.raises(InputError, match="share from 0 to 1"):
        precision_at_share(0.5, 0.5, share=1.5)
