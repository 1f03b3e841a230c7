"""The calibration error of right and wrong probabilities, and what a slope and an offset can mend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from femtobarn.errors import InputError
from femtobarn.metrics import calibration_error, fit_scaling, reliability


def events(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels that have just these odds."""
    draw = np.random.default_rng(seed)
    logit = draw.normal(-0.5, 2, n)
    return logit, draw.random(n) < 1 / (1 + np.exp(-logit))


def test_right_probabilities_are_at_the_null_and_wrong_ones_are_not() -> None:
    logit, signal = events(2000)
    right = calibration_error(1 / (1 + np.exp(-logit)), signal)
    assert abs(right.value - right.null) < 4 * right.error
    wrong = calibration_error(1 / (1 + np.exp(-(logit + 2))), signal)
    assert wrong.value > right.value + 5 * wrong.error
    assert wrong.n == 2000


def test_constant_probabilities_are_wrong_by_what_they_are_off() -> None:
    signal = np.tile([True, False, False, False], 250)
    said = np.full(1000, 0.75)
    assert calibration_error(said, signal, bins=1).value == pytest.approx(0.5)
    table = reliability(said, signal, bins=1)
    np.testing.assert_allclose(table, [[0.75, 0.25, 1000]])


def test_scaling_finds_what_was_done_to_the_logits() -> None:
    logit, signal = events(40_000)
    found = fit_scaling((logit - 1) / 3, signal)
    assert found.slope == pytest.approx(3, rel=0.05)
    assert found.offset == pytest.approx(1, abs=0.05)
    peer = LogisticRegression(C=1e9).fit(logit[:, None], signal)
    own = fit_scaling(logit, signal)
    np.testing.assert_allclose(own, (peer.coef_[0, 0], peer.intercept_[0]), atol=2e-3)


@given(seed=st.integers(0, 2**31), scale=st.floats(0.2, 8), offset=st.booleans())
def test_scaling_keeps_the_order_and_does_not_raise_the_loss(seed: int, scale: float, offset: bool) -> None:
    logit, signal = events(300, seed)
    found = fit_scaling(logit * scale, signal, offset=offset)
    np.testing.assert_array_equal(np.argsort(found(logit)), np.argsort(logit))

    def loss(p: np.ndarray) -> float:
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return -float(np.mean(np.where(signal, np.log(p), np.log1p(-p))))

    assert loss(found(logit * scale)) <= loss(1 / (1 + np.exp(-logit * scale))) + 1e-6


def test_a_scale_lowers_the_error_of_logits_that_are_too_large() -> None:
    """On events that it was not fitted to."""
    logit, signal = events(4000)
    found = fit_scaling(4 * logit[:2000], signal[:2000], offset=False)
    before = calibration_error(1 / (1 + np.exp(-4 * logit[2000:])), signal[2000:])
    after = calibration_error(found(4 * logit[2000:]), signal[2000:])
    assert after.value + 2 * after.error < before.value


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(InputError, match="both classes"):
        fit_scaling(np.ones(3), np.ones(3, bool))
    with pytest.raises(InputError, match="at least 10"):
        calibration_error(np.ones(3), np.ones(3, bool))
    with pytest.raises(InputError, match="probabilities from 0 to 1"):
        calibration_error(np.linspace(0, 2, 20), np.ones(20, bool))
