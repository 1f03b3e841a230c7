"""Parametrised showers of pions: their parts, their response, and how they differ from those of electrons."""

import numpy as np
import pytest
from scipy import stats

from femtobarn.simulate.detector.tracking import PION_MASS
from femtobarn.simulate.showers import (
    IRON,
    POLYSTYRENE,
    Calorimeter,
    Section,
    block,
    gflash,
    homogeneous,
    sampling,
)
from femtobarn.simulate.showers.hadronic import em_fraction

STEEL = sampling((IRON, 19.0), (POLYSTYRENE, 3.0))
DEEP = block(STEEL, depth=220 * 22.0, layers=220, stochastic=0.25)


def layers(energy: float, n: int, calorimeter: Calorimeter, pdg: int = 211, seed: int = 1) -> np.ndarray:
    spots = gflash(np.full(n, energy), calorimeter, generator=np.random.default_rng(seed), pdg=pdg)
    return spots.layers(n, calorimeter.layers)


def test_em_fraction_is_that_of_the_power_law() -> None:
    assert em_fraction(np.array([10.0]))[0] == pytest.approx(1 - 10**-0.18)
    assert em_fraction(np.array([0.3]))[0] == 0
    fractions = em_fraction(np.geomspace(1, 1e4, 50))
    assert np.all(np.diff(fractions) > 0)
    assert fractions[-1] < 1


def test_pions_are_seen_less_than_electrons_and_more_so_at_low_energy() -> None:
    response = [layers(energy, 1000, DEEP).sum(axis=1).mean() / energy for energy in (3.0, 10.0, 50.0, 200.0)]
    assert np.all(np.diff(response) > 0)
    assert 0.6 < response[0] < response[-1] < 1.0


def test_mean_response_is_that_of_the_two_components() -> None:
    """Where the track is short: pi / e = f + (1 - f) h / e, with h / e = 0.7."""
    energy, n = 100.0, 2000
    seen = layers(energy, n, DEEP).sum(axis=1) / energy
    fraction = em_fraction(np.array([energy]))[0]
    expected = fraction + (1 - fraction) * 0.7
    assert seen.mean() == pytest.approx(expected, abs=0.02)


def test_a_calorimeter_with_equal_response_to_both_components_is_linear_and_sees_all() -> None:
    section = Section(STEEL, 22.0, hadronic=1.0, stochastic=0.25)
    equal = Calorimeter((section,) * 300, STEEL, 0.25)
    for energy in (10.0, 100.0):
        seen = layers(energy, 2000, equal).sum(axis=1) / energy
        assert seen.mean() == pytest.approx(1.0, abs=0.02)


def test_resolution_of_steel_and_scintillator_is_that_of_hadrons() -> None:
    """Acceptance: sigma / E times sqrt(E) between 0.4 and 0.6 at 20 GeV; response at 50 over that at 5 GeV."""
    at = {energy: layers(energy, 2000, DEEP).sum(axis=1) / energy for energy in (5.0, 20.0, 50.0)}
    assert 0.4 < at[20.0].std() / at[20.0].mean() * 20**0.5 < 0.6
    assert 0.85 < at[50.0].mean() / at[5.0].mean() < 1.2


def test_first_ten_layers_tell_electrons_from_pions() -> None:
    share = {}
    for pdg in (11, 211):
        seen = layers(20.0, 1000, DEEP, pdg)
        share[pdg] = seen[:, :10].sum(axis=1) / seen.sum(axis=1)
    assert (share[11][:, None] > share[211][None, :]).mean() > 0.99


def test_before_the_first_interaction_there_is_a_minimum_ionising_track() -> None:
    """In a thin slab most pions do not interact: they leave dE/dx times its thickness."""
    thin = Calorimeter((Section(homogeneous(IRON), 20.0),), homogeneous(IRON))
    seen = layers(20.0, 4000, thin)[:, 0]
    loss = 20.0 * 0.7874 * 1.451 / 1e3
    through = np.abs(seen / loss - 1) < 1e-3
    assert through.mean() == pytest.approx(np.exp(-20.0 / 167.7), abs=0.02)


def test_first_interactions_are_exponential_in_depth() -> None:
    """Where the energy of a layer first exceeds that of three tracks, in layers of a quarter interaction length."""
    medium = homogeneous(IRON)
    calorimeter = block(medium, depth=40 * medium.interaction_length / 4, layers=40)
    seen = layers(100.0, 2500, calorimeter)
    loss = medium.mip * medium.interaction_length / 4 / 1e3
    first = (seen > 3 * loss).argmax(axis=1)
    counts = np.bincount(first, minlength=40)[1:12]  # in the first layer a shower has no room to grow
    assert stats.linregress(np.arange(11) / 4, np.log(counts)).slope == pytest.approx(-1, abs=0.12)


def test_a_slow_pion_leaves_about_its_energy() -> None:
    seen = layers(0.25, 500, DEEP).sum(axis=1)
    assert np.all(np.isfinite(seen))
    assert 0.5 < seen.mean() / 0.25 < 1.3


@pytest.mark.parametrize("energy", [0.1, 0.25, 1.0, 5.0, 50.0])
def test_no_pion_leaves_more_than_its_kinetic_energy_and_rest_mass(energy: float) -> None:
    """In a block without fluctuations of sampling, which may add to it."""
    iron = block(homogeneous(IRON), depth=4000.0, layers=40)
    seen = layers(energy, 2000, iron).sum(axis=1)
    assert seen.max() <= (energy + PION_MASS) * (1 + 1e-5)
    if energy < 0.5:
        assert np.quantile(seen, 0.99) > 1.2 * energy, "the mass of a stopped pion counts"


def test_hadron_showers_are_wider_than_those_of_electrons() -> None:
    wide = {}
    for pdg in (11, 211):
        spots = gflash(np.full(300, 30.0), DEEP, generator=np.random.default_rng(2), pdg=pdg)
        wide[pdg] = np.average(spots.radius < 50.0, weights=spots.energy)
    assert wide[211] < wide[11]
