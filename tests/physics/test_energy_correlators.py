import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.energy_correlators import energy_correlators, generalised_d2
from femtobarn.physics.jets import massless

RATIOS = ("c1", "c2", "d2", "m2", "n2")


def _jets(seed: int, jets: int = 5, particles: int = 7) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x = g.normal(0, 0.3, (jets, particles, 3))
    x[..., 2] = g.exponential(1, (jets, particles))
    return x, np.ones((jets, particles), bool)


def _brute_force(jet: np.ndarray, beta: float) -> list[float]:
    z = jet[:, 2] / jet[:, 2].sum()
    dphi = np.angle(np.exp(1j * (jet[:, None, 1] - jet[None, :, 1])))
    theta = np.hypot(jet[:, None, 0] - jet[None, :, 0], dphi) ** beta
    sums = [sum(z[i] * z[j] * theta[i, j] for i, j in itertools.combinations(range(len(z)), 2)), 0, 0, 0]
    for i, j, k in itertools.combinations(range(len(z)), 3):
        angles = sorted((theta[i, j], theta[i, k], theta[j, k]))
        for v in (1, 2, 3):
            sums[(0, 2, 3, 1)[v]] += z[i] * z[j] * z[k] * np.prod(angles[:v])
    return sums


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
def test_correlators_are_their_sums(beta: float) -> None:
    x, mask = _jets(1)
    found = energy_correlators(x, mask, beta=beta)
    np.testing.assert_allclose(
        np.stack(found[1:], axis=1), [_brute_force(jet, beta) for jet in x], rtol=1e-12
    )


@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("name", RATIOS)
def test_ratios_are_those_of_fastjet(name: str, beta: float) -> None:
    from femtobarn.physics._fastjet import reclustered

    x, mask = _jets(3, jets=8, particles=15)
    ((_, sequence),) = reclustered(massless(x, mask), mask)
    expected = sequence.exclusive_jets_energy_correlator(njets=1, beta=beta, func=name.upper())
    found = getattr(energy_correlators(x, mask, beta=beta), name)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-9)


def test_two_equal_prongs() -> None:
    x = np.array([[[0.0, 3.1, 5.0], [0.0, -3.1, 5.0]]])
    found = energy_correlators(x, np.ones((1, 2), bool))
    assert found.c1 == pytest.approx((2 * np.pi - 6.2) / 4)
    for name in RATIOS[1:]:
        assert getattr(found, name) == 0


def test_two_prongs_have_a_smaller_d2_and_n2_than_one() -> None:
    g = np.random.default_rng(0)
    x = np.zeros((2, 40, 3))
    x[..., :2] = g.normal(0, 0.02, (2, 40, 2))
    x[1, :20, 0] += 0.4
    x[..., 2] = g.exponential(1, (2, 40))
    found = energy_correlators(x, np.ones((2, 40), bool))
    assert found.d2[1] < 0.5 * found.d2[0]
    assert found.n2[1] < 0.5 * found.n2[0]


@given(seed=st.integers(0, 2**31))
def test_order_padding_turning_and_the_scale_of_pt_do_not_matter(seed: int) -> None:
    x, mask = _jets(seed)
    mask = np.random.default_rng(seed).random(mask.shape) < 0.7
    expected = energy_correlators(x, mask)
    order = np.random.default_rng(seed).permutation(x.shape[1])
    turned = x[..., [1, 0, 2]] * [1, -1, 7.0]
    dirty = np.where(mask[..., None], x, np.nan)
    for other in (energy_correlators(x[:, order], mask[:, order]), energy_correlators(dirty, mask)):
        np.testing.assert_allclose(other[1:], expected[1:], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(energy_correlators(turned, mask)[1:], expected[1:], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_scaling_with_the_angle(beta: float) -> None:
    x, mask = _jets(2)
    x *= 0.3
    wide, narrow = (energy_correlators(x * [s, s, 1], mask, beta=beta) for s in (2, 1))
    for one, other, power in zip(wide[1:], narrow[1:], (1, 3, 1, 2), strict=True):
        np.testing.assert_allclose(one, other * 2 ** (power * beta), rtol=1e-12)


def test_too_few_particles_give_zero_not_nan() -> None:
    x = np.full((3, 3, 3), 0.5)
    mask = np.array([[False] * 3, [True, False, False], [True] * 3])
    found = energy_correlators(x, mask)
    for name in RATIOS:
        assert not getattr(found, name).any()
    assert not generalised_d2(found, found).any()


def test_generalised_d2() -> None:
    x, mask = _jets(4)
    linear, square = (energy_correlators(x, mask, beta=beta) for beta in (1.0, 2.0))
    np.testing.assert_allclose(generalised_d2(linear, linear), linear.d2, rtol=1e-14)
    np.testing.assert_allclose(generalised_d2(linear, square), linear.e3 / square.e2**1.5, rtol=1e-14)
    with pytest.raises(InputError, match="power other than 0"):
        generalised_d2(linear, energy_correlators(x, mask, beta=0.0))
