"""Simulated wafers: the same for any number of processes, and made of what Geant4 left in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.simulate import wafers as module
from femtobarn.simulate.hgcal_stack import sensor_z
from femtobarn.simulate.wafer_readout import MIP
from femtobarn.simulate.wafer_tiling import centre
from femtobarn.simulate.wafers import Gun, Pileup, WaferSimulation, simulate_wafers

pytest.importorskip("calzone", reason="Geant4 comes with the extra showers")

TINY = WaferSimulation(
    showers=12, gun=Gun(energy=(2.0, 6.0)), pileup=Pileup(collisions=20, pool=4), placements=1
)
NO_PILEUP = replace(TINY, pileup=Pileup(collisions=0), noise=0.0, pileup_share=0.0)


@pytest.fixture(scope="module")
def tiny() -> dict[str, np.ndarray]:
    return simulate_wafers(TINY, workers=1, progress=False)


def test_columns_are_of_equal_length_and_in_their_ranges(tiny: dict[str, np.ndarray]) -> None:
    charge = tiny["charge"]
    assert charge.dtype == np.float32
    assert charge.shape[1] == 48
    assert {len(column) for column in tiny.values()} == {len(charge)}
    assert np.all(charge >= 0)
    np.testing.assert_array_equal(charge, np.floor(charge))
    assert charge.sum(axis=1).min() > 0
    assert np.all(tiny["layer"] % 2 == 1)
    assert np.all((tiny["eta"] > 1.5) & (tiny["eta"] < 3.0))
    assert set(tiny["shower"]) <= set(range(12))
    assert set(tiny["pid"]) <= {11, 22, 211, -211}
    assert np.all((tiny["energy"] >= 2) & (tiny["energy"] <= 6))
    for name in ("sim_fraction", "signal_fraction"):
        assert np.all((tiny[name] >= 0) & (tiny[name] <= 1))


def test_eta_and_phi_are_those_of_the_wafers_middle(tiny: dict[str, np.ndarray]) -> None:
    x, y = centre(tiny["u"], tiny["v"])
    z = np.array([sensor_z()[int(layer)] for layer in tiny["layer"]])
    theta = np.arctan2(np.hypot(x, y), z)
    np.testing.assert_allclose(tiny["eta"], -np.log(np.tan(theta / 2)), rtol=1e-5)
    np.testing.assert_allclose(tiny["phi"], np.arctan2(y, x), atol=1e-6)


def test_wafers_enter_by_their_signal_or_by_chance(tiny: dict[str, np.ndarray]) -> None:
    transverse = tiny["sim_energy"] / MIP / np.cosh(tiny["eta"])
    lit = transverse >= TINY.threshold
    assert 0.1 < 1 - lit.mean() < 0.3
    assert np.median(tiny["charge"].sum(axis=1)[lit]) > np.median(tiny["charge"].sum(axis=1)[~lit])


def test_a_second_call_reads_and_is_the_same(
    tiny: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("Geant4 was called")

    monkeypatch.setattr(module.geant4, "transport", never)
    again = simulate_wafers(TINY, workers=1, progress=False)
    for name, column in tiny.items():
        np.testing.assert_array_equal(again[name], column)
    # Other noise: overlaid anew, from the same showers.
    other = simulate_wafers(replace(TINY, noise=0.5), workers=1, progress=False)
    assert other["charge"].sum() > tiny["charge"].sum()


def test_without_pileup_and_noise_the_charge_is_the_showers() -> None:
    wafers = simulate_wafers(NO_PILEUP, workers=1, progress=False)
    np.testing.assert_array_equal(wafers["signal_fraction"], 1)
    expected = 35 * wafers["sim_energy"] / MIP / np.cosh(wafers["eta"])
    charge = wafers["charge"].sum(axis=1)
    # Each cell loses up to three counts to truncation and a sixteenth to the mantissa.
    assert np.all(charge <= 1.07 * expected)
    assert np.all(charge > 0.93 * expected - 3 * 48)
    assert charge.sum() == pytest.approx(expected.sum(), rel=0.08)
    for shower in np.unique(wafers["shower"]):
        mine = wafers["shower"] == shower
        total = wafers["sim_energy"][mine] / wafers["sim_fraction"][mine]
        np.testing.assert_allclose(total, total[0], rtol=1e-5)
        assert wafers["sim_energy"][mine].sum() <= total[0] * (1 + 1e-5)


def test_a_shower_is_the_same_in_all_its_placements() -> None:
    """The wafers differ, what the shower leaves in a layer does not."""
    settings = replace(
        NO_PILEUP, showers=4, gun=Gun(pids=(11,), energy=(4.0, 6.0), eta=(2.0, 2.2)), threshold=0.02
    )
    one = simulate_wafers(settings, workers=1, progress=False)
    two = simulate_wafers(replace(settings, placements=2), workers=1, progress=False)
    for shower in range(4):
        per_layer = [
            np.bincount(sample["layer"], sample["sim_energy"] * (sample["shower"] == shower), minlength=28)
            for sample in (one, two)
        ]
        np.testing.assert_allclose(per_layer[1].sum(), 2 * per_layer[0].sum(), rtol=0.02)


@pytest.mark.slow
def test_wafers_do_not_depend_on_the_number_of_processes(
    tiny: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    other = simulate_wafers(TINY, workers=2, progress=False)
    for name, column in tiny.items():
        np.testing.assert_array_equal(other[name], column)


@pytest.mark.slow
def test_a_sample_looks_like_a_triggers() -> None:
    """The analytic stand-in, made after CMS wafers, has 6.9 cells above a transverse MIP, 32 above zero."""
    wafers = simulate_wafers(WaferSimulation(showers=30, pileup=Pileup(pool=40)), workers=2, progress=False)
    charge = wafers["charge"]
    assert len(charge) > 30 * 25
    assert 3.5 < (charge > 35).sum(axis=1).mean() < 10
    assert 15 < (charge > 0).sum(axis=1).mean() < 40
    assert 300 < np.median(charge.sum(axis=1)) < 3000
    lit = wafers["sim_energy"] / MIP / np.cosh(wafers["eta"]) >= 1
    assert 1 - lit.mean() == pytest.approx(0.2, abs=0.05)
    occupancy = (charge > 35).sum(axis=1)
    assert occupancy[wafers["eta"] > 2.4].mean() > 1.5 * occupancy[wafers["eta"] < 1.9].mean()
    electrons = wafers["pid"] == 11
    layers = np.bincount(wafers["layer"][electrons], wafers["sim_energy"][electrons], minlength=28)
    assert layers.argmax() in (5, 7, 9, 11, 13)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: WaferSimulation(showers=0),
        lambda: WaferSimulation(placements=0),
        lambda: WaferSimulation(pileup_share=1.0),
        lambda: WaferSimulation(threshold=0.0),
        lambda: WaferSimulation(noise=-1.0),
        lambda: Gun(pids=()),
        lambda: Gun(energy=(5.0, 2.0)),
        lambda: Gun(eta=(1.0, 2.0)),
        lambda: Pileup(collisions=-1.0),
        lambda: Pileup(pool=0),
    ],
)
def test_impossible_settings_are_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="expected"):
        wrong()  # type: ignore[operator]


def test_a_particle_unknown_to_geant4_is_told() -> None:
    with pytest.raises(InputError, match="4711"):
        simulate_wafers(replace(TINY, gun=Gun(pids=(4711,))), workers=1, progress=False)
