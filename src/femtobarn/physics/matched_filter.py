"""Signal-to-noise ratio of known waveforms in Gaussian noise: optimal, of a template, and the match of two."""

import numpy as np
from jaxtyping import Complex, Complex128, Float, Float64

from femtobarn.errors import InputError


def optimal_snr(
    spectrum: Complex[np.ndarray, "event frequency"],
    density: Float[np.ndarray, "frequency"],
    *,
    step: float,
    band: tuple[float, float],
) -> Float64[np.ndarray, "event"]:
    """Signal-to-noise ratio of the matched filter without noise: root of 4 int |h|^2 / S df over the band.

    Args:
        spectrum: Fourier transform of the strain, 1/Hz, at frequencies 0, step, 2 step ...
        density: One-sided power spectral density at the same frequencies, 1/Hz.
        step: Between frequencies, Hz.
        band: Lowest and highest frequency, Hz.

    Source: gr-qc/0509116, eq. 2.7.
    """
    inside = _inside(spectrum.shape[-1], step, band)
    power = np.abs(spectrum[..., inside] * 1e20) ** 2 / (density[inside] * 1e40)
    found: np.ndarray = np.sqrt(4 * step * power.sum(axis=-1))
    return found


def matched_filter(
    strain: Float[np.ndarray, "sample"],
    template: Complex[np.ndarray, "frequency"],
    density: Float[np.ndarray, "frequency"],
    *,
    rate: float,
    band: tuple[float, float],
) -> Complex128[np.ndarray, "sample"]:
    """Complex signal-to-noise ratio at every sample; its absolute value is the SNR at the best phase.

    The strain is taken as periodic: taper its ends, and leave what lies within the filter's length of them aside.

    Args:
        strain: Of one detector, dimensionless.
        template: Fourier transform of the waveform that would arrive at time 0, at the frequencies of
            `numpy.fft.rfft` of the strain; its size does not matter.
        density: One-sided power spectral density at the same frequencies, 1/Hz.
        rate: Samples a second, Hz.
        band: Lowest and highest frequency, Hz.

    Source: gr-qc/0509116, eq. 4.1 to 4.4.

    Raises:
        InputError: Spectra of another length than the strain needs.
    """
    n = len(strain)
    if not len(template) == len(density) == n // 2 + 1:
        raise InputError(f"{n} samples have {n // 2 + 1} frequencies: got {len(template)} and {len(density)}")
    inside = _inside(len(template), rate / n, band)
    noise = np.where(inside, density * 1e40, 1.0)
    data = np.fft.rfft(np.asarray(strain, np.float64) * 1e20) / rate
    shape = np.where(inside, template * 1e20, 0.0)
    sigma = np.sqrt(4 * rate / n * np.sum(np.abs(shape) ** 2 / noise))
    if not sigma > 0:
        raise InputError(f"the template is zero from {band[0]:g} to {band[1]:g} Hz")
    both = np.zeros(n, complex)
    both[: len(template)] = data * shape.conj() / noise
    found: np.ndarray = 4 * rate * np.fft.ifft(both) / sigma
    return found


def match(
    one: Complex[np.ndarray, "frequency"],
    other: Complex[np.ndarray, "frequency"],
    density: Float[np.ndarray, "frequency"],
    *,
    step: float,
    band: tuple[float, float],
) -> float:
    """Overlap of two waveforms at the best time and phase, 1 for the same shape.

    Args:
        one, other: Fourier transforms at frequencies 0, step, 2 step ..., 1/Hz.
        density, step, band: As in `optimal_snr`.

    Source: gr-qc/9511032, eq. 2.
    """
    inside = _inside(len(one), step, band)
    weight = np.where(inside, 1 / np.where(inside, density * 1e40, 1.0), 0.0)
    first, second = one * 1e20, other * 1e20
    finer = np.fft.ifft(first * second.conj() * weight, 16 * len(one))  # time in small steps
    product = np.abs(finer).max() * 16 * len(one)
    norms = [np.sum(np.abs(each) ** 2 * weight) for each in (first, second)]
    return float(product / np.sqrt(norms[0] * norms[1]))


def _inside(count: int, step: float, band: tuple[float, float]) -> np.ndarray:
    frequency = step * np.arange(count)
    return (frequency >= band[0]) & (frequency <= band[1])
