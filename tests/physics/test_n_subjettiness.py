import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.jets import massless
from femtobarn.physics.n_subjettiness import n_subjettiness

AXES = ("one-pass kt", "kt", "one-pass wta kt", "wta kt")


def _jets(seed: int, jets: int = 4, particles: int = 12) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x = g.normal(0, 0.3, (jets, particles, 3))
    x[..., 2] = g.exponential(1, (jets, particles))
    return x, np.ones((jets, particles), bool)


def _tau(jet: np.ndarray, axes: np.ndarray, beta: float, radius: float) -> float:
    dphi = np.angle(np.exp(1j * (jet[:, None, 1] - axes[None, :, 1])))
    near = np.hypot(jet[:, None, 0] - axes[None, :, 0], dphi).min(axis=1)
    return float((jet[:, 2] * near**beta).sum() / (jet[:, 2].sum() * radius**beta))


@pytest.mark.parametrize("axes", AXES)
def test_as_many_axes_as_particles_leave_nothing(axes: str) -> None:
    x, mask = _jets(0, particles=6)
    mask = np.arange(6) < np.array([1, 2, 3, 0])[:, None]
    tau = n_subjettiness(massless(x, mask), mask, axes=axes)
    assert tau.shape == (4, 4)
    for row, n in zip(tau, (1, 2, 3, 0), strict=True):
        assert (row[: max(n - 1, 0)] > 0).all()
        np.testing.assert_allclose(row[max(n - 1, 0) :], 0, atol=1e-7)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20)
def test_more_axes_are_never_worse(seed: int) -> None:
    x, mask = _jets(seed)
    tau = n_subjettiness(massless(x, mask), mask, axes="wta kt")
    assert (np.diff(tau, axis=1) <= 1e-12).all()


@pytest.mark.parametrize("kind", ["kt", "wta kt"])
def test_one_pass_lowers_tau(kind: str) -> None:
    x, mask = _jets(7, jets=30)
    before, after = (
        n_subjettiness(massless(x, mask), mask, axes=axes) for axes in (kind, f"one-pass {kind}")
    )
    assert (after <= before + 1e-4).all()  # FastJet stops when the axes move by less
    assert after.sum() < 0.99 * before.sum()


def test_winner_takes_all_axes_are_particles_and_cannot_beat_the_best_choice() -> None:
    x, mask = _jets(2, jets=6, particles=8)
    tau = n_subjettiness(massless(x, mask), mask, prongs=(1, 2), axes="wta kt")
    for jet, found in zip(x, tau, strict=True):
        for n, value in zip((1, 2), found, strict=True):
            choices = [
                _tau(jet, jet[list(chosen)], 1.0, 0.8)
                for chosen in itertools.combinations(range(len(jet)), n)
            ]
            assert value >= min(choices) - 1e-12
            assert np.isclose(choices, value, rtol=1e-9).any()


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_two_prongs_of_two_particles(beta: float) -> None:
    d, apart = 0.05, 0.6
    x = np.array([[[-d, 3.1, 10.0], [d, 3.1, 10.0], [-d, 3.1 + apart, 10.0], [d, 3.1 + apart, 10.0]]])
    mask = np.ones((1, 4), bool)
    tau = n_subjettiness(massless(x, mask), mask, prongs=(2,), beta=beta, axes="kt")
    assert tau[0, 0] == pytest.approx((d / 0.8) ** beta, rel=1e-6)


def test_radius_only_normalises() -> None:
    x, mask = _jets(3)
    wide, narrow = (n_subjettiness(massless(x, mask), mask, beta=2.0, radius=radius) for radius in (0.8, 0.4))
    np.testing.assert_allclose(narrow, wide * 4, rtol=1e-9)


def test_order_and_padding_do_not_matter() -> None:
    x, mask = _jets(4)
    expected = n_subjettiness(massless(x, mask), mask, axes="wta kt")
    more, more_mask = np.pad(x, ((0, 0), (2, 1), (0, 0))), np.pad(mask, ((0, 0), (2, 1)))
    order = np.random.default_rng(0).permutation(x.shape[1])
    for y, real in ((more, more_mask), (x[:, order], mask)):
        np.testing.assert_allclose(
            n_subjettiness(massless(y, real), real, axes="wta kt"), expected, rtol=1e-9
        )


def test_wrong_input() -> None:
    momentum, mask = np.ones((1, 2, 4)), np.ones((1, 2), bool)
    with pytest.raises(InputError, match="1 or more"):
        n_subjettiness(momentum, mask, prongs=(0, 1))
    with pytest.raises((InputError, TypeError), match=r"axes|literal|Literal|check"):
        n_subjettiness(momentum, mask, axes="best")  # type: ignore[arg-type]
