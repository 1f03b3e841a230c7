"""Folds that do not split what belongs together, and the error of a mean over them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.study import fold_row, grouped_folds, over_folds


@given(seed=st.integers(0, 2**31), n=st.integers(20, 80), folds=st.integers(2, 5))
def test_groups_stay_together_whatever_the_order(seed: int, n: int, folds: int) -> None:
    draw = np.random.default_rng(seed)
    group = [f"group {i}" for i in draw.integers(0, n, 2 * n)] + [f"one {i}" for i in range(2 * folds)]
    signal = np.array([ord(name[-1]) % 3 == 0 for name in group])
    signal[-2 * folds :] = np.arange(2 * folds) % 2
    fold = grouped_folds(group, signal, folds=folds, seed=seed)
    for name in set(group):
        assert len(set(fold[np.array(group) == name].tolist())) == 1
    order = draw.permutation(len(group))
    again = grouped_folds([group[i] for i in order], signal[order], folds=folds, seed=seed)
    np.testing.assert_array_equal(again, fold[order])


def test_folds_have_as_many_events_of_each_class() -> None:
    signal = np.arange(1003) % 3 == 0
    names = [str(i) for i in range(1003)]
    fold = grouped_folds(names, signal, folds=5, seed=1)
    for some in (signal, ~signal):
        assert np.ptp(np.bincount(fold[some])) <= 1
    assert np.ptp(np.bincount(fold)) <= 2
    assert not np.array_equal(fold, grouped_folds(names, signal, folds=5, seed=2))


def test_too_few_groups_of_a_class_are_refused() -> None:
    with pytest.raises(InputError, match="1 with signal and 3 without"):
        grouped_folds(list("aabcd"), np.array([1, 1, 0, 0, 0], bool), folds=2, seed=1)
    with pytest.raises(InputError, match="2 folds or more"):
        grouped_folds(list("abcd"), np.array([1, 1, 0, 0], bool), folds=1, seed=1)


def test_the_error_over_folds_is_the_corrected_one() -> None:
    values = [0.7, 0.8, 0.9, 0.8, 0.7, 0.9, 0.8, 0.8, 0.7, 0.9]
    mean, error = over_folds(values, folds=5)
    assert mean == pytest.approx(0.8)
    assert error == pytest.approx(np.std(values, ddof=1) * np.sqrt(1 / 10 + 1 / 4))
    result = fold_row("F1", values, {"model": "any"}, folds=5, n=50)
    assert result.split == "folds"
    assert "10 folds" in result.error_kind
    assert fold_row("F1", [0.5], {}, folds=2).error is None


def test_the_corrected_error_covers_what_another_sample_gives() -> None:
    """The mean of 2 x 5 folds of a nearest-mean classifier scatters from sample to sample no more than it says."""
    draw, found, errors = np.random.default_rng(1), [], []
    for _ in range(60):
        signal = np.arange(80) % 2 == 0
        x = draw.normal(size=(80, 5)) + 0.3 * signal[:, None]
        values = []
        for seed in (1, 2):
            fold = grouped_folds([str(i) for i in range(80)], signal, folds=5, seed=seed)
            for each in range(5):
                train, test = fold != each, fold == each
                axis = x[train & signal].mean(axis=0) - x[train & ~signal].mean(axis=0)
                cut = axis @ x[train].mean(axis=0)
                values.append(float(((x[test] @ axis > cut) == signal[test]).mean()))
        value, error = over_folds(values, folds=5)
        found.append(value)
        errors.append(error)
    assert np.std(found) < 1.3 * np.mean(errors)
    naive = np.mean(errors) / np.sqrt(1 / 10 + 1 / 4) / np.sqrt(10)
    assert np.std(found) > naive
