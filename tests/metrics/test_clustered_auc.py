"""Area under the curve of rows that belong together."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics import auc, clustered_auc


def _rows(units: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), each)
    signal = draw.random(units * each) < 0.3
    score = draw.normal(size=units * each) + signal + draw.normal(size=units)[unit]
    return score, signal, unit


def test_rows_of_their_own_units_give_delong() -> None:
    score, signal, _ = _rows(300, 1, 1)
    area, error = clustered_auc(score, signal, np.arange(300))
    expected, delong = auc(score[~signal], score[signal])
    assert area == pytest.approx(expected)
    assert error == pytest.approx(delong, rel=0.02)  # they differ by n / (n - 1)


def test_the_error_is_that_of_a_bootstrap_of_units() -> None:
    """Units of one class each, with what they have in common: rows by themselves would promise far too much."""
    draw = np.random.default_rng(2)
    unit = np.repeat(np.arange(60), 20)
    signal = unit % 3 == 0
    score = 0.5 * signal + draw.normal(size=60)[unit] + draw.normal(size=1200)
    area, error = clustered_auc(score, signal, unit)
    found = []
    for _ in range(300):
        pick = draw.integers(60, size=60)
        s, y = score.reshape(60, 20)[pick].ravel(), signal.reshape(60, 20)[pick].ravel()
        found.append(auc(s[~y], s[y])[0])
    assert error == pytest.approx(np.std(found), rel=0.2)
    assert error > 2 * auc(score[~signal], score[signal])[1]
    assert np.mean(found) == pytest.approx(area, abs=0.02)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="two units"):
        clustered_auc(np.arange(4.0), np.array([True, False, True, False]), np.zeros(4, int))
    with pytest.raises(InputError, match="signal and background"):
        clustered_auc(np.arange(4.0), np.ones(4, bool), np.arange(4))
    with pytest.raises(InputError, match="each score"):
        clustered_auc(np.arange(4.0), np.ones(3, bool), np.arange(4))
