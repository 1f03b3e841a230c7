"""Whitened strain of H1 and L1, cut into events: noise of Advanced LIGO, signals in both detectors, glitches in one.

Noise is Gaussian, coloured by the design of Advanced LIGO. By default it is whitened as real strain is, with a spectrum
that was estimated on the same stretch of a minute, so that the errors of the estimate are in it. Signals are made by
their spectra, scaled to a signal-to-noise ratio of the network in the design noise, and whitened with the same filter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Complex128, Float, Float32, Float64

from femtobarn.errors import InputError
from femtobarn.physics.antenna import antenna_pattern, arrival
from femtobarn.physics.matched_filter import optimal_snr
from femtobarn.physics.waveforms import phenom_a, polarisations, taylor_f2
from femtobarn.physics.whitening import (
    power_spectral_density,
    whiten,
    whitening_filter,
    whitening_response,
)

DETECTORS = ("H1", "L1")
Kind = Literal["noise", "BBH", "BNS", "sine-Gaussian", "glitch", "blip"]
Density = Callable[[np.ndarray], np.ndarray]
KINDS = get_args(Kind)
GLITCHES = ("glitch", "blip")  #: that one detector alone sees
#: Frequency (Hz) and amplitude spectral density (1e-24 / sqrt(Hz)) of the design, aLIGOZeroDetHighPower, LIGO-T0900288.
_DESIGN = (
    (10, 97.30), (12, 64.19), (15, 38.85), (18, 25.98), (20, 20.70), (25, 13.07), (30, 9.314),
    (35, 7.284), (40, 6.119), (50, 4.976), (60, 4.483), (70, 4.230), (80, 4.079), (90, 3.977),
    (100, 3.903), (120, 3.800), (150, 3.706), (200, 3.629), (250, 3.607), (300, 3.621), (400, 3.718),
    (500, 3.882), (700, 4.340), (1000, 5.226), (1400, 6.603), (1900, 8.473),
)  # fmt: skip
_LOWEST = 18.0  # Hz, where signals begin
_LONG = {
    "BNS": 128.0
}  # s, period of the spectra of signals; a pair of neutron stars is heard a minute from 25 Hz
_PERIOD = 16.0
_BEGIN = {"BNS": 25.0}
_AT_ONCE = 32  # signals made together


@dataclass(frozen=True)
class Strain:
    """How strain is made and prepared."""

    rate: int = 1024
    """Samples a second."""
    band: tuple[float, float] = (30.0, 350.0)
    """Frequencies that are kept, Hz."""
    duration: float = 2.5
    """Duration of an event, s."""
    event_time: float = 1.25
    """Time of the merger or of the middle of a burst after the begin of the event, s."""
    spectrum: Literal["estimated", "known"] = "estimated"
    """Noise is whitened with the median spectrum of its own stretch, or with that of the design."""
    stretch: float = 64.0
    """Time for which a spectrum is estimated, s."""
    filter: float = 4.0
    """Duration of the whitening filter, s; half of it is lost at either end of a stretch."""

    def __post_init__(self) -> None:
        kept = self.stretch - self.filter
        if not (0 <= self.event_time <= self.duration and 0 < self.duration <= kept):
            raise InputError(
                f"expected an event that fits into the stretch less the filter ({kept:g} s) and a time in it, got "
                f"{self.duration:g} s and {self.event_time:g} s"
            )

    @property
    def samples(self) -> int:
        """Of an event in each detector."""
        return round(self.duration * self.rate)


class Events(NamedTuple):
    """Whitened strain of one kind of events."""

    strain: Float32[np.ndarray, "event detector sample"]
    """Noise of unit variance in the band."""
    snr: Float64[np.ndarray, "event detector"]
    """Optimal signal-to-noise ratio of what was added, in the design noise above 20 Hz; 0 for noise."""

    def __len__(self) -> int:
        return len(self.strain)

    def take(self, rows: np.ndarray) -> "Events":
        """These events."""
        return Events(self.strain[rows], self.snr[rows])

    @property
    def network_snr(self) -> Float64[np.ndarray, "event"]:
        """Root of the sum of the squares of the ratios of the detectors."""
        return np.linalg.norm(self.snr, axis=1)


def in_bins(name: str, events: Events, bins: Sequence[tuple[float, float]]) -> dict[str, Events]:
    """Events by the ratio of their network, such as "BBH 5-10"; all of them by their name if it is not known (0)."""
    ratio = events.network_snr
    if not ratio.any():
        return {name: events}
    return {f"{name} {a:g}-{b:g}": events.take(np.flatnonzero((ratio >= a) & (ratio < b))) for a, b in bins}


def design_density(frequency: Float[np.ndarray, "_"]) -> Float64[np.ndarray, "_"]:
    """One-sided power spectral density of Advanced LIGO as designed, 1/Hz; that of 10 Hz below, of 1900 Hz above.

    Interpolated in the logarithms between the values of aLIGOZeroDetHighPower (LIGO-T0900288).
    """
    f, amplitude = np.array(_DESIGN).T
    inside = np.clip(frequency, f[0], f[-1])
    return np.exp(2 * np.interp(np.log(inside), np.log(f), np.log(amplitude * 1e-24)))


def coloured_noise(
    shape: tuple[int, ...], *, rate: float, generator: np.random.Generator
) -> Float64[np.ndarray, "*detector sample"]:
    """Gaussian noise of the design, dimensionless strain; the last axis is time, and its ends fit together."""
    n = shape[-1]
    frequency = np.fft.rfftfreq(n, 1 / rate)
    draws = generator.standard_normal((*shape[:-1], 2 * len(frequency))).view(np.complex128)
    spectrum = draws * np.sqrt(design_density(frequency) * rate * n / 4)
    spectrum[..., 0] = 0.0
    if n % 2 == 0:
        spectrum[..., -1] = spectrum[..., -1].real * np.sqrt(2)
    noise: np.ndarray = np.fft.irfft(spectrum, n)
    return noise


def events(
    kind: str,
    count: int,
    settings: Strain,
    *,
    generator: np.random.Generator,
    snr: tuple[float, float] = (5.0, 20.0),
) -> Events:
    """Events of one kind in the noise of two detectors.

    ============= ======================================================================================
    noise         nothing is added
    BBH           IMRPhenomA, masses uniform from 10 to 80 solar masses, no spin
    BNS           TaylorF2, masses uniform from 1 to 3 solar masses
    sine-Gaussian 50 to 300 Hz, Q from 3 to 30, both uniform in the logarithm, elliptical polarisation
    glitch        a sine-Gaussian of the same kind in one detector alone, at any time of the event
    blip          one or two swings within some 10 ms (Q 1 to 2, 60 to 200 Hz) in one detector, at any time
    ============= ======================================================================================

    Directions, axes and polarisations of sources are isotropic. The ratio of the network is uniform in `snr`.

    Args:
        kind: One of `KINDS`.
        count: Events.
        settings: Of the strain.
        generator: The only source of randomness.
        snr: Range of the optimal signal-to-noise ratio of the network, or of the one detector of a glitch.

    Raises:
        InputError: Another kind, or no events.
    """
    if kind not in KINDS:
        raise InputError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
    if count < 1:
        raise InputError(f"expected at least one event, got {count}")
    usable = settings.stretch - settings.filter
    each = int(usable * settings.rate) // settings.samples
    strains, ratios = [], []
    for start in range(0, count, each):
        some = min(each, count - start)
        noise, taps = noise_stretch(settings, generator=generator)
        cut = (
            noise[:, : some * settings.samples].reshape(len(DETECTORS), some, settings.samples).swapaxes(0, 1)
        )
        added = np.zeros((some, len(DETECTORS)))
        if kind != "noise":
            for first in range(0, some, _AT_ONCE):
                rows = slice(first, min(first + _AT_ONCE, some))
                wanted = generator.uniform(*snr, rows.stop - rows.start)
                signal, added[rows] = whitened_signals(kind, wanted, taps, settings, generator=generator)
                cut[rows] += signal
        strains.append(cut.astype(np.float32))
        ratios.append(added)
    return Events(np.concatenate(strains), np.concatenate(ratios))


def noise_stretch(
    settings: Strain, *, generator: np.random.Generator
) -> tuple[Float64[np.ndarray, "detector sample"], list[Float64[np.ndarray, "tap"]]]:
    """A stretch of whitened noise of both detectors, less the length of the filter, and the filter of each."""
    shape = (len(DETECTORS), round(settings.stretch * settings.rate))
    noise = coloured_noise(shape, rate=float(settings.rate), generator=generator)
    rate = float(settings.rate)
    if settings.spectrum == "known":
        frequency = np.fft.rfftfreq(round(settings.filter * rate), 1 / rate)
        densities = np.stack([design_density(frequency)] * len(DETECTORS))
    else:
        frequency, densities = power_spectral_density(noise, rate=rate, segment=settings.filter)
    taps = [
        whitening_filter(frequency, each, rate=rate, band=settings.band, duration=settings.filter)
        for each in densities
    ]
    white = np.stack([whiten(each, filter_) for each, filter_ in zip(noise, taps, strict=True)])
    return white, taps


def whitened_signals(
    kind: str,
    snr: Float[np.ndarray, "event"],
    taps: Sequence[Float[np.ndarray, "tap"]],
    settings: Strain,
    *,
    generator: np.random.Generator,
    density: Density | None = None,
) -> tuple[Float64[np.ndarray, "event detector sample"], Float64[np.ndarray, "event detector"]]:
    """Whitened signals to be added to whitened noise, and their ratio in each detector.

    Args:
        kind: One of `KINDS` but noise.
        snr: Ratio of the network for each event.
        taps: Whitening filter of each detector.
        settings: Of the strain.
        generator: The only source of randomness.
        density: Gives the power spectral densities (detector, frequency) that the ratio refers to, in 1/Hz; that of
            the design if not given.
    """
    period = _LONG.get(kind, _PERIOD)
    frequency = np.fft.rfftfreq(round(period * settings.rate), 1 / settings.rate)
    spectra = _spectra(kind, len(snr), frequency, settings, generator)
    noise = np.stack([design_density(frequency)] * len(taps)) if density is None else density(frequency)
    band = (20.0, settings.rate / 2)
    found = np.stack(
        [optimal_snr(spectra[:, i], each, step=1 / period, band=band) for i, each in enumerate(noise)], axis=1
    )
    scale = snr / np.linalg.norm(found, axis=1)
    gain = [whitening_response(each, frequency, rate=float(settings.rate)) for each in taps]
    signal = np.fft.irfft(spectra * np.stack(gain) * settings.rate, axis=-1)
    early = round(settings.event_time * settings.rate)
    cut = np.roll(signal, early, axis=-1)[..., : settings.samples]
    return cut * scale[:, None, None], found * scale[:, None]


def _spectra(
    kind: str, count: int, frequency: np.ndarray, settings: Strain, generator: np.random.Generator
) -> Complex128[np.ndarray, "event detector frequency"]:
    """Strain of each detector, of some size, with the event at time 0 of the first to see it, or near it."""
    if kind in GLITCHES:
        alone = _burst(kind, count, frequency, generator)
        late = generator.uniform(-0.8, 0.8, count) * min(
            settings.event_time, settings.duration - settings.event_time
        )
        alone = alone * np.exp(-2j * np.pi * frequency * late[:, None])
        where = generator.integers(len(DETECTORS), size=count)
        return alone[:, None] * (where[:, None] == np.arange(len(DETECTORS)))[..., None]
    if kind == "sine-Gaussian":
        wave = _burst(kind, count, frequency, generator)
    else:
        masses = generator.uniform(*((1.0, 3.0) if kind == "BNS" else (10.0, 80.0)), (2, count))
        waveform = taylor_f2 if kind == "BNS" else phenom_a
        wave = waveform(frequency, *masses, low=_BEGIN.get(kind, _LOWEST))
    return in_detectors(wave, frequency, generator=generator)


def in_detectors(
    wave: Complex128[np.ndarray, "event frequency"],
    frequency: Float[np.ndarray, "frequency"],
    *,
    generator: np.random.Generator,
) -> Complex128[np.ndarray, "event detector frequency"]:
    """Spectra of the strain of H1 and L1 from sources that are isotropic in direction, axis and polarisation.

    Times are those of the detector that the wave reaches first.

    Args:
        wave: Of the source seen face on, as the functions of `femtobarn.physics.waveforms` give it.
        frequency: Hz.
        generator: The only source of randomness.
    """
    count = len(wave)
    longitude = generator.uniform(0, 2 * np.pi, count)
    latitude = np.arcsin(generator.uniform(-1, 1, count))
    polarisation = generator.uniform(0, np.pi, count)
    plus, cross = polarisations(wave, np.arccos(generator.uniform(-1, 1, count)))
    times = np.stack([arrival(name, longitude, latitude) for name in DETECTORS], axis=1)
    times -= times.min(axis=1, keepdims=True)
    found = []
    for place, name in enumerate(DETECTORS):
        on_plus, on_cross = antenna_pattern(name, longitude, latitude, polarisation)
        late = np.exp(-2j * np.pi * frequency * times[:, place, None])
        found.append((on_plus[:, None] * plus + on_cross[:, None] * cross) * late)
    return np.stack(found, axis=1)


def _burst(
    kind: str, count: int, frequency: np.ndarray, generator: np.random.Generator
) -> Complex128[np.ndarray, "event frequency"]:
    """Spectrum of exp(-t^2 / tau^2) cos(2 pi f0 t + phase) with Q = sqrt(2) pi f0 tau, at its positive frequencies."""
    (lowest, highest), (least, most) = ((60, 200), (1, 2)) if kind == "blip" else ((50, 300), (3, 30))
    f0 = np.exp(generator.uniform(np.log(lowest), np.log(highest), count))[:, None]
    quality = np.exp(generator.uniform(np.log(least), np.log(most), count))[:, None]
    phase = generator.uniform(0, 2 * np.pi, count)[:, None]
    width = quality / (np.sqrt(2) * np.pi * f0)
    found: np.ndarray = 1e-22 * width * np.exp(1j * phase - (np.pi * width * (frequency - f0)) ** 2)
    found[:, 0] = 0.0
    return found
