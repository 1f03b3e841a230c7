"""The rising curve of frequencies against probabilities: scikit-learn, order, ties."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from femtobarn.errors import InputError
from femtobarn.metrics import isotonic_curve

DRAW = np.random.default_rng(1)


def test_it_agrees_with_scikit_learn_ties_included() -> None:
    p = np.round(DRAW.random(500), 2)
    y = (DRAW.random(500) < p**2).astype(float)
    expected = IsotonicRegression().fit(p, y).predict(p)
    np.testing.assert_allclose(np.interp(p, *isotonic_curve(p, y)), expected, atol=1e-12)


def test_it_mends_what_a_curve_can_mend() -> None:
    p = DRAW.random(40_000)
    y = (DRAW.random(40_000) < p**3).astype(float)
    x, curve = isotonic_curve(p[:20_000], y[:20_000])
    assert (np.diff(x) > 0).all()
    assert (np.diff(curve) >= 0).all()
    mended = np.interp(p[20_000:], x, curve)
    before, after = (np.abs(each - p[20_000:] ** 3).mean() for each in (p[20_000:], mended))
    assert after < 0.1 * before


def test_a_target_for_each_prediction() -> None:
    with pytest.raises(InputError, match="got 3 for 4"):
        isotonic_curve(np.zeros(4), np.zeros(3))
    with pytest.raises(InputError, match="got 0"):
        isotonic_curve(np.zeros(0), np.zeros(0))
