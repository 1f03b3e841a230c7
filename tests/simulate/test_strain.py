"""Simulated strain: spectrum of the design, ratios as asked for, times of arrival, glitches in one detector."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from femtobarn.errors import InputError
from femtobarn.physics.whitening import whitening_filter, whitening_response
from femtobarn.simulate.strain import (
    KINDS,
    Strain,
    coloured_noise,
    design_density,
    events,
    in_bins,
    whitened_signals,
)

SETTINGS = Strain(stretch=32.0)
KNOWN = replace(SETTINGS, spectrum="known")


def _draw(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def _taps(settings: Strain = SETTINGS) -> list[np.ndarray]:
    frequency = np.fft.rfftfreq(4 * settings.rate, 1 / settings.rate)
    density = design_density(frequency)
    taps = whitening_filter(
        frequency, density, rate=float(settings.rate), band=settings.band, duration=settings.filter
    )
    return [taps, taps]


def test_noise_has_the_spectrum_of_the_design() -> None:
    noise = coloured_noise((1024 * 300,), rate=1024.0, generator=_draw())
    frequency, density = welch(noise * 1e20, 1024, nperseg=1024)
    inside = (frequency > 20) & (frequency < 500)
    assert np.median(density[inside] * 1e-40 / design_density(frequency[inside])) == pytest.approx(
        1, abs=0.02
    )


def test_the_density_passes_through_the_values_of_the_design() -> None:
    assert np.sqrt(design_density(np.array([100.0, 1000.0]))) == pytest.approx([3.903e-24, 5.226e-24])
    between = np.sqrt(design_density(np.array([22.0])))[0]
    assert 1.307e-23 < between < 2.070e-23


@pytest.mark.parametrize("settings", [SETTINGS, KNOWN], ids=["estimated", "known"])
def test_whitened_noise_has_unit_variance(settings: Strain) -> None:
    noise = events("noise", 120, settings, generator=_draw())
    assert noise.strain.shape == (120, 2, 2560)
    assert noise.strain.dtype == np.float32
    assert noise.strain.std() == pytest.approx(1, abs=0.03)
    assert not noise.network_snr.any()
    assert abs(np.mean(noise.strain[:, 0] * noise.strain[:, 1])) < 0.01, "of H1 and L1 in common"


@pytest.mark.parametrize("kind", ["BBH", "sine-Gaussian", "glitch", "blip"])
def test_a_signal_has_the_ratio_that_was_asked_for(kind: str) -> None:
    """The whitened signal holds what the band keeps of it: no more, and not much less; by the time series alone."""
    wanted = np.full(40, 12.0)
    signal, ratio = whitened_signals(kind, wanted, _taps(KNOWN), KNOWN, generator=_draw())
    np.testing.assert_allclose(np.linalg.norm(ratio, axis=1), wanted, rtol=1e-6)
    # White noise of unit variance in the band has the density 1 / (width of the band), a sample counts 1 / rate.
    frequency = np.fft.rfftfreq(16 * 1024, 1 / 1024)
    gain = whitening_response(_taps(KNOWN)[0], frequency, rate=1024.0) ** 2 * design_density(frequency)
    seen = np.sqrt((signal**2).sum(axis=(1, 2)) * 2 / 1024 / np.median(gain[1600:4800]))
    assert (seen <= 12 * 1.01).all()
    assert np.median(seen) > 0.85 * 12


def test_the_ratio_is_the_integral_of_its_spectrum() -> None:
    """Acceptance 2, with the integral done by the time series of a signal whitened over the whole band."""
    wide = replace(KNOWN, band=(21.0, 505.0), rate=1024, duration=16.0, event_time=12.0, stretch=64.0)
    wanted = np.full(20, 10.0)
    signal, _ = whitened_signals("BBH", wanted, _taps(wide), wide, generator=_draw(2))
    frequency = np.fft.rfftfreq(16 * 1024, 1 / 1024)
    gain = whitening_response(_taps(wide)[0], frequency, rate=1024.0) ** 2 * design_density(frequency)
    seen = np.sqrt((signal**2).sum(axis=(1, 2)) * 2 / 1024 / np.median(gain[1600:4800]))
    np.testing.assert_allclose(seen, wanted, rtol=0.03)


def test_the_merger_stands_at_the_event_time() -> None:
    signal, _ = whitened_signals("BBH", np.full(60, 20.0), _taps(), SETTINGS, generator=_draw())
    times = np.abs(signal).max(axis=1).argmax(axis=1) / SETTINGS.rate
    assert np.abs(np.median(times) - SETTINGS.event_time) < 0.05
    assert np.abs(times - SETTINGS.event_time).max() < 0.3


def test_detectors_see_a_signal_at_most_ten_milliseconds_apart() -> None:
    signal, ratio = whitened_signals("sine-Gaussian", np.full(80, 20.0), _taps(), SETTINGS, generator=_draw())
    both = ratio.min(axis=1) > 5
    assert both.sum() > 20
    spectra = np.fft.rfft(signal[both], 4096)
    across = np.fft.irfft(spectra[:, 0] * spectra[:, 1].conj())
    late = np.abs(across).argmax(axis=1)
    late = np.minimum(late, 4096 - late) / SETTINGS.rate
    assert (late <= 0.012).mean() > 0.9, "the others are taken for a swing later"


def test_a_glitch_is_in_one_detector() -> None:
    found = events("glitch", 60, SETTINGS, generator=_draw(), snr=(15.0, 20.0))
    assert ((found.snr > 0).sum(axis=1) == 1).all()
    assert {int(each.argmax()) for each in found.snr} == {0, 1}
    louder = np.square(found.strain).max(axis=2).argmax(axis=1)
    assert (louder == found.snr.argmax(axis=1)).mean() > 0.9


def test_the_same_seed_gives_the_same_events() -> None:
    one, two = (events("BBH", 5, SETTINGS, generator=_draw(4)) for _ in range(2))
    np.testing.assert_array_equal(one.strain, two.strain)
    assert not np.array_equal(one.strain, events("BBH", 5, SETTINGS, generator=_draw(5)).strain)
    assert len(one.take(np.array([0, 3]))) == 2


def test_neutron_stars_are_made_too() -> None:
    found = events("BNS", 3, SETTINGS, generator=_draw())
    assert np.isfinite(found.strain).all()
    assert ((found.network_snr >= 5) & (found.network_snr <= 20)).all()


def test_bins_hold_each_event_once() -> None:
    found = events("blip", 30, SETTINGS, generator=_draw())
    bins = in_bins("blip", found, ((5.0, 10.0), (10.0, 15.0), (15.0, 20.0)))
    assert list(bins) == ["blip 5-10", "blip 10-15", "blip 15-20"]
    assert sum(map(len, bins.values())) == 30
    noise = events("noise", 3, SETTINGS, generator=_draw())
    assert list(in_bins("noise", noise, ((5.0, 10.0),))) == ["noise"]


def test_wrong_settings_are_told() -> None:
    with pytest.raises(InputError, match=", ".join(KINDS)):
        events("cosmic string", 3, SETTINGS, generator=_draw())
    with pytest.raises(InputError, match="at least one event"):
        events("noise", 0, SETTINGS, generator=_draw())
    with pytest.raises(InputError, match="fits into the stretch"):
        Strain(duration=63.0)
