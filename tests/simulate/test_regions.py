"""Trigger regions: where energy goes, in what counts, and where they saturate."""

import numpy as np
import pytest

from femtobarn.simulate.detector import CMS, detect
from femtobarn.simulate.detector.calorimeter import Towers, cell_under, cells
from femtobarn.simulate.detector.detection import Detected
from femtobarn.simulate.detector.regions import LARGEST_REGION, trigger_regions
from femtobarn.simulate.particles import Particles


def _detected(eta: list[float], phi: list[float], et: list[float]) -> Detected:
    """One event with these transverse energies in the ECAL, measured without error."""
    grid = cells(CMS.ecal)
    cell = cell_under(grid, np.array(eta), np.array(phi))
    low, high, _, _ = grid.box(cell)
    energy = np.array(et) * np.cosh((low + high) / 2)
    n = len(cell)
    zeros, rows = np.zeros(n), np.zeros(n, np.int64)
    ecal = Towers(np.array([0, n]), cell, energy, energy, zeros, zeros, zeros, rows, rows, zeros)
    empty = Towers(
        np.array([0, 0]), *(np.zeros(0, kind) for kind in (np.int64, *[float] * 5, *[np.int64] * 2, float))
    )
    nothing = detect(
        Particles(np.array([0, 0]), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4))),
        generator=np.random.default_rng(0),
    )
    return nothing._replace(ecal=ecal, hcal=empty)


def test_energy_lands_in_the_region_under_it() -> None:
    found = trigger_regions(_detected([0.1, -2.9, 1.0], [-3.1, 0.1, 3.1], [10.2, 7.0, 3.4]))
    assert found.shape == (1, 18, 14)
    assert {tuple(place): int(found[tuple(place)]) for place in np.argwhere(found)} == {
        (0, 0, 7): 20, (0, 9, 0): 14, (0, 17, 9): 6,
    }  # fmt: skip


def test_towers_and_regions_saturate() -> None:
    assert trigger_regions(_detected([0.05], [0.05], [5000.0])).max() == 255, "one tower"
    eta = np.repeat([0.05, 0.16, 0.27, 0.38], 4).tolist()
    phi = np.tile([0.05, 0.13, 0.22, 0.31], 4).tolist()
    assert trigger_regions(_detected(eta, phi, [5000.0] * 16)).max() == LARGEST_REGION


def test_nothing_in_gives_zeros_and_nothing_beyond_the_towers_counts() -> None:
    assert not trigger_regions(_detected([], [], [])).any()
    assert not trigger_regions(_detected([2.99 + 0.3], [0.0], [50.0])).any()


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_follow_the_energy_of_showering_particles(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = 30
    eta, phi, pt = draw.uniform(-2, 2, n), draw.uniform(-3, 3, n), draw.uniform(20, 40, n)
    momentum = np.column_stack((pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)))
    photons = Particles(np.array([0, n]), np.full(n, 22), np.zeros(n), momentum, np.zeros((n, 4)))
    found = trigger_regions(detect(photons, generator=draw))
    assert 0.5 * found.sum() == pytest.approx(pt.sum(), rel=0.1)
