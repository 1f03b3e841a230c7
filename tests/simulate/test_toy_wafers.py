import time

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import ELECTRON, HADRON, PILEUP, toy_wafers


@pytest.fixture(scope="module")
def wafers() -> dict[str, np.ndarray]:
    return toy_wafers(20_000, generator=np.random.default_rng(1))


def test_charges_are_whole_non_negative_counts(wafers: dict[str, np.ndarray]) -> None:
    charge = wafers["charge"]
    assert charge.shape == (20_000, 48)
    assert charge.dtype == np.float32
    assert charge.min() >= 0
    assert np.array_equal(charge, np.floor(charge))


def test_occupancy_is_that_of_the_specified_stand_in(wafers: dict[str, np.ndarray]) -> None:
    charge = wafers["charge"]
    assert (charge > 0).sum(axis=1).mean() == pytest.approx(32.0, rel=0.02)
    assert (charge > wafer.ADC_PER_MIP).sum(axis=1).mean() == pytest.approx(6.9, rel=0.05)


def test_kinds_come_in_their_shares_and_only_showers_have_energy(wafers: dict[str, np.ndarray]) -> None:
    kind, energy = wafers["kind"], wafers["energy"]
    share = [(kind == k).mean() for k in (ELECTRON, HADRON, PILEUP)]
    np.testing.assert_allclose(share, [0.5, 0.3, 0.2], atol=0.015)
    assert np.array_equal(energy > 0, kind != PILEUP)
    log_energy = np.log10(energy[kind != PILEUP])
    np.testing.assert_allclose(np.quantile(log_energy, [0, 0.5, 1]), [1.5, 2.75, 4.0], atol=0.03)


def test_pileup_has_its_closed_form_mean(wafers: dict[str, np.ndarray]) -> None:
    total = wafers["charge"][wafers["kind"] == PILEUP].sum(axis=1)
    # 6 hits of 40 counts; max(0, N(0, 2)) has mean 2 / sqrt(2 pi) per cell; flooring takes up to 0.5 of it.
    upper = 6 * 40 + 48 * 2 / np.sqrt(2 * np.pi)
    error = total.std() / np.sqrt(len(total))
    assert upper - 24 - 3 * error < total.mean() < upper + 3 * error


def test_hadrons_are_wider_than_electrons(wafers: dict[str, np.ndarray]) -> None:
    charge, bright = wafers["charge"].astype(float), wafers["energy"] > 1000
    share = charge / charge.sum(axis=1, keepdims=True)
    mean = share @ wafer.positions()
    width = np.sqrt(share @ (wafer.positions() ** 2).sum(axis=1) - (mean**2).sum(axis=1))
    electron, hadron = (np.median(width[bright & (wafers["kind"] == k)]) for k in (ELECTRON, HADRON))
    assert hadron > 1.3 * electron


def test_the_same_seed_gives_the_same_wafers() -> None:
    one, two, other = (toy_wafers(50, generator=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["charge"], other["charge"])


def test_thousands_of_wafers_per_second() -> None:
    start = time.process_time()  # other processes do not count
    toy_wafers(5_000, generator=np.random.default_rng(0))
    assert time.process_time() - start < 1.0


def test_none_and_fewer_than_none() -> None:
    assert toy_wafers(0, generator=np.random.default_rng(0))["charge"].shape == (0, 48)
    with pytest.raises(InputError, match="got -1"):
        toy_wafers(-1, generator=np.random.default_rng(0))
