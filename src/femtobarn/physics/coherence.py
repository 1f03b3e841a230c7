"""Power in short windows of whitened strain of two detectors: of each, of both together, and what they have in common.

No waveform is assumed. A burst in both detectors adds to their product, at a difference of the times of arrival that
light allows; the noise of detectors that are far apart does not.
"""

from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float64, Int64

from femtobarn.compiled import njit
from femtobarn.errors import InputError

WINDOWS = (1 / 32, 1 / 16, 1 / 8, 1 / 4)  #: s
LAG = 0.011  #: s, light from H1 to L1 and one millisecond
_OVERLAP = 4  # positions of a window within its length
Windows = Float64[np.ndarray, "event window"]


class Coherence(NamedTuple):
    """Largest values within each event, a column for each length of the window; in units of the noise's variance.

    Power is the mean square, so that noise alone has 1 on average.
    """

    separate: Float64[np.ndarray, "event detector window"]
    """Power of each detector at its own best time."""
    together: Windows
    """Mean power of both detectors at the same time."""
    coherent: Windows
    """Power of (h + l) / sqrt(2) or of (h - l) / sqrt(2), at the best time, difference of arrival and sign."""
    correlation: Windows
    """Absolute mean product of h and l, at the best time and difference of arrival."""
    peak: Int64[np.ndarray, "event window"]
    """Sample of the first detector in the middle of the window of the largest correlation."""


def coherence(
    strain: Float[np.ndarray, "event 2 sample"],
    *,
    rate: float,
    windows: Sequence[float] = WINDOWS,
    lag: float = LAG,
) -> Coherence:
    """What two detectors have in common, without a waveform: `Coherence`.

    A wave from either direction swings the arms of H1 and L1 with nearly opposite sign; other detectors, polarisations
    and directions give other ratios, so both signs are tried and the sizes are taken as alike (compare the coherent
    statistics of astro-ph/0110157).

    Args:
        strain: Whitened, of unit variance.
        rate: Samples a second, Hz.
        windows: Lengths, s.
        lag: Largest difference of the times of arrival, s.

    Raises:
        InputError: Strain that is not finite or not of two detectors, a window longer than an event or shorter than
            four samples.
    """
    if strain.ndim != 3 or strain.shape[1] != 2 or not np.isfinite(strain).all():
        raise InputError(
            f"expected finite strain (event, 2 detectors, sample), got {strain.shape}, or NaN in it"
        )
    lengths = np.array([round(each * rate) for each in windows], np.int64)
    shift = int(lag * rate)
    if not len(lengths) or lengths.min() < _OVERLAP or lengths.max() + shift > strain.shape[2]:
        raise InputError(
            f"expected windows of {_OVERLAP / rate:g} s to {strain.shape[2] / rate - lag:g} s, "
            f"got {', '.join(f'{each:g}' for each in windows)}"
        )
    count = len(strain), len(lengths)
    found = Coherence(
        separate=np.zeros((count[0], 2, count[1])),
        together=np.zeros(count),
        coherent=np.zeros(count),
        correlation=np.zeros(count),
        peak=np.zeros(count, np.int64),
    )
    _fill(np.ascontiguousarray(strain, np.float32), lengths, shift, *found)
    return found


@no_type_check
@njit(cache=True)
def _fill(strain, lengths, shift, separate, together, coherent, correlation, peak):
    events, _, n = strain.shape
    for event in range(events):
        h, other = strain[event, 0], strain[event, 1]
        sums, products = np.zeros((2, n + 1)), np.zeros(n + 1)
        for t in range(n):
            sums[0, t + 1] = sums[0, t] + h[t] * h[t]
            sums[1, t + 1] = sums[1, t] + other[t] * other[t]
        for place, length in enumerate(lengths):
            for t in range(0, n - length + 1, length // _OVERLAP):
                one = (sums[0, t + length] - sums[0, t]) / length
                two = (sums[1, t + length] - sums[1, t]) / length
                separate[event, 0, place] = max(separate[event, 0, place], one)
                separate[event, 1, place] = max(separate[event, 1, place], two)
                together[event, place] = max(together[event, place], (one + two) / 2)
        for late in range(-shift, shift + 1):
            first, last = max(0, -late), min(n, n - late)
            products[first] = 0.0
            for t in range(first, last):
                products[t + 1] = products[t] + h[t] * other[t + late]
            for place, length in enumerate(lengths):
                for t in range(first, last - length + 1, length // _OVERLAP):
                    common = abs(products[t + length] - products[t]) / length
                    power = sums[0, t + length] - sums[0, t] + sums[1, t + late + length] - sums[1, t + late]
                    coherent[event, place] = max(coherent[event, place], power / (2 * length) + common)
                    if common > correlation[event, place]:
                        correlation[event, place] = common
                        peak[event, place] = t + length // 2


def windowed_power(
    strain: Float[np.ndarray, "*event sample"], window: int
) -> Float64[np.ndarray, "*event window"]:
    """Mean square of windows side by side, what an autoencoder that gives zero leaves; a shorter rest is dropped.

    Raises:
        InputError: A window longer than the strain.
    """
    cut = windowed(strain, window)
    return np.square(cut, dtype=np.float64).mean(axis=-1)


def windowed(
    strain: Float[np.ndarray, "*event sample"], window: int
) -> Float[np.ndarray, "*event window length"]:
    """The strain in windows side by side; a shorter rest is dropped.

    Raises:
        InputError: A window longer than the strain, or an empty one.
    """
    count = strain.shape[-1] // window if window > 0 else 0
    if count < 1:
        raise InputError(f"expected a window of 1 to {strain.shape[-1]} samples, got {window}")
    return strain[..., : count * window].reshape(*strain.shape[:-1], count, window)
