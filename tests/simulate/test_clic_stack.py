"""What the CLIC-like stack must show: windows, angles, two photons, containment, and which species is which."""

import math

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import (
    ECAL,
    ECAL_CELL,
    ECAL_CELLS,
    FACE,
    HCAL,
    HCAL_CELL,
    SAMPLING_WEIGHTS,
    ecal_depths,
    hcal_depths,
)
from femtobarn.simulate.clic_stack import Gun, cells, clic_showers, clic_stack, join
from femtobarn.simulate.geant4.transport import STEP

RADIATION_LENGTH, INTERACTION_LENGTH = 3.504, 167.7  # mm, tungsten and iron, PDG


def _steps(rows: list[tuple[int, int, float, float, float]]) -> np.ndarray:
    """Steps of (event, sensitive layer, x, y, energy)."""
    steps = np.zeros(len(rows), STEP)
    for step, (event, layer, x, y, energy) in zip(steps, rows, strict=True):
        step["event"], step["layer"], step["energy"] = event, 2 * layer + 1, energy
        step["x"], step["y"] = x, y
    return steps


def test_the_stack_is_that_of_the_design() -> None:
    stack = clic_stack()
    tungsten = sum(layer.thickness for layer in stack.layers if layer.material == "G4_W")
    assert tungsten / RADIATION_LENGTH == pytest.approx(22.6, abs=0.3)  # CLIC: 22-23 radiation lengths
    iron = sum(layer.thickness for layer in stack.layers if layer.material == "G4_Fe")
    assert iron / INTERACTION_LENGTH == pytest.approx(6.8, abs=0.2)
    sensitive = [row for row, layer in enumerate(stack.layers) if layer.sensitive]
    assert sensitive == list(range(1, 2 * (ECAL[2] + HCAL[2]), 2))


def test_a_deposit_falls_into_the_cell_under_it() -> None:
    rows = [(0, 0, 0.0, 0.0, 1.0), (0, 3, ECAL_CELL, -2 * ECAL_CELL, 1e-3), (0, 25, 0.0, 0.0, 2.0)]
    steps = _steps(rows)
    found = cells(steps, steps["event"].astype(np.int64), 1, origin=np.zeros((1, 2)))
    middle = ECAL[0] // 2
    expected = {
        (middle * 51 + middle) * 25: 1.0,
        ((middle + 1) * 51 + middle - 2) * 25 + 3: 1e-3,
        ECAL_CELLS + (5 * HCAL[1] + 5) * HCAL[2]: 2.0,
    }
    assert dict(zip(found["cell"].tolist(), found["value"].tolist(), strict=True)) == pytest.approx(expected)


def test_windows_follow_the_shower_and_the_hcal_window_the_line() -> None:
    slope = math.tan(math.radians(25))
    depths = np.concatenate((ecal_depths(), hcal_depths()))
    origin = np.array([[0.0, round(slope * FACE / ECAL_CELL) * ECAL_CELL]])
    rows = [(0, layer, 0.0, slope * (FACE + depth) - origin[0, 1], 1.0) for layer, depth in enumerate(depths)]
    steps = _steps(rows)
    found = cells(steps, np.zeros(len(steps), np.int64), 1, origin=origin)
    assert found["value"].sum() == len(rows), "all inside"
    in_hcal = found["cell"] >= ECAL_CELLS
    y = (found["cell"][in_hcal] - ECAL_CELLS) // HCAL[2] % HCAL[1]
    assert np.abs(y - 5).max() <= 1, "straight through the middle"
    ecal_y = found["cell"][~in_hcal] // ECAL[2] % ECAL[1]
    assert np.ptp(ecal_y) == pytest.approx(slope * np.ptp(ecal_depths()) / ECAL_CELL, abs=1)
    assert found["reco_theta"][0] == pytest.approx(math.pi / 2 - math.radians(25), abs=2e-3)


def test_what_is_outside_the_window_is_left_out() -> None:
    steps = _steps([(0, 0, 0.0, 0.0, 1.0), (0, 1, 200.0, 0.0, 1e-4), (0, 30, 0.0, 7 * HCAL_CELL, 1e-4)])
    found = cells(steps, np.zeros(3, np.int64), 1, origin=np.zeros((1, 2)))
    assert found["value"].tolist() == [1.0]


def test_a_shower_without_deposits_is_empty() -> None:
    steps = _steps([(1, 0, 0.0, 0.0, 1.0)])
    found = cells(steps, np.array([1]), 3, origin=np.zeros((3, 2)))
    assert found["first"].tolist() == [0, 0, 1, 1]
    assert found["reco_theta"][0] == pytest.approx(math.pi / 2)


def test_unfit_guns_are_refused() -> None:
    with pytest.raises(InputError, match="energies"):
        Gun(energy=(10.0, 5.0))
    with pytest.raises(InputError, match="angle"):
        Gun(angle=60.0)
    with pytest.raises(InputError, match="at least one shower"):
        clic_showers(Gun(), 0, seed=1)


calzone = pytest.importorskip("calzone", reason="Geant4 comes with the extra showers")


def _ecal_and_hcal(showers: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    shower = np.repeat(np.arange(len(showers["energy"])), np.diff(showers["first"]))
    in_ecal = showers["cell"] < ECAL_CELLS
    weight = np.where(in_ecal, SAMPLING_WEIGHTS[showers["cell"] % ECAL[2]], 1.0) * showers["value"]
    return tuple(np.bincount(shower, weight * part, len(showers["energy"])) for part in (in_ecal, ~in_ecal))  # type: ignore[return-value]


def test_electrons_stay_in_the_ecal_and_pions_do_not() -> None:
    gun = Gun("e-", (2.0, 4.0))
    electrons = clic_showers(gun, 40, seed=2, workers=1)
    ecal, hcal = _ecal_and_hcal(electrons)
    assert (ecal / electrons["energy"]).mean() == pytest.approx(22, rel=0.08)  # MeV / GeV, sheet sec. 2.4
    assert np.median(hcal / ecal) < 0.02
    assert np.median(np.abs(electrons["reco_theta"] - electrons["theta"])) < 0.003  # a cell is 0.0034
    pions = clic_showers(Gun("pi-", (2.0, 4.0)), 40, seed=2, workers=1)
    ecal, hcal = _ecal_and_hcal(pions)
    assert np.median(hcal / np.maximum(ecal, 1e-3)) > 0.5
    assert not np.array_equal(electrons["energy"], pions["energy"]), "species have nothing in common"


def test_the_photons_of_a_pion_are_apart_as_in_its_decay() -> None:
    pions = clic_showers(Gun("pi0", (3.0, 6.0)), 30, seed=4, workers=1)
    least = 2 * np.arcsin(0.13498 / pions["energy"])
    assert (pions["opening"] >= 0.999 * least).all()
    assert np.median(pions["opening"] / least) < 1.5


def test_the_same_seed_gives_the_same_showers_in_any_order() -> None:
    gun = Gun("gamma", (1.0, 2.0), "log", 10.0)
    one, two = (clic_showers(gun, count, seed=5, workers=1) for count in (104, 103))
    assert np.array_equal(one["energy"][:100], two["energy"][:100])
    assert np.array_equal(one["value"][: one["first"][100]], two["value"][: two["first"][100]])
    both = join([one, two])
    assert len(both["energy"]) == 207
    assert both["first"][-1] == len(both["cell"])
    assert (np.abs(one["theta"] - math.pi / 2) <= math.radians(10) + 0.01).all()
