"""Boosts: what they keep, how they add up, and where they do nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.boosts import boost, boost_torch
from femtobarn.physics.vectors import cartesian, invariant_mass

SPEEDS = st.floats(0, 0.995)
SEEDS = st.integers(0, 1000)
METRIC = np.array([1.0, -1, -1, -1])


def particles(seed: int, n: int = 20) -> np.ndarray:
    """Momenta of heavy particles, so that the mass is not a small difference."""
    g = np.random.default_rng(seed)
    shape = g.uniform(1, 50, n), g.normal(0, 1, n), g.uniform(-3, 3, n), g.uniform(5, 100, n)
    return cartesian(np.stack(shape, axis=-1))


def direction(seed: int) -> np.ndarray:
    v = np.random.default_rng(seed + 7).normal(size=3)
    return v / np.linalg.norm(v)


@given(SEEDS, SPEEDS)
def test_products_of_any_two_are_kept(seed: int, speed: float) -> None:
    p = particles(seed)
    seen = boost(p, speed * direction(seed))
    products, scale = (p * METRIC) @ p.T, seen[:, :1] * seen[:, 0]
    assert np.abs(((seen * METRIC) @ seen.T - products) / scale).max() < 1e-12


def test_mass_is_kept_to_twelve_digits() -> None:
    p = particles(1)
    for axis in np.eye(3):
        for speed in (0.1, 0.5, 0.9):
            np.testing.assert_allclose(invariant_mass(boost(p, speed * axis)), invariant_mass(p), rtol=1e-12)


@given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
def test_rapidities_add_along_one_axis(seed: int, a: float, b: float) -> None:
    p, axis = particles(seed), direction(seed)
    twice = boost(boost(p, np.tanh(a) * axis), np.tanh(b) * axis)
    np.testing.assert_allclose(twice, boost(p, np.tanh(a + b) * axis), rtol=1e-9, atol=1e-9)


@given(SEEDS, SPEEDS)
def test_back_and_no_boost(seed: int, speed: float) -> None:
    p, v = particles(seed), speed * direction(seed)
    np.testing.assert_allclose(boost(boost(p, v), -v), p, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(boost(p, np.zeros(3)), p)


def test_an_observer_moving_with_the_particle_sees_it_at_rest() -> None:
    p = particles(3)
    mass = invariant_mass(p)
    rest = boost(p, p[:, 1:] / p[:, :1])
    np.testing.assert_allclose(rest, mass[:, None] * [1, 0, 0, 0], atol=1e-10)
    np.testing.assert_allclose(boost(np.array([[2.0, 0, 0, 0]]), np.array([0.6, 0, 0])), [[2.5, -1.5, 0, 0]])


def test_padding_stays_zero_and_velocities_broadcast() -> None:
    p = particles(4).reshape(5, 4, 4)
    p[:, 3] = 0
    v = np.stack([0.1 * i * direction(i) for i in range(5)])
    seen = boost(p, v[:, None])
    assert not seen[:, 3].any()
    for i in range(5):
        np.testing.assert_allclose(seen[i], boost(p[i], v[i]))


def test_torch_gives_the_same_with_gradients() -> None:
    p, v = particles(5), 0.7 * direction(5)
    tensor = torch.from_numpy(p).requires_grad_()
    seen = boost_torch(tensor, torch.from_numpy(v))
    np.testing.assert_allclose(seen.detach(), boost(p, v), rtol=1e-13, atol=1e-12)
    assert torch.autograd.gradcheck(boost_torch, (tensor[:3], torch.from_numpy(v).requires_grad_()))
    assert boost_torch(tensor.float(), torch.from_numpy(v).float()).dtype == torch.float32
    assert torch.equal(boost_torch(tensor, torch.zeros(3, dtype=torch.float64)), tensor)


@pytest.mark.parametrize("speed", [1.0, 1.5, np.nan])
def test_speeds_must_be_below_one(speed: float) -> None:
    v = np.array([[0.1, 0, 0], [speed, 0, 0]])
    with pytest.raises(InputError, match="below that of light"):
        boost(particles(0)[:2], v)
    with pytest.raises(InputError, match="below that of light"):
        boost_torch(torch.zeros(2, 4), torch.from_numpy(v).float())
