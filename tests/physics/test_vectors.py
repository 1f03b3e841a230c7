import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.physics.vectors import cartesian, cylindrical, delta_phi, invariant_mass

angle = st.floats(-20, 20)


@given(a=angle, b=angle, turns=st.integers(-3, 3))
def test_delta_phi_is_the_short_way_round(a: float, b: float, turns: int) -> None:
    x, y = np.array([a]), np.array([b])
    short = delta_phi(x, y)
    assert abs(short[0]) <= np.pi + 1e-12
    assert np.exp(1j * short) == pytest.approx(np.exp(1j * (x - y)), abs=1e-12)
    again = delta_phi(x + 2 * np.pi * turns, y)
    assert np.exp(1j * again) == pytest.approx(np.exp(1j * short), abs=1e-12)


def test_delta_phi_across_pi() -> None:
    assert delta_phi(np.array([3.1]), np.array([-3.1])) == pytest.approx(6.2 - 2 * np.pi)
    assert delta_phi(np.array([0.1]), 0.3) == pytest.approx(-0.2)


def test_delta_phi_keeps_the_last_digit_of_a_small_angle() -> None:
    assert delta_phi(np.array([1e-300]), np.array([0.0]))[0] == 1e-300


def test_delta_phi_has_the_gradient_of_a_difference() -> None:
    a = torch.tensor([3.1, 0.2], dtype=torch.float64, requires_grad=True)
    delta_phi(a, torch.tensor([-3.1, 0.1], dtype=torch.float64)).sum().backward()
    assert torch.equal(a.grad, torch.ones(2, dtype=torch.float64))


@given(seed=st.integers(0, 2**31))
def test_there_and_back(seed: int) -> None:
    g = np.random.default_rng(seed)
    pt, mass = 10 ** g.uniform(-1, 3, (2, 7))
    eta, phi = g.uniform(-4, 4, 7), g.uniform(-np.pi, np.pi, 7)
    momentum = np.stack((pt, eta, phi, mass), axis=-1)
    back = cylindrical(cartesian(momentum))
    np.testing.assert_allclose(back[..., :3], momentum[..., :3], rtol=1e-12, atol=1e-12)
    energy = pt * np.cosh(eta) + mass
    assert np.all(np.abs(back[..., 3] - mass) < 1e-7 * energy)


def test_two_massless_particles_have_the_mass_of_the_closed_form() -> None:
    pairs = np.array([[[30.0, 0.3, 3.0, 0.0], [50.0, -0.4, -3.0, 0.0]]])
    (pt1, eta1, phi1, _), (pt2, eta2, phi2, _) = pairs[0]
    expected = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    assert invariant_mass(cartesian(pairs).sum(axis=1)) == pytest.approx(expected, rel=1e-12)


def test_mass_does_not_change_under_a_boost_along_the_beam() -> None:
    particles = np.array([[30.0, 0.3, 3.0, 2.0], [50.0, -0.4, 1.0, 5.0]])
    boosted = cartesian(particles).sum(axis=0)
    rapidity = 1.3
    energy, pz = boosted[0], boosted[3]
    boosted[0] = energy * np.cosh(rapidity) + pz * np.sinh(rapidity)
    boosted[3] = pz * np.cosh(rapidity) + energy * np.sinh(rapidity)
    assert invariant_mass(boosted) == pytest.approx(invariant_mass(cartesian(particles).sum(axis=0)))


def test_along_the_beam_and_at_rest() -> None:
    edges = np.array(
        [[5.0, 0.0, 0.0, 3.0], [5.0, 0.0, 0.0, -3.0], [5.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    )
    np.testing.assert_array_equal(cylindrical(edges)[:, 1], [np.inf, -np.inf, 0, 0])
    np.testing.assert_allclose(cylindrical(edges)[:, 3], [4, 4, 5, 0])


def test_rounding_gives_no_mass_but_zero() -> None:
    assert invariant_mass(np.array([1.0, 1.0, 1e-9, 0.0])) == 0
