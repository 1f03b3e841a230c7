"""Confusion, fake rates, responses, missing momentum: against counting by hand, scikit-learn and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.metrics.particle_flow import (
    confusion,
    fake_at_efficiency,
    finding,
    matched,
    missing_momentum,
    quartile_width,
    response,
)


@given(seed=st.integers(0, 1000), n=st.integers(0, 200))
def test_the_table_is_that_of_scikit_learn(seed: int, n: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, found = np.random.default_rng(seed).integers(0, 6, (2, n))
    table = confusion(truth, found, classes=6)
    if n:
        np.testing.assert_array_equal(table, sklearn.confusion_matrix(truth, found, labels=np.arange(6)))
        names = {"labels": np.arange(6), "average": None, "zero_division": np.nan}
        recall = sklearn.recall_score(truth, found, **names)
        precision = sklearn.precision_score(truth, found, **names)
        for kind in range(6):
            each = finding(table, kind)
            np.testing.assert_allclose([each.efficiency, 1 - each.fake], [recall[kind], precision[kind]])
    assert table.sum() == n


def test_errors_are_binomial_and_nothing_counted_is_no_number() -> None:
    table = np.array([[50, 10], [30, 60]])
    each = finding(table, 1)
    assert each.efficiency == pytest.approx(60 / 90)
    assert each.fake == pytest.approx(10 / 70)
    assert each.efficiency_error == pytest.approx(np.sqrt(2 / 3 * 1 / 3 / 90))
    nothing = finding(np.zeros((2, 2), np.int64), 0)
    assert np.isnan([nothing.efficiency, nothing.fake]).all()


def test_a_class_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="classes from 0 to 5, got 0 to 6"):
        confusion(np.array([0, 6]), np.array([0, 0]), classes=6)
    with pytest.raises(InputError, match="one class per element"):
        confusion(np.array([0, 1]), np.array([0]), classes=6)


def test_fakes_at_an_efficiency_are_counted_above_its_threshold() -> None:
    truth = np.array([1, 0, 1, 1, 0, 1, 0])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.1])
    assert fake_at_efficiency(truth, score, 1, efficiency=0.25) == 0
    assert fake_at_efficiency(truth, score, 1, efficiency=0.5) == pytest.approx(1 / 3)
    assert fake_at_efficiency(truth, score, 1, efficiency=1.0) == pytest.approx(2 / 6)
    assert fake_at_efficiency(truth, np.zeros(7), 1, efficiency=0.1) == pytest.approx(3 / 7), (
        "ties stay together"
    )
    assert np.isnan(fake_at_efficiency(truth, score, 2, efficiency=0.5))


@given(scale=st.floats(0.1, 10), seed=st.integers(0, 100))
def test_corrected_widths_do_not_depend_on_the_scale_and_the_raw_one_does(scale: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    true = draw.exponential(10, 500) + 0.1
    measured = true * np.exp(0.2 * draw.normal(size=500))
    one, two = response(measured, true), response(scale * measured, true)
    assert two.quartiles == pytest.approx(one.quartiles)
    assert two.median == pytest.approx(scale * one.median)
    if scale < 3:  # else the cut at 10 bites
        assert two.spread == pytest.approx(one.spread)
        assert two.raw_spread == pytest.approx(scale * one.raw_spread)


def test_widths_of_a_normal_response() -> None:
    draw = np.random.default_rng(1)
    true = np.full(200_000, 20.0)
    found = response(true * (1 + 0.1 * draw.normal(size=200_000)), true)
    assert found.spread == pytest.approx(0.1, rel=0.01)
    assert found.quartiles == pytest.approx(1.349 * 0.1, rel=0.02)
    assert quartile_width(3 * draw.normal(size=200_000)) == pytest.approx(3, rel=0.02)


def test_a_response_needs_true_values_and_two_of_them() -> None:
    with pytest.raises(InputError, match="above 0"):
        response(np.ones(2), np.array([1.0, 0.0]))
    assert np.isnan(response(np.ones(1), np.ones(1))[:5]).all()
    assert np.isnan(quartile_width(np.ones(1)))


def test_missing_momentum_balances_each_event() -> None:
    draw = np.random.default_rng(1)
    momentum, offset = draw.normal(size=(30, 4)), np.array([0, 12, 12, 30])
    found = missing_momentum(momentum, offset)
    np.testing.assert_allclose(found[0], -momentum[:12, 1:3].sum(axis=0))
    np.testing.assert_allclose(found[2], -momentum[12:, 1:3].sum(axis=0))
    assert not found[1].any()


def test_jets_are_matched_within_their_event_and_around_phi() -> None:
    true = np.array([[30.0, 0.0, 3.1], [40.0, 1.0, 0.0], [50.0, 0.0, 0.0]])
    found = np.array([[31.0, 0.0, -3.1], [20.0, 0.0, 0.05], [55.0, 0.0, 0.02], [1.0, 0.05, 0.0]])
    partner = matched(true, np.array([0, 0, 1]), found, np.array([0, 1, 1, 1]), distance=0.1)
    assert partner.tolist() == [0, -1, 2]
