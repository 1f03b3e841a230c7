"""Thresholds set on background: what passes on other events, against SciPy, and what cannot be known is refused."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from femtobarn.errors import InputError
from femtobarn.metrics import calibrate, clopper_pearson, measured, working_point


@given(n=st.integers(1, 3000), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_intervals_are_those_of_scipy(n: int, share: float, level: float) -> None:
    passed = round(share * n)
    expected = binomtest(passed, n).proportion_ci(level, method="exact")
    assert clopper_pearson(passed, n, level=level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_mistag_of_other_events_is_the_fraction_asked_for() -> None:
    """Within an interval of both samples, in at least 90 of 100 splits at 95 %."""
    draw, inside = np.random.default_rng(1), 0
    for _ in range(100):
        half, other = draw.standard_t(3, (2, 2000))
        found = measured(other, calibrate(half, 0.02).threshold)
        spread = np.sqrt(2 * 0.02 * 0.98 / 2000)  # of the threshold and of the count
        inside += abs(found.value - 0.02) < 1.96 * spread
    assert 90 <= inside <= 100


def test_intervals_of_thresholds_cover_the_true_one() -> None:
    draw = np.random.default_rng(2)
    points = [calibrate(draw.random(1500), 0.03, level=0.9) for _ in range(600)]
    covered = np.mean([point.interval[0] <= 0.97 <= point.interval[1] for point in points])
    assert 0.87 < covered < 0.95
    assert all(point.interval[0] <= point.threshold <= point.interval[1] for point in points)
    assert all(point.kept.low < 0.03 <= point.kept.high for point in points)


@given(
    st.lists(st.integers(0, 12), min_size=200, max_size=400),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.integers(0, 9),
)
def test_no_threshold_lets_through_more_than_asked_for_or_less_than_it_could(
    counts: list[int], fraction: float, shift: int
) -> None:
    background = np.array(counts) + shift
    possible = [(background > t).sum() for t in np.unique(background)]
    allowed = [k for k in possible if k <= np.floor(fraction * len(background) + 1e-9)]
    if max(allowed) < 10:
        with pytest.raises(InputError, match="share the score"):
            calibrate(background, fraction)
        return
    point = calibrate(background, fraction)
    assert point.kept.passed == max(allowed) == (background > point.threshold).sum()


@pytest.mark.parametrize(
    ("background", "fraction", "words"),
    [
        (np.arange(900), 0.01, "at least 10 events, got 0.01 of 900: take 1000"),
        (np.arange(900), 1.0, "between 0 and 1"),
        (np.arange(900), float("nan"), "between 0 and 1"),
        (np.full(900, 3.0), 0.1, "share the score 3"),
        (np.array([1.0, np.nan] * 500), 0.1, "finite"),
        (np.zeros(0), 0.1, "one score for each background"),
    ],
)
def test_what_cannot_be_set_is_refused(background: np.ndarray, fraction: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        calibrate(background, fraction)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="one score"):
        measured(np.zeros(0), 1.0)
    with pytest.raises(InputError, match="NaN"):
        measured(np.zeros(5), float("nan"))
    with pytest.raises(InputError, match="passed <= n"):
        clopper_pearson(3, 2)


def test_none_and_all_have_an_interval() -> None:
    none, every = measured(np.zeros(682), 0.5, level=0.9), measured(np.ones(682), 0.5, level=0.9)
    assert (none.value, none.low, none.passed, none.n) == (0, 0, 0, 682)
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 682))
    assert (every.low, every.high) == pytest.approx((1 - none.high, 1.0))


def test_examples() -> None:
    assert doctest.testmod(working_point, extraglobs={"np": np}).failed == 0
