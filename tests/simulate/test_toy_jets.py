"""The cascade in the Lund plane: sums, symmetry, counts in closed form, and masses of what decays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.jets import relative_mass
from femtobarn.simulate import toy_jets as module
from femtobarn.simulate.toy_jets import CLASSES, toy_jets

ALL = 400  # more particles than any jet has


@given(seed=st.integers(0, 2**31), jet_class=st.sampled_from(CLASSES), particles=st.sampled_from([1, 5, ALL]))
def test_jets_are_sorted_padded_and_share_their_pt(seed: int, jet_class: str, particles: int) -> None:
    x, mask = toy_jets(jet_class, 40, generator=np.random.default_rng(seed), particles=particles)
    assert x.shape == (40, particles, 3)
    assert np.all(mask[:, 0])
    np.testing.assert_array_equal(np.sort(mask, axis=1)[:, ::-1], mask)
    np.testing.assert_array_equal(x[~mask], 0)
    assert np.all(x[mask][:, 2] > 0)
    assert np.all(np.diff(x[..., 2], axis=1) <= 0)
    share = x[..., 2].sum(axis=1, dtype=float)
    assert np.all(share < 1 + 1e-5)
    if particles == ALL:
        np.testing.assert_allclose(share, 1, atol=1e-5)
        np.testing.assert_allclose((x[..., :2] * x[..., 2:]).sum(axis=1), 0, atol=1e-5)


def test_fewer_particles_are_the_hardest_of_the_same_jets() -> None:
    many, few = (toy_jets("g", 50, generator=np.random.default_rng(1), particles=k)[0] for k in (60, 8))
    np.testing.assert_array_equal(few, many[:, :8])


def test_number_of_first_emissions_is_poisson_with_the_area_of_the_lund_triangle() -> None:
    n = 20_000
    one = module._hard_prongs("q", n, np.random.default_rng(2))
    _, gluons = module._radiate(one, 4 / 3, np.random.default_rng(3))
    number = np.bincount(gluons.jet, minlength=n)
    expected = 2 * 0.25 * (4 / 3) / np.pi * np.log(1000 * 0.8 / 0.2) ** 2 / 2
    assert number.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / n))
    assert number.var() == pytest.approx(expected, rel=0.05)
    angle = np.log(0.8 / gluons.opening)  # density of a triangle's coordinate falls linearly
    side = np.log(1000 * 0.8 / 0.2)
    assert angle.mean() == pytest.approx(side / 3, rel=0.01)
    assert angle.max() < side


@pytest.mark.parametrize(("jet_class", "mass"), [("w", 80.4), ("z", 91.2), ("t", 172.8)])
def test_decay_products_have_the_mass_of_the_parent(jet_class: str, mass: float) -> None:
    """Before they radiate, and as far as angles are small."""
    prongs = module._hard_prongs(jet_class, 4000, np.random.default_rng(4))
    x, mask = module._padded(prongs, 4000, 3)
    found = 1000 * relative_mass(x, mask)
    assert np.median(found) == pytest.approx(mass, rel=0.02)
    assert np.quantile(np.abs(found / mass - 1), 0.8) < 0.08


def test_classes_are_told_apart_as_real_ones_are() -> None:
    mass, number = {}, {}
    for jet_class in CLASSES:
        x, mask = toy_jets(jet_class, 3000, generator=np.random.default_rng(5), particles=ALL)
        mass[jet_class], number[jet_class] = np.median(relative_mass(x, mask)), mask.sum(axis=1).mean()
    assert number["g"] > 1.5 * number["q"]
    assert mass["w"] < mass["z"] < mass["t"]
    assert mass["q"] < mass["g"]


def test_no_direction_is_preferred() -> None:
    x, _ = toy_jets("t", 20_000, generator=np.random.default_rng(6), particles=5)
    eta, phi = x[:, 2, 0], x[:, 2, 1]
    assert abs(eta.mean()) < 5 * eta.std() / np.sqrt(len(eta))
    assert eta.std() == pytest.approx(phi.std(), rel=0.03)


def test_same_seed_same_jets_and_none_if_none_are_asked_for() -> None:
    one, two = (toy_jets("t", 9, generator=np.random.default_rng(7))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert toy_jets("w", 0, generator=np.random.default_rng(7))[1].shape == (0, 30)


def test_mistakes_are_told() -> None:
    g = np.random.default_rng(0)
    with pytest.raises(InputError, match="no class of jets 'top'"):
        toy_jets("top", 3, generator=g)
    with pytest.raises(InputError, match="count >= 0 and particles >= 1"):
        toy_jets("t", -1, generator=g)
