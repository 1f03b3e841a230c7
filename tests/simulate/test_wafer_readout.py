import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.simulate.wafer_readout import LARGEST_CODE, MIP, SUM_BITS, read_out


def charges(mips: float, eta: float) -> np.ndarray:
    return read_out(np.full((1, 48), mips), np.array([eta]))[0]


def transverse(eta: float) -> float:
    return 1 / np.cosh(eta)


def test_a_transverse_mip_is_35_counts() -> None:
    for eta in (1.6, 2.0, 2.9):
        mips = 10 / transverse(eta)
        assert charges(mips, eta)[0] == pytest.approx(350, rel=0.07)  # steps of up to 1/8


@given(mips=st.floats(-5, 1e6), eta=st.floats(1.5, 3.0))
def test_charges_are_whole_never_negative_and_near_the_linear_value(mips: float, eta: float) -> None:
    charge = float(charges(mips, eta)[0])
    assert charge == int(charge) >= 0
    linear = np.clip(35 * mips, 0, 2**SUM_BITS - 1)
    if linear < 2 * LARGEST_CODE:
        assert abs(charge - linear * transverse(eta)) < 0.07 * linear * transverse(eta) + 3


def test_zero_noise_and_negative_sums_give_no_charge() -> None:
    assert not charges(0.0, 2.0).any()
    assert not charges(-1.0, 2.0).any()
    assert not charges(1.9 / 35, 2.0).any()  # the dropped last bit


def test_more_energy_never_gives_less_charge() -> None:
    mips = np.geomspace(1e-3, 1e6, 48 * 200).reshape(200, 48)
    charge = read_out(mips, np.full(200, 1.8))
    assert np.all(np.diff(charge.ravel()) >= 0)


def test_saturation() -> None:
    eta = 2.0
    top = charges(1e9, eta)[0]
    assert top == charges(1e8, eta)[0] == np.floor(2 * LARGEST_CODE * np.floor(4096 / np.cosh(eta)) / 4096)
    assert 2 * LARGEST_CODE < 2**SUM_BITS


def test_only_eight_values_between_two_powers_of_two() -> None:
    mips = np.linspace(2**12, 2**13 - 1, 48 * 100).reshape(100, 48) / 35
    eta = np.full(100, 1e-9)  # no transverse factor: the codes themselves
    assert len(np.unique(read_out(mips, eta))) in (8, 9)


def test_the_mip_is_that_of_300_um_of_silicon() -> None:
    # Bichsel, Rev. Mod. Phys. 60 (1988) 663: most probable loss t (190 + 16.3 ln t) eV for 110 < t < 3000 um
    assert pytest.approx(300 * (190 + 16.3 * np.log(300)) * 1e-6, rel=0.05) == MIP
