"""Whitening: a flat spectrum of unit variance, lost borders, and no change of phase."""

import numpy as np
import pytest
from scipy.signal import welch

from femtobarn.errors import InputError
from femtobarn.physics.whitening import (
    power_spectral_density,
    whiten,
    whitening_filter,
    whitening_response,
)
from femtobarn.simulate.strain import coloured_noise, design_density

RATE = 2048.0


def _taps(band: tuple[float, float] = (20.0, 900.0), rate: float = RATE) -> np.ndarray:
    frequency = np.fft.rfftfreq(round(2 * rate), 1 / rate)
    return whitening_filter(frequency, design_density(frequency), rate=rate, band=band, duration=2.0)


def test_white_noise_stays_at_unit_variance() -> None:
    noise = np.random.default_rng(1).normal(size=round(200 * RATE))
    frequency, density = power_spectral_density(noise, rate=RATE, segment=1.0)
    taps = whitening_filter(frequency, density, rate=RATE, band=(30.0, 800.0), duration=1.0)
    white = whiten(noise, taps)
    assert white.std() == pytest.approx(1, abs=0.02)
    assert density.mean() == pytest.approx(2 / RATE, rel=0.02), "one-sided"


def test_noise_of_the_design_comes_out_flat() -> None:
    """Mean of more than 200 pieces, in steps of 8 Hz."""
    noise = coloured_noise((round(256 * RATE),), rate=RATE, generator=np.random.default_rng(2))
    white = whiten(noise, _taps((20.0, 1000.0)))
    assert white.std() == pytest.approx(1, abs=0.02)
    frequency, density = welch(white, RATE, nperseg=2048, noverlap=0)
    inside = (frequency >= 30) & (frequency <= 800)
    level = density[inside] / density[inside].mean()
    steps = level[: len(level) // 8 * 8].reshape(-1, 8).mean(axis=1)
    assert np.abs(steps - 1).max() < 0.1


def test_the_borders_that_the_filter_cannot_reach_are_dropped() -> None:
    taps, strain = _taps(), np.zeros((2, 10_000))
    kept = whiten(strain, taps)
    assert kept.shape == (2, 10_000 - len(taps) + 1)
    half = len(taps) // 2
    strain[:, half - 1] = 1e-21  # just outside
    with_it = whiten(strain, taps)
    strain[:, half - 1], strain[:, half] = 0.0, 1e-21  # the first sample that is kept
    inside = whiten(strain, taps)
    assert np.abs(inside[0, 0]) == pytest.approx(np.abs(inside).max(), rel=1e-6), "a pulse stays in its place"
    assert np.abs(with_it).max() < np.abs(inside).max()


def test_the_spectrum_does_not_see_a_glitch() -> None:
    draw = np.random.default_rng(3)
    noise = coloured_noise((round(64 * RATE),), rate=RATE, generator=draw)
    loud = noise.copy()
    loud[60_000:60_200] += 1e-18
    quiet, disturbed = (power_spectral_density(each, rate=RATE)[1] for each in (noise, loud))
    assert np.median(disturbed / quiet) == pytest.approx(1, abs=0.15)


def test_strain_in_float32_does_not_underflow() -> None:
    noise = coloured_noise((round(16 * RATE),), rate=RATE, generator=np.random.default_rng(4))
    wide, narrow = (power_spectral_density(each, rate=RATE)[1] for each in (noise, noise.astype(np.float32)))
    np.testing.assert_allclose(narrow[100:3000], wide[100:3000], rtol=1e-2)
    np.testing.assert_allclose(whiten(noise.astype(np.float32), _taps()), whiten(noise, _taps()), atol=1e-2)


def test_the_response_is_what_the_filter_does_to_a_wave() -> None:
    taps = _taps((30.0, 400.0))
    time = np.arange(20_000) / RATE
    frequency = np.arange(0, 1025) / 1.0
    fine = np.fft.rfftfreq(round(4 * RATE), 1 / RATE)
    gain = np.interp(frequency, fine, whitening_response(taps, fine, rate=RATE))
    for f in (25, 60, 200, 500):
        white = whiten(1e-21 * np.cos(2 * np.pi * f * time), taps)
        assert np.sqrt(2) * white.std() == pytest.approx(1e-21 * abs(gain[f]), rel=1e-3, abs=1e-4)


def test_wrong_strain_is_told() -> None:
    with pytest.raises(InputError, match="at least 8 s"):
        power_spectral_density(np.zeros(1000), rate=RATE)
    gap = np.zeros(40_000)
    gap[7] = np.nan
    with pytest.raises(InputError, match="gaps"):
        power_spectral_density(gap, rate=RATE)
    frequency = np.linspace(0, 1024, 1025)
    with pytest.raises(InputError, match="all zero"):
        whitening_filter(frequency, np.zeros(1025), rate=RATE, band=(30.0, 400.0))
    with pytest.raises(InputError, match="band"):
        whitening_filter(frequency, np.ones(1025), rate=RATE, band=(30.0, 1400.0))
    with pytest.raises(InputError, match="longer than the filter"):
        whiten(np.zeros(10), _taps())
    with pytest.raises(InputError, match="apart"):
        whitening_response(_taps(), np.arange(100.0), rate=RATE)
