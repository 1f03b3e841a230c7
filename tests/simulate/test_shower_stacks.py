"""Calorimeters like HGCAL and CLIC: their depths, and GFLASH beside Geant4."""

import numpy as np
import pytest

from femtobarn.physics.calorimeter_cells import ECAL, HCAL
from femtobarn.simulate.showers import Calorimeter, Spots, clic_like, geant4, gflash, hgcal_like

STACKS = [hgcal_like(), clic_like()]


def test_layers_and_depths() -> None:
    cms, clic = STACKS
    assert cms.layers == 28
    assert cms.radiation_depth[-1] == pytest.approx(26, abs=1.5)  # CMS-TDR-019: about 26
    assert clic.layers == ECAL[2] + HCAL[2]
    assert clic.radiation_depth[ECAL[2]] == pytest.approx(22, abs=2.5)  # arXiv:1912.06794: 22
    assert clic.interaction_depth[-1] > 7.5


def _measured(spots: Spots, showers: int, stack: Calorimeter) -> tuple[float, float, float]:
    """Mean energy, its relative spread and the mean layer."""
    layers = spots.layers(showers, stack.layers)
    total = layers.sum(axis=1)
    return total.mean(), total.std() / total.mean(), float((layers @ np.arange(stack.layers) / total).mean())


@pytest.mark.parametrize("stack", STACKS, ids=["HGCAL", "CLIC"])
def test_electrons_are_measured_right(stack: Calorimeter) -> None:
    spots = gflash(np.full(400, 10.0), stack, generator=np.random.default_rng(1))
    assert _measured(spots, 400, stack)[0] == pytest.approx(10, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("stack", STACKS, ids=["HGCAL", "CLIC"])
def test_electrons_are_like_those_of_geant4(stack: Calorimeter) -> None:
    pytest.importorskip("calzone")
    energies = np.full(200, 10.0)
    ours, theirs = (
        _measured(engine(energies, stack, generator=np.random.default_rng(1)), 200, stack)
        for engine in (gflash, geant4)
    )
    assert ours[0] == pytest.approx(theirs[0], rel=0.04)
    assert ours[1] == pytest.approx(theirs[1], rel=0.25)
    assert ours[2] == pytest.approx(theirs[2], rel=0.10)
