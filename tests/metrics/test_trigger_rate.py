"""Rates against closed forms and the scatter of many samples."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics import clopper_pearson, process_rate, pure_rate, trigger_rate


def test_a_rate_is_the_share_of_all_crossings() -> None:
    passed = np.arange(20_000) < 10
    found = trigger_rate(passed, bunches=2500)
    crossings = 2500 * 11_245.0
    assert found.value == pytest.approx(crossings * 10 / 20_000)
    assert found.value == pytest.approx(14e3, rel=0.01), "the least that so many events can tell"
    assert found.error == pytest.approx(crossings * np.sqrt(10 * (1 - 10 / 20_000)) / 20_000)
    assert (found.low, found.high) == pytest.approx(tuple(crossings * e for e in clopper_pearson(10, 20_000)))
    assert (found.passed, found.n) == (10, 20_000)


def test_no_event_has_an_upper_limit() -> None:
    found = trigger_rate(np.zeros(1000, bool), bunches=1, level=0.9)
    assert (found.value, found.error, found.low) == (0, 0, 0)
    assert found.high == pytest.approx(11_245 * (1 - 0.05 ** (1 / 1000)))
    weighted = trigger_rate(
        np.zeros(1000, bool), bunches=1, level=0.9, weight=np.r_[np.ones(100), np.zeros(900)]
    )
    assert weighted.high == pytest.approx(11_245 * (1 - 0.05 ** (1 / 100))), "weights of 0 count for nothing"


def test_weights_undo_a_biased_sample() -> None:
    """A falling spectrum, sampled flat and weighted back: the rate is that of the spectrum, with the right error."""
    draw, rates = np.random.default_rng(1), []
    for _ in range(300):
        pt = draw.uniform(0, 10, 3000)
        rates.append(process_rate(pt > 3, cross_section=1e8, luminosity=2e34, weight=np.exp(-pt)))
    true = 1e8 * 1e-36 * 2e34 * (np.exp(-3) - np.exp(-10)) / (1 - np.exp(-10))
    values = np.array([rate.value for rate in rates])
    assert values.mean() == pytest.approx(true, rel=0.01)
    assert np.mean([rate.error for rate in rates]) == pytest.approx(values.std(), rel=0.12)
    covered = np.mean([rate.low <= true <= rate.high for rate in rates])
    assert 0.62 < covered < 0.78
    biased = process_rate(pt > 3, cross_section=1e8, luminosity=2e34)
    assert biased.value > 10 * true


def test_a_pure_rate_counts_what_no_other_trigger_has() -> None:
    draw = np.random.default_rng(2)
    mine, others = draw.random(5000) < 0.3, draw.random((5000, 2)) < 0.5
    found = pure_rate(mine, others, bunches=100)
    by_hand = sum(
        1 for m, o in zip(mine.tolist(), others.tolist(), strict=True) if m and not o[0] and not o[1]
    )
    assert found.passed == by_hand
    assert found.value == pytest.approx(by_hand / 5000 * 100 * 11_245)
    assert pure_rate(mine, np.zeros((5000, 0), bool), bunches=100) == trigger_rate(mine, bunches=100)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: trigger_rate(np.zeros(0, bool), bunches=1), "true or false"),
        (lambda: trigger_rate(np.zeros(5), bunches=1), "true or false"),
        (lambda: trigger_rate(np.zeros(5, bool), bunches=0), "bunches"),
        (lambda: trigger_rate(np.zeros(5, bool), bunches=1, weight=-np.ones(5)), "weight"),
        (lambda: trigger_rate(np.zeros(5, bool), bunches=1, weight=np.zeros(5)), "weight"),
        (lambda: trigger_rate(np.zeros(5, bool), bunches=1, weight=np.ones(4)), "weight"),
        (lambda: process_rate(np.zeros(5, bool), cross_section=0.0, luminosity=1e34), "cross section"),
        (lambda: pure_rate(np.zeros(5, bool), np.zeros((4, 1), bool), bunches=1), "each other trigger"),
    ],
)
def test_mistakes_are_told(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises((InputError, TypeError), match=f"{words}|annotation|Parameter"):
        call()
