"""Cells, deposits, thresholds and resolution of the calorimeters."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest
from _particle_gun import mixture, particles
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.simulate.detector import CMS, CMS_PHASE2, Calorimeter, Detected, detect
from femtobarn.simulate.detector.calorimeter import cell_under, cells, fractions
from femtobarn.simulate.detector.propagation import propagate
from femtobarn.simulate.particles import Particles

BOTH = pytest.mark.parametrize("calorimeter", [CMS.ecal, CMS.hcal], ids=["ecal", "hcal"])


def see(p: Particles, seed: int = 1) -> Detected:
    return detect(p, generator=np.random.default_rng(seed))


@BOTH
def test_every_cell_holds_its_middle_and_its_lower_corner(calorimeter: Calorimeter) -> None:
    grid = cells(calorimeter)
    every = np.arange(grid.first[-1])
    low, high, left, right = grid.box(every)
    np.testing.assert_array_equal(cell_under(grid, (low + high) / 2, (left + right) / 2), every)
    np.testing.assert_array_equal(cell_under(grid, low, left + 1e-9), every)
    np.testing.assert_allclose((right - left) * grid.phi[grid.ring], 2 * pi)
    assert (low[0], high[-1]) == (-5, 5)
    np.testing.assert_allclose(np.bincount(grid.ring, (high - low) * (right - left)).sum(), 10 * 2 * pi)


def test_the_cells_are_those_of_the_card() -> None:
    """Rings and widths as the Delphes card lists them."""
    ecal, hcal = cells(CMS.ecal), cells(CMS.hcal)
    assert ecal.first[-1] == 2 * 170 * 360 + 2 * 11 * 36
    assert hcal.first[-1] == 2 * 19 * 72 + 2 * (10 + 9) * 36 + 2 * 2 * 18
    for grid, eta, d_eta, d_phi in (
        (ecal, 0.5, 0.0174, pi / 180),
        (ecal, 2.95, 0.0174, pi / 180),
        (ecal, -3.0, 0.167, pi / 18),
        (hcal, 1.6, 0.087, pi / 36),
        (hcal, -1.7, 0.087, pi / 18),
        (hcal, 2.9, 0.082, pi / 18),
        (hcal, 4.4, 0.175, pi / 18),
        (hcal, -4.6, 0.175, pi / 9),
        (hcal, 4.9, 0.3, pi / 9),
    ):
        low, high, left, right = grid.box(cell_under(grid, np.array([eta]), np.array([0.1])))
        assert (high - low)[0] == pytest.approx(d_eta, abs=1e-9)
        assert (right - left)[0] == pytest.approx(d_phi)


@BOTH
def test_at_the_edges(calorimeter: Calorimeter) -> None:
    grid = cells(calorimeter)
    eta = np.array([-5.0, 5.0, -5.0001, 5.0001, np.nan, np.inf, -np.inf, 0.0])
    found = cell_under(grid, eta, np.zeros(8))
    assert (found[2:7] == -1).all()
    assert grid.ring[found[[0, 1]]].tolist() == [0, len(grid.phi) - 1]
    assert grid.eta[grid.ring[found[7]]] == 0
    around = cell_under(grid, np.zeros(4), np.array([-pi, pi, -pi + 1e-9, pi - 1e-9]))
    first = grid.first[grid.ring[found[7]]]
    last = first + grid.phi[grid.ring[found[7]]] - 1
    assert around.tolist() == [first, last, first, last]


@given(seed=st.integers(0, 1000), events=st.integers(1, 4))
def test_no_energy_is_lost_before_smearing(seed: int, events: int) -> None:
    p = mixture(300, events=events, seed=seed)
    arrival = propagate(p, radius=CMS.radius, half_length=CMS.half_length, field=CMS.field)
    detected = see(p, seed)
    for towers, calorimeter in ((detected.ecal, CMS.ecal), (detected.hcal, CMS.hcal)):
        share = fractions(calorimeter, p.pdg)
        inside = arrival.arrived & (np.abs(np.nan_to_num(arrival.eta, nan=9.0)) <= 5)
        expected = np.where(inside, share * p.momentum[:, 0], 0)
        np.testing.assert_allclose(towers.energy, expected)
        event = np.repeat(np.arange(events), np.diff(towers.offset))
        total = np.bincount(event, towers.deposited, minlength=events)
        np.testing.assert_allclose(total, np.bincount(p.event, expected, minlength=events))
        hit = towers.tower >= 0
        np.testing.assert_array_equal(event[towers.tower[hit]], p.event[hit])
        np.testing.assert_array_equal(
            cell_under(cells(calorimeter), arrival.eta[hit], arrival.phi[hit]), towers.cell[towers.tower[hit]]
        )
        assert len(np.unique(event * 10**7 + towers.cell)) == len(event)


def test_the_greatest_giver_is_the_truth_of_a_tower() -> None:
    p = particles([22, 22, 22, 22], [1.0, 7.0, 3.0, 50.0], [0.30, 0.301, 0.302, 1.0], 0.01)
    assert see(p).ecal.truth.tolist() == [1, 3]
    assert see(p).ecal.tower.tolist() == [0, 0, 0, 1]
    assert see(p).ecal.deposited[0] == pytest.approx(p.momentum[:3, 0].sum())


@pytest.mark.parametrize(
    ("pdg", "shares"),
    [(11, (1, 0)), (22, (1, 0)), (310, (0.3, 0.7)), (-3122, (0.3, 0.7)), (13, (0, 0)), (-14, (0, 0)), (1000022, (0, 0)),
     (211, (0, 1)), (-2112, (0, 1)), (130, (0, 1)), (1000010020, (0, 1))],
)  # fmt: skip
def test_shares_of_energy(pdg: int, shares: tuple[float, float]) -> None:
    found = [fractions(calorimeter, np.array([pdg]))[0] for calorimeter in (CMS.ecal, CMS.hcal)]
    assert found == list(shares)


def sigma(calorimeter: Calorimeter, eta: float, energy: float) -> float:
    grid = cells(calorimeter)
    return float(grid.sigma(cell_under(grid, np.array([eta]), np.array([0.1])), np.array([energy]))[0])


def test_resolution_is_that_of_the_card() -> None:
    barrel = np.sqrt((0.008 * 50) ** 2 + 0.11**2 * 50 + 0.4**2)
    middle = 1.0005  # of the ring that holds eta = 1
    assert sigma(CMS.ecal, 1.0, 50.0) == pytest.approx((1 + 0.64 * middle**2) * barrel, rel=1e-6)
    assert sigma(CMS.ecal, -2.0, 50.0) == pytest.approx(2.16 * barrel, rel=1e-3)
    assert sigma(CMS.ecal, 4.0, 100.0) == pytest.approx(np.sqrt(10.7**2 + 2.08**2 * 100))
    assert sigma(CMS.hcal, 0.0, 100.0) == pytest.approx(np.sqrt(25 + 225))
    assert sigma(CMS.hcal, 4.0, 100.0) == pytest.approx(np.sqrt(13**2 + 2.7**2 * 100))
    upgraded = np.sqrt((0.009 * 50) ** 2 + 0.12**2 * 50 + 0.45**2)
    assert sigma(CMS_PHASE2.ecal, 1.0, 50.0) == pytest.approx((1 + 0.64 * middle**2) * upgraded, rel=1e-6)
    assert CMS_PHASE2.hcal == CMS.hcal


@pytest.mark.parametrize(("pdg", "energy"), [(22, 30.0), (130, 100.0)])
def test_response_and_width_of_single_particles(pdg: int, energy: float) -> None:
    """The log-normal keeps mean and width, far from the thresholds."""
    n = 20_000
    p = particles(
        np.full(n, pdg), np.sqrt(energy**2 - 0.49761**2 * (pdg == 130)), 0.01, np.linspace(-3, 3, n), events=n
    )
    towers, calorimeter = (see(p).ecal, CMS.ecal) if pdg == 22 else (see(p).hcal, CMS.hcal)
    width = sigma(calorimeter, 0.01, energy)
    assert len(towers.measured) == n
    assert towers.measured.mean() == pytest.approx(energy, abs=4 * width / np.sqrt(n))
    assert towers.measured.std() == pytest.approx(width, rel=5 / np.sqrt(2 * n))


def test_thresholds() -> None:
    detected = see(mixture(20_000, events=20, seed=5))
    for towers, calorimeter in ((detected.ecal, CMS.ecal), (detected.hcal, CMS.hcal)):
        kept = towers.measured > 0
        assert 0.05 < kept.mean() < 0.95
        assert (towers.measured[kept] >= calorimeter.minimum).all()
        assert (towers.measured[kept] >= 2 * towers.sigma[kept]).all()
    # A barrel tower of HCAL needs 9 GeV: E = 2 x 1.5 sqrt(E).
    grid = cells(CMS.hcal)
    barrel = np.abs(grid.eta[grid.ring[detected.hcal.cell]]) < 1.5
    least = detected.hcal.measured[barrel & (detected.hcal.measured > 0)].min()
    assert 9.0 <= least < 9.6


def test_towers_point_at_random_places_in_their_cell() -> None:
    detected = see(mixture(20_000, events=20, seed=6))
    for towers, calorimeter in ((detected.ecal, CMS.ecal), (detected.hcal, CMS.hcal)):
        low, high, left, right = cells(calorimeter).box(towers.cell)
        for place in ((towers.eta - low) / (high - low), (towers.phi - left) / (right - left)):
            assert 0 < place.min() < place.max() < 1
            assert abs(place.mean() - 0.5) < 4 / np.sqrt(12 * len(place))
            assert place.std() == pytest.approx(12**-0.5, rel=0.05)


def test_a_calorimeter_without_thresholds_keeps_everything() -> None:
    open_card = replace(CMS, ecal=replace(CMS.ecal, minimum=0.0, significance=0.0))
    towers = detect(mixture(2000, events=2, seed=1), card=open_card, generator=np.random.default_rng(1)).ecal
    assert (towers.measured > 0).all()
