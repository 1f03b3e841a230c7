import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.jets import jet_momentum, massless, relative_mass
from femtobarn.physics.vectors import cylindrical


def _jets(seed: int, jets: int = 4, particles: int = 7) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x = g.normal(0, 0.3, (jets, particles, 3))
    x[..., 2] = g.exponential(1 / particles, (jets, particles))
    return x, g.random((jets, particles)) < 0.7


def test_two_particles_have_the_mass_of_the_closed_form() -> None:
    x = np.array([[[0.1, 3.1, 0.6], [-0.2, -3.1, 0.3], [9.0, 9.0, 9.0]]])
    mask = np.array([[True, True, False]])
    expected = np.sqrt(2 * 0.6 * 0.3 * (np.cosh(0.3) - np.cos(6.2)))
    assert relative_mass(x, mask) == pytest.approx(expected, rel=1e-12)


def test_a_narrow_pair_has_the_mass_of_the_small_angle_form() -> None:
    x = np.array([[[0.0, 0.0, 0.5], [0.0, 1e-3, 0.5]]])
    assert relative_mass(x, np.ones((1, 2), bool)) == pytest.approx(0.5e-3, rel=1e-6)


def test_no_particle_and_one_particle_have_no_mass() -> None:
    x = np.full((2, 3, 3), 0.4)
    mask = np.array([[False, False, False], [True, False, False]])
    np.testing.assert_allclose(relative_mass(x, mask), 0, atol=1e-8)
    assert not jet_momentum(x, mask)[0].any()


@given(seed=st.integers(0, 2**31))
def test_order_padding_and_rotation_in_phi_do_not_matter(seed: int) -> None:
    x, mask = _jets(seed)
    mass = relative_mass(x, mask)
    order = np.random.default_rng(seed).permutation(x.shape[1])
    np.testing.assert_allclose(relative_mass(x[:, order], mask[:, order]) ** 2, mass**2, atol=1e-13)
    np.testing.assert_array_equal(relative_mass(np.where(mask[..., None], x, np.nan), mask), mass)
    # Rounding of the momenta is that of the square: a mass near 0 is known to 1e-8 only.
    np.testing.assert_allclose(relative_mass(x + np.array([0, 2.5, 0]), mask) ** 2, mass**2, atol=1e-13)


@given(seed=st.integers(0, 2**31))
def test_mass_is_the_sum_over_pairs(seed: int) -> None:
    x, mask = _jets(seed)
    eta, phi, pt = np.moveaxis(np.where(mask[..., None], x, 0), -1, 0)
    deta, dphi = eta[:, :, None] - eta[:, None], phi[:, :, None] - phi[:, None]
    pairs = pt[:, :, None] * pt[:, None] * (np.cosh(deta) - np.cos(dphi))
    np.testing.assert_allclose(relative_mass(x, mask) ** 2, pairs.sum(axis=(1, 2)), atol=1e-13)


def test_float32_is_computed_in_float64() -> None:
    x, mask = _jets(3)
    narrow = x.astype(np.float32)
    assert relative_mass(narrow, mask).dtype == np.float64
    np.testing.assert_array_equal(relative_mass(narrow, mask), relative_mass(narrow.astype(np.float64), mask))


def test_massless_particles_are_what_they_were() -> None:
    x, mask = _jets(5)
    back = cylindrical(massless(x, mask))
    np.testing.assert_allclose(back[mask][:, [1, 2, 0]], x[mask], atol=1e-12)
    assert not massless(x, mask)[~mask].any()


def test_a_particle_that_is_not_finite_is_named() -> None:
    x, mask = _jets(1)
    mask[2, 4] = True
    x[2, 4, 2] = np.nan
    with pytest.raises(InputError, match="jet 2, particle 4: pt is nan"):
        relative_mass(x, mask)


def test_jets_in_pieces_are_jets() -> None:
    """More jets than are computed at a time, and the sum of the particles' own momenta."""
    x, mask = _jets(1)
    many, masks = np.tile(x, (1500, 1, 1)), np.tile(mask, (1500, 1))
    np.testing.assert_allclose(
        jet_momentum(many, masks), massless(many, masks).sum(axis=1), rtol=1e-13, atol=1e-13
    )
    assert jet_momentum(x[:0], mask[:0]).shape == (0, 4)
