"""ROC numbers against scikit-learn, and their errors against toys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm
from sklearn import metrics as sklearn

from femtobarn.errors import InputError
from femtobarn.metrics import (
    accuracy,
    auc,
    auc_difference,
    background_efficiency,
    background_rejection,
    roc_curve,
    signal_efficiency,
)


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


def _two_scores(n: int, m: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Scores (score, event) of signal and background: correlated, the second better, one of whole numbers."""
    draw = np.random.default_rng(seed)
    common, own = draw.normal(size=(1, n + m)), draw.normal(size=(2, n + m))
    both = common + 0.7 * own
    both[:, :n] += np.array([[0.8], [1.1]])
    both[0] = np.round(2 * both[0])
    return both[:, :n], both[:, n:]


def test_the_error_of_a_difference_of_areas_is_that_of_a_paired_bootstrap() -> None:
    signal, background = _two_scores(300, 500)
    value, error = auc_difference(signal[1], background[1], signal[0], background[0])
    assert value == pytest.approx(
        auc(background[1], signal[1])[0] - auc(background[0], signal[0])[0], abs=1e-12
    )
    draw, found = np.random.default_rng(6), []
    for _ in range(1000):
        s = signal[:, draw.integers(300, size=300)]
        b = background[:, draw.integers(500, size=500)]
        found.append(roc_auc(s[1], b[1]) - roc_auc(s[0], b[0]))
    assert error == pytest.approx(np.std(found), rel=0.1)
    apart = np.hypot(auc(background[0], signal[0])[1], auc(background[1], signal[1])[1])
    assert error < 0.7 * apart, "what both have in common cancels"


def roc_auc(signal: np.ndarray, background: np.ndarray) -> float:
    """Mann-Whitney by SciPy."""
    return float(mannwhitneyu(signal, background).statistic) / (len(signal) * len(background))


def test_a_score_is_as_good_as_itself_and_any_rising_function_of_it() -> None:
    signal, background = _two_scores(100, 100)
    assert auc_difference(signal[0], background[0], np.exp(signal[0]), np.exp(background[0])) == (0.0, 0.0)


def test_scores_of_other_events_are_no_pairs() -> None:
    signal, background = _two_scores(100, 100)
    with pytest.raises(InputError, match="99 signal"):
        auc_difference(signal[0], background[0], signal[1][1:], background[1])


def test_the_error_of_an_efficiency_holds_that_of_the_threshold() -> None:
    """Against the scatter of new samples of both kinds."""
    draw = np.random.default_rng(7)
    found = [
        signal_efficiency(draw.normal(1.5, 1, 400), draw.normal(size=1000), fraction=0.02) for _ in range(300)
    ]
    values, errors = np.array([(each.value, each.error) for each in found]).T
    assert np.mean(values) == pytest.approx(norm.sf(norm.isf(0.02) - 1.5), abs=0.01)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(np.std(values), rel=0.12)
    assert np.mean([each.threshold_error for each in found]) > np.mean([each.signal_error for each in found])


def test_the_threshold_of_an_endless_background_has_no_error() -> None:
    draw = np.random.default_rng(8)
    found = signal_efficiency(draw.normal(1.5, 1, 400), draw.normal(size=400_000), fraction=0.02)
    assert found.threshold == pytest.approx(norm.isf(0.02), abs=0.02)
    assert found.error == pytest.approx(np.sqrt(found.value * (1 - found.value) / 400), rel=0.05)
