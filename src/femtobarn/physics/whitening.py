"""Strain with a flat spectrum: power spectral density by Welch's method, and a filter that divides by its root."""

import numpy as np
from jaxtyping import Float, Float64

from femtobarn.errors import InputError

SEGMENT = 4.0  #: s, of the pieces a density is estimated from


def power_spectral_density(
    strain: Float[np.ndarray, "*detector sample"], *, rate: float, segment: float = SEGMENT
) -> tuple[Float64[np.ndarray, "frequency"], Float64[np.ndarray, "*detector frequency"]]:
    """Frequencies in Hz and one-sided power spectral density in 1/Hz: the median over pieces that overlap by half.

    The median, corrected for its bias (gr-qc/0509116, appendix B), does not see what lasts a piece or two, such as a
    glitch or a short signal. Strain of about 1e-21 is scaled up meanwhile, so that float32 does not underflow.

    Args:
        strain: At least two pieces of it, without a gap.
        rate: Samples a second, Hz.
        segment: Length of a piece, s: it decides how narrow a line may be.

    Raises:
        InputError: Too short, or not finite.
    """
    from scipy.signal import welch

    length = round(segment * rate)
    if strain.shape[-1] < 2 * length:
        raise InputError(
            f"a spectrum needs at least {2 * segment:g} s of strain without a gap, got "
            f"{strain.shape[-1] / rate:g} s: take shorter pieces or more data"
        )
    if not np.isfinite(strain).all():
        raise InputError("a spectrum needs finite strain: cut out gaps (NaN) before")
    scaled = np.asarray(strain, np.float64) * 1e20
    frequency, density = welch(
        scaled, rate, window="hann", nperseg=length, average="median", detrend="constant"
    )
    return frequency, density * 1e-40


def whitening_filter(
    frequency: Float[np.ndarray, "frequency"],
    density: Float[np.ndarray, "frequency"],
    *,
    rate: float,
    band: tuple[float, float],
    duration: float = SEGMENT,
) -> Float64[np.ndarray, "tap"]:
    """Symmetric filter that makes noise of this density flat inside a band, of unit variance after it.

    The gain is 1 / sqrt(density) times a Butterworth band-pass of order 8, without its phase; the taps are cut to the
    duration with a Hann window (inverse spectrum truncation, gr-qc/0509116, section IV). Symmetric taps delay nothing
    when the two halves are dropped, as `whiten` does.

    Args:
        frequency: Equally spaced from 0, Hz.
        density: One-sided, 1/Hz.
        rate: Of the strain to be filtered, Hz.
        band: Lowest and highest frequency, Hz.
        duration: Of the taps, s.

    Raises:
        InputError: A band beyond the known frequencies or half the rate, or a density that is not positive in it.
    """
    low, high = band
    if not 0 < low < high < rate / 2 or high > frequency[-1]:
        raise InputError(
            f"expected a band of frequencies between 0 and {min(rate / 2, frequency[-1]):g} Hz, got {low:g} to {high:g}"
        )
    taps = 2 * (round(duration * rate) // 2) + 1
    grid = np.fft.rfftfreq(2 * taps, 1 / rate)
    passed = _band_pass(grid, low, high)
    inside = passed > 1e-6
    known = np.interp(grid[inside], frequency, density * 1e40)
    if not (np.isfinite(known) & (known > 0)).all():
        raise InputError(
            f"expected a positive density of noise from {low:g} to {high:g} Hz: is the strain all zero?"
        )
    gain = np.zeros(len(grid))
    gain[inside] = passed[inside] / np.sqrt(known)
    long = np.fft.irfft(gain, 2 * taps)
    found: np.ndarray = np.roll(long, taps // 2)[:taps] * np.hanning(taps)
    response = np.abs(np.fft.rfft(found, 2 * taps)) ** 2
    beyond = np.interp(grid, frequency, density * 1e40)  # of what the cut taps let through
    variance = np.sum(response * beyond) * (grid[1] - grid[0])
    return found * 1e20 / np.sqrt(variance)


def whiten(
    strain: Float[np.ndarray, "*detector sample"], taps: Float[np.ndarray, "tap"]
) -> Float64[np.ndarray, "*detector kept"]:
    """Filtered strain; the first and the last half of the filter's length, where it is not all there, are dropped.

    Raises:
        InputError: Not longer than the filter.
    """
    from scipy.signal import oaconvolve

    if strain.shape[-1] < len(taps):
        raise InputError(
            f"expected strain longer than the filter of {len(taps)} samples, got {strain.shape[-1]}"
        )
    scale = 1e20  # taps of 1e20 and strain of 1e-20 are exact in float64 but not their squares in float32
    along = taps.reshape((1,) * (strain.ndim - 1) + (-1,)) / scale
    found: np.ndarray = oaconvolve(np.asarray(strain, np.float64) * scale, along, mode="valid", axes=-1)
    return found


def whitening_response(
    taps: Float[np.ndarray, "tap"], frequency: Float[np.ndarray, "frequency"], *, rate: float
) -> Float64[np.ndarray, "frequency"]:
    """Gain of a symmetric filter at equally spaced frequencies from 0, for signals that are known by their spectrum.

    Raises:
        InputError: Frequencies too far apart for a filter of this length.
    """
    length = round(rate / frequency[1]) if len(frequency) > 1 else 0
    if length < len(taps):
        raise InputError(
            f"expected frequencies at most {rate / len(taps):g} Hz apart, got {frequency[1]:g} Hz"
        )
    padded = np.zeros(length)
    padded[: len(taps)] = taps
    spectrum: np.ndarray = np.fft.rfft(np.roll(padded, -(len(taps) // 2))).real
    return spectrum[: len(frequency)]


def _band_pass(
    frequency: np.ndarray, low: float, high: float, *, order: int = 8
) -> Float64[np.ndarray, "frequency"]:
    """Gain of a Butterworth high-pass and low-pass, one after the other."""
    with np.errstate(divide="ignore", over="ignore"):
        gain: np.ndarray = 1 / np.sqrt(
            (1 + (low / frequency) ** (2 * order)) * (1 + (frequency / high) ** (2 * order))
        )
    return gain
