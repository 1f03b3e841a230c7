"""Closed waveforms against LALSimulation where it is installed, and against what the orbit must do."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.matched_filter import match
from femtobarn.physics.waveforms import SOLAR_TIME, phenom_a, phenom_b, polarisations, taylor_f2
from femtobarn.simulate.strain import design_density

STEP = 1 / 16
FREQUENCY = np.arange(0, 1024 + STEP, STEP)
DENSITY = design_density(FREQUENCY)
PAIRS = [(36.0, 29.0), (80.0, 70.0), (60.0, 20.0), (20.0, 15.0)]


def _one(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


def _lal(name: str, one: float, two: float, spin: float = 0.0) -> np.ndarray:
    lal, lalsimulation = pytest.importorskip("lal"), pytest.importorskip("lalsimulation")
    plus, _ = lalsimulation.SimInspiralChooseFDWaveform(
        one * lal.MSUN_SI, two * lal.MSUN_SI, 0, 0, spin, 0, 0, spin, 1e6 * lal.PC_SI, 0.0, 0.0, 0, 0, 0,
        STEP, 20.0, 1024.0, 20.0, None, getattr(lalsimulation, name),
    )  # fmt: skip
    found = np.zeros(len(FREQUENCY), complex)
    found[: min(len(found), plus.data.length)] = plus.data.data[: len(found)]
    return found


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_phenom_a_is_that_of_lal_up_to_its_cut(one: float, two: float) -> None:
    """Theirs goes on beyond the cut, and its phase has the other sign."""
    ours, theirs = phenom_a(FREQUENCY, *_one(one, two), low=20.0)[0], _lal("IMRPhenomA", one, two).conj()
    cut = float(FREQUENCY[np.abs(ours) > 0][-1])
    assert match(ours, theirs, DENSITY, step=STEP, band=(20.0, cut)) > 0.9999
    inside = np.abs(ours) > 0
    np.testing.assert_allclose(np.abs(ours[inside]), np.abs(theirs[inside]), rtol=1e-6)


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_phenom_b_is_that_of_lal(one: float, two: float) -> None:
    ours = phenom_b(FREQUENCY, *_one(one, two, 0.3), low=20.0)[0]
    assert match(ours, _lal("IMRPhenomB", one, two, 0.3), DENSITY, step=STEP, band=(20.0, 1000.0)) > 0.999


@pytest.mark.parametrize(("one", "two"), [(1.4, 1.3), (3.0, 1.0)])
def test_taylor_f2_is_that_of_lal(one: float, two: float) -> None:
    ours, theirs = taylor_f2(FREQUENCY, *_one(one, two), low=20.0)[0], _lal("TaylorF2", one, two)
    assert match(ours, theirs, DENSITY, step=STEP, band=(20.0, 1000.0)) > 0.99999
    both = (np.abs(ours) > 0) & (np.abs(theirs) > 0)
    np.testing.assert_allclose(np.abs(ours[both]), np.abs(theirs[both]), rtol=1e-6)


def test_the_inspiral_lasts_as_long_as_newton_and_einstein_say() -> None:
    """Time before coalescence by the slope of the phase, against 5/256 M / eta (pi M f)^(-8/3) (leading order)."""
    mass, total = 1.4, 2.8 * SOLAR_TIME
    wave = taylor_f2(FREQUENCY, *_one(mass, mass), low=20.0)[0]
    at = np.array([25.0, 50.0, 100.0])
    rows = np.round(at / STEP).astype(int)
    # h ~ exp(-2 pi i f t): the slope of the phase is -2 pi t. Neighbouring phases are compared, which may wrap.
    turn = np.angle(wave[rows + 1] / wave[rows]) / (2 * np.pi * STEP)
    leading = 5 / 256 * total / 0.25 * (np.pi * total * at) ** (-8 / 3)
    times = turn - np.round((turn - leading) * STEP) / STEP
    np.testing.assert_allclose(times, leading, rtol=0.05)


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_the_pieces_of_the_amplitude_join(one: float, two: float) -> None:
    fine = np.arange(0, 500, 0.01)
    for wave in (
        phenom_a(fine, *_one(one, two), low=20.0)[0],
        phenom_b(fine, *_one(one, two, 0.5), low=20.0)[0],
    ):
        there = np.abs(wave[np.abs(wave) > 0])
        assert np.abs(np.diff(np.log(there))).max() < 5e-3


def test_early_all_are_the_same_wave() -> None:
    """Amplitudes at low frequency, where only the chirp mass counts."""
    masses = _one(30.0, 25.0)
    at = np.array([0.0, 8.0])
    waves = [taylor_f2(at, *masses, low=5.0), phenom_a(at, *masses, low=5.0)]
    ratio = np.abs(waves[1][0, 1] / waves[0][0, 1])
    assert ratio == pytest.approx(1, abs=1e-9)
    heavier = taylor_f2(at, *_one(60.0, 50.0), low=5.0)
    assert np.abs(heavier[0, 1] / waves[0][0, 1]) == pytest.approx(2 ** (5 / 6), rel=1e-9)
    farther = taylor_f2(at, *masses, low=5.0, distance=10.0)
    assert np.abs(waves[0][0, 1] / farther[0, 1]) == pytest.approx(10)


def test_seen_from_the_side_there_is_one_polarisation() -> None:
    wave = phenom_a(FREQUENCY, *_one(36.0, 29.0), low=20.0)
    plus, cross = polarisations(wave, np.array([np.pi / 2]))
    np.testing.assert_allclose(plus, wave / 2)
    assert np.abs(cross).max() < 1e-30
    plus, cross = polarisations(wave, np.array([0.0]))
    np.testing.assert_allclose(np.abs(plus), np.abs(cross))


def test_masses_and_spins_that_there_are_not() -> None:
    with pytest.raises(InputError, match="positive masses"):
        taylor_f2(FREQUENCY, *_one(-1.0, 2.0), low=20.0)
    with pytest.raises(InputError, match="spins between"):
        phenom_b(FREQUENCY, *_one(30.0, 30.0, 1.2), low=20.0)
