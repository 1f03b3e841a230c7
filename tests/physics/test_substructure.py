import numpy as np
import pytest

from femtobarn.physics._fastjet import reclustered
from femtobarn.physics.jets import massless
from femtobarn.physics.soft_drop import soft_drop
from femtobarn.physics.substructure import OBSERVABLES, observables, zlogz
from femtobarn.physics.vectors import cartesian, invariant_mass


def _jets(
    seed: int, jets: int = 12, particles: int = 25, mass: float = 0.14
) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    columns = (
        g.exponential(10, (jets, particles)) + 0.5,
        g.normal(0.4, 0.2, (jets, particles)),
        g.normal(3.1, 0.2, (jets, particles)),
        np.full((jets, particles), mass),
    )
    mask = np.arange(particles) < g.integers(6, particles + 1, jets)[:, None]
    return np.where(mask[..., None], cartesian(np.stack(columns, axis=-1)), 0), mask


@pytest.mark.parametrize("name", [name for name in OBSERVABLES if name[0] in "cdmn" and name[2] == "_"])
def test_correlators_are_those_of_fastjet_on_the_groomed_jet(name: str) -> None:
    momentum, mask = _jets(1)
    found = observables(momentum, mask)[:, OBSERVABLES.index(name)]
    groomed = soft_drop(momentum, mask)
    ((_, sequence),) = reclustered(groomed.momentum, groomed.mask)

    def fastjet(func: str, beta: float, **more: float) -> np.ndarray:
        return np.asarray(sequence.exclusive_jets_energy_correlator(njets=1, beta=beta, func=func, **more))

    if "_a1_" in name:
        beta = float(name[7])
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = fastjet("C2", 1.0) * fastjet("C1", 1.0) ** 2 / fastjet("C1", beta) ** (3 / beta)
    else:
        expected = fastjet(name[:2].upper(), float(name[4]))
    several = groomed.mask.sum(axis=1) > 1  # FastJet divides 0 by 0 for one
    assert several.sum() > 8
    np.testing.assert_allclose(found[several], expected[several], rtol=1e-8)
    if not name.startswith("c1_b0"):
        assert not found[~several].any()


def test_mass_multiplicity_and_zlogz() -> None:
    momentum, mask = _jets(2)
    found = dict(zip(OBSERVABLES, observables(momentum, mask).T, strict=True))
    np.testing.assert_array_equal(found["multiplicity"], mask.sum(axis=1))
    np.testing.assert_array_equal(found["mass_mmdt"], soft_drop(momentum, mask, cut=0.1).mass)
    assert (found["mass_mmdt"] <= invariant_mass(momentum.sum(axis=1)) + 1e-9).all()
    for jet, real, value in zip(momentum, mask, found["zlogz"], strict=True):
        x = jet[real, 0] / jet[real, 0].sum()
        assert value == pytest.approx(np.sum(x * np.log(x)))
    np.testing.assert_allclose(found["d2_a1_b1_mmdt"], found["d2_b1_mmdt"], rtol=1e-14)


def test_zlogz_of_equal_particles_is_the_logarithm_of_their_number() -> None:
    mask = np.arange(5) < np.array([0, 1, 2, 5])[:, None]
    np.testing.assert_allclose(zlogz(np.full((4, 5), 3.0), mask), [0, 0, -np.log(2), -np.log(5)], atol=1e-15)


def test_two_prongs_in_closed_form() -> None:
    particles = np.array([[[0.2, 0.0, 60.0], [-0.2, 0.0, 40.0]]])
    mask = np.ones((1, 2), bool)
    found = dict(zip(OBSERVABLES, observables(massless(particles, mask), mask)[0], strict=True))
    assert found["c1_b0_mmdt"] == pytest.approx(0.24)
    assert found["c1_b1_mmdt"] == pytest.approx(0.24 * 0.4)
    assert found["c1_b2_mmdt"] == pytest.approx(0.24 * 0.16)
    assert found["mass_mmdt"] == pytest.approx(np.sqrt(2 * 60 * 40 * (np.cosh(0.4) - 1)))
    assert found["c2_b1_mmdt"] == found["n2_b1_mmdt"] == found["m2_b1_mmdt"] == 0


def test_observables_do_not_depend_on_where_the_jet_is_or_on_order_and_padding() -> None:
    momentum, mask = _jets(3)
    expected = observables(momentum, mask)
    order = np.random.default_rng(0).permutation(mask.shape[1])
    dirty = np.where(mask[..., None], momentum, np.nan)
    np.testing.assert_allclose(observables(dirty[:, order], mask[:, order]), expected, rtol=1e-9, atol=1e-12)
    angle, (energy, px, py, pz) = 2.0, np.moveaxis(momentum, -1, 0)
    turned = np.stack(
        (energy, px * np.cos(angle) - py * np.sin(angle), px * np.sin(angle) + py * np.cos(angle), pz),
        axis=-1,
    )
    np.testing.assert_allclose(observables(turned, mask), expected, rtol=1e-7, atol=1e-9)


def test_a_jet_without_particles_has_zeros() -> None:
    assert not observables(np.zeros((2, 3, 4)), np.zeros((2, 3), bool)).any()
