"""The matched filter against direct sums: size, time, noise of unit variance, and the match of two waves."""

import numpy as np
import pytest
from scipy.integrate import quad

from femtobarn.errors import InputError
from femtobarn.physics.matched_filter import match, matched_filter, optimal_snr
from femtobarn.physics.waveforms import phenom_a
from femtobarn.simulate.strain import coloured_noise, design_density

RATE, SECONDS = 1024.0, 16
BAND = (20.0, 500.0)
FREQUENCY = np.fft.rfftfreq(round(RATE * SECONDS), 1 / RATE)
DENSITY = design_density(FREQUENCY)


def _wave(one: float, two: float) -> np.ndarray:
    return phenom_a(FREQUENCY, np.array([one]), np.array([two]), low=18.0, distance=400.0)[0]


def test_the_optimal_ratio_is_the_integral() -> None:
    wave = _wave(36, 29)

    def integrand(f: float) -> float:
        here = phenom_a(np.array([0.0, f]), np.array([36.0]), np.array([29.0]), low=18.0, distance=400.0)
        return float(4e40 * abs(here[0, 1]) ** 2 / (1e40 * design_density(np.array([f]))[0]))

    expected = np.sqrt(sum(quad(integrand, a, a + 20, limit=200)[0] for a in range(20, 500, 20)))
    assert optimal_snr(wave[None], DENSITY, step=1 / SECONDS, band=BAND)[0] == pytest.approx(
        expected, rel=0.01
    )


def test_a_signal_without_noise_is_found_at_its_time_and_size() -> None:
    wave = _wave(36, 29)
    late = 5.0
    strain = np.fft.irfft(wave * np.exp(-2j * np.pi * FREQUENCY * late + 0.7j)) * RATE
    snr = matched_filter(strain, wave, DENSITY, rate=RATE, band=BAND)
    best = int(np.abs(snr).argmax())
    assert best / RATE == pytest.approx(late, abs=1 / RATE)
    expected = optimal_snr(wave[None], DENSITY, step=1 / SECONDS, band=BAND)[0]
    assert np.abs(snr[best]) == pytest.approx(float(expected), rel=1e-6)
    assert np.angle(snr[best]) == pytest.approx(0.7, abs=0.01)


def test_noise_has_unit_variance_in_each_phase() -> None:
    draw = np.random.default_rng(1)
    noise = coloured_noise((round(RATE * SECONDS),), rate=RATE, generator=draw)
    snr = matched_filter(noise, _wave(36, 29), DENSITY, rate=RATE, band=BAND)
    assert snr.real.std() == pytest.approx(1, abs=0.15)
    assert snr.imag.std() == pytest.approx(1, abs=0.15)


def test_the_match_forgets_time_phase_and_size() -> None:
    wave = _wave(36, 29)
    other = 3 * wave * np.exp(-2j * np.pi * FREQUENCY * 0.37 + 1.1j)
    assert match(wave, other, DENSITY, step=1 / SECONDS, band=BAND) == pytest.approx(1, abs=2e-3)
    assert match(wave, _wave(60, 50), DENSITY, step=1 / SECONDS, band=BAND) < 0.95


def test_spectra_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="frequencies"):
        matched_filter(np.zeros(100), np.zeros(40, complex), np.ones(40), rate=RATE, band=BAND)
    with pytest.raises(InputError, match="template is zero"):
        matched_filter(np.zeros(100), np.zeros(51, complex), np.ones(51), rate=RATE, band=BAND)
