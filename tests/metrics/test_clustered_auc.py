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
    score, signal, unit = _rows(60, 20, 2)
    area, error = clustered_auc(score, signal, unit)
    draw, found = np.random.default_rng(3), []
    rows = score.reshape(60, 20), signal.reshape(60, 20)
    for _ in range(300):
        pick = draw.integers(60, size=60)
        s, y = rows[0][pick].ravel(), rows[1][pick].ravel()
        found.append(auc(s[~y], s[y])[0])
    assert error == pytest.approx(np.std(found), rel=0.25)
    assert error > 1.5 * auc(score[~signal], score[signal])[1], "rows of a unit are no independent rows"
    assert np.mean(found) == pytest.approx(area, abs=3 * error / np.sqrt(300) + 0.01)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="two units"):
        clustered_auc(np.arange(4.0), np.array([True, False, True, False]), np.zeros(4, int))
    with pytest.raises(InputError, match="signal and background"):
        clustered_auc(np.arange(4.0), np.ones(4, bool), np.arange(4))
    with pytest.raises(InputError, match="each score"):
        clustered_auc(np.arange(4.0), np.ones(3, bool), np.arange(4))
