"""ROC numbers against scikit-learn, and their errors against toys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as sklearn

from femtobarn.errors import InputError
from femtobarn.metrics import accuracy, auc, background_efficiency, background_rejection, roc_curve


def scores(seed: int, n: int = 300, m: int = 400, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    signal, background = g.normal(1, 1, n), g.normal(-0.5, 1, m)
    return (signal.round(1), background.round(1)) if ties else (signal, background)


def both(signal: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    label = np.concatenate((np.ones(len(signal)), np.zeros(len(background))))
    return label, np.concatenate((signal, background))


@given(st.integers(0, 100), st.booleans())
def test_the_curve_and_its_area_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    signal, background = scores(seed, ties=ties)
    label, score = both(signal, background)
    fpr, tpr, _ = sklearn.roc_curve(label, score, drop_intermediate=False)
    kept, mistaken = roc_curve(signal, background)
    np.testing.assert_allclose(kept, tpr, atol=1e-12)
    np.testing.assert_allclose(mistaken, fpr, atol=1e-12)
    assert auc(background, signal)[0] == pytest.approx(sklearn.roc_auc_score(label, score), abs=1e-12)
    right = sklearn.accuracy_score(label, score > 0.2)
    assert accuracy(signal, background, cut=0.2)[0] == pytest.approx(right, abs=1e-12)


@given(st.integers(0, 100), st.sampled_from([0.3, 0.5, 0.313]))
def test_rejection_is_one_over_the_interpolated_curve(seed: int, efficiency: float) -> None:
    signal, background = scores(seed)
    label, score = both(signal, background)
    fpr, tpr, _ = sklearn.roc_curve(label, score, drop_intermediate=False)
    lowest = {}  # where the curve rises vertically, the least background
    for t, f in zip(tpr, fpr, strict=True):
        lowest[t] = min(f, lowest.get(t, 1.0))
    highest = {t: max(f for t2, f in zip(tpr, fpr, strict=True) if t2 == t) for t in lowest}
    below = max(t for t in lowest if t < efficiency)
    above = min(t for t in lowest if t >= efficiency)
    expected = np.interp(efficiency, (below, above), (highest[below], lowest[above]))
    value, error = background_efficiency(signal, background, efficiency=efficiency)
    assert value == pytest.approx(expected, abs=1e-12)
    if value > 0:
        rejection = background_rejection(signal, background, efficiency=efficiency)
        assert rejection == pytest.approx((1 / value, error / value**2))


def test_values_approach_those_of_two_gaussians() -> None:
    g = np.random.default_rng(0)
    signal, background = g.normal(1, 1, 200_000), g.normal(0, 1, 200_000)
    for efficiency in (0.3, 0.5):
        expected = norm.sf(norm.isf(efficiency) + 1)
        value, error = background_efficiency(signal, background, efficiency=efficiency)
        assert abs(value - expected) < 4 * np.hypot(error, 2e-3 * expected)
    assert auc(background, signal)[0] == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=3e-3)


def test_errors_cover_in_toys() -> None:
    """About 68 % of experiments lie within one error of the truth."""
    g = np.random.default_rng(1)
    truth = {
        "rejection": norm.sf(norm.isf(0.3) + 2),
        "AUC": norm.cdf(2 / np.sqrt(2)),
        "accuracy": norm.cdf(1),
    }
    inside = dict.fromkeys(truth, 0)
    toys = 600
    for _ in range(toys):
        signal, background = g.normal(2, 1, 4000), g.normal(0, 1, 4000)
        found = {
            "rejection": background_efficiency(signal, background, efficiency=0.3),
            "AUC": auc(background, signal),
            "accuracy": accuracy(signal, background, cut=1.0),
        }
        for name, (value, error) in found.items():
            inside[name] += abs(value - truth[name]) < error
    for name, count in inside.items():
        assert 0.60 < count / toys < 0.76, name


def test_the_ends() -> None:
    signal, background = np.array([2.0, 3.0]), np.array([0.0, 1.0])
    assert background_rejection(signal, background, efficiency=0.5)[0] == np.inf
    assert np.isnan(background_rejection(signal, background, efficiency=0.5)[1])
    assert accuracy(signal, background, cut=1.0)[0] == 1.0
    kept, mistaken = roc_curve(signal, background)
    assert (kept[0], mistaken[0], kept[-1], mistaken[-1]) == (0, 0, 1, 1)


def test_mistakes_are_told() -> None:
    good = np.array([0.0, 1.0])
    with pytest.raises(InputError, match="signal efficiency between 0 and 1"):
        background_rejection(good, good, efficiency=30.0)
    with pytest.raises(InputError, match="one score for each signal"):
        roc_curve(np.zeros(0), good)
    with pytest.raises(InputError, match="1 background ones"):
        accuracy(good, np.array([0.0, np.nan]))
