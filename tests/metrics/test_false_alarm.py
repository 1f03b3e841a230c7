"""Rates of false alarms: counts over time, their error by a simulation, limits."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics.false_alarm import YEAR, false_alarm_rate


def _passed(draw: np.random.Generator, events: int, slides: int, share: float) -> np.ndarray:
    """Passes if the sum of what two detectors give exceeds the quantile of that share."""
    h, other = draw.exponential(size=(2, events))
    from scipy.stats import gamma

    return np.stack([h + np.roll(other, -k) for k in range(1, slides + 1)]) > gamma(2).isf(share)


def test_the_rate_is_the_count_over_the_time() -> None:
    passed = np.zeros((4, 20), bool)
    passed[1, 3] = passed[2, 9] = True
    rate = false_alarm_rate(passed, duration=2.5)
    assert rate.time == 4 * 20 * 2.5
    assert rate.value == pytest.approx(2 * YEAR / 200)
    assert rate.error == pytest.approx(np.sqrt(2) * YEAR / 200), "two that have nothing in common"


def test_a_loud_event_that_passes_with_many_is_one_event() -> None:
    passed = np.zeros((10, 20), bool)
    passed[:, 3] = True
    rate = false_alarm_rate(passed, duration=1.0)
    assert rate.error == pytest.approx(rate.value, rel=0.1), "not by the root of ten"


def test_the_error_is_the_spread_between_samples() -> None:
    draw = np.random.default_rng(1)
    rates = [false_alarm_rate(_passed(draw, 200, 40, 0.01), duration=1.0) for _ in range(150)]
    spread = np.std([rate.value for rate in rates])
    told = np.mean([rate.error for rate in rates])
    naive = np.mean([np.sqrt(rate.passed) * YEAR / rate.time for rate in rates])
    assert told == pytest.approx(spread, rel=0.25)
    assert naive < 0.7 * spread, "slid events are not independent"


def test_where_nothing_passes_there_is_a_limit() -> None:
    rate = false_alarm_rate(np.zeros((3, 100), bool), duration=10.0)
    assert rate.value == 0
    assert rate.error == pytest.approx(3.0 * YEAR / 3000, rel=1e-2)


@pytest.mark.parametrize("slides", [0, 5])
def test_more_slides_than_pairs_are_refused(slides: int) -> None:
    with pytest.raises(InputError, match="slides"):
        false_alarm_rate(np.zeros((slides, 5), bool), duration=1.0)
