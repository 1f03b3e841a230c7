"""How well a quantity is measured, against its true value."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.plots.binning import split_by_bin
from femtobarn.plots.style import MARKERS
from femtobarn.plots.text import readable

_CORRELATION = 0.16 / 0.84  # of the 16 % and 84 % quantiles of a large sample


def resolution(
    ax: Axes, true: ArrayLike, residual: ArrayLike, bins: ArrayLike, *, label: str, minimum: int = 50
) -> dict[str, np.ndarray]:
    """Draw the width of the residuals, with its error, in bins of the true value.

    Args:
        ax: Axes to draw on.
        true: True value, finite.
        residual: Measured minus true, or divided by true; finite.
        bins: Edges of the bins.
        label: Text in the legend.
        minimum: A bin of fewer entries is not drawn; its numbers come back as NaN.

    Returns:
        The columns drawn, a row per bin: low, high, entries, width, error (see `central_width`).

    Raises:
        InputError: Lengths differ, a value is not finite, or the edges do not rise.
    """
    bins, parts = split_by_bin(true, residual, bins)
    rows = [central_width(part) if len(part) >= minimum else (np.nan, np.nan) for part in parts]
    width, error = np.array(rows).T
    middle, half = (bins[:-1] + bins[1:]) / 2, np.diff(bins) / 2
    marker = MARKERS[len(ax.containers) % len(MARKERS)]
    ax.errorbar(middle, width, error, half, fmt=marker, capsize=0, label=readable(label))
    entries = np.array([len(part) for part in parts])
    return {"low": bins[:-1], "high": bins[1:], "entries": entries, "width": width, "error": error}


def central_width(ordered: Float[np.ndarray, "n"]) -> tuple[float, float]:
    """Half of the 16-84 % interval of a sorted sample, and its statistical error.

    The error needs no shape of the distribution: a quantile p of n values moves by about
    sqrt(n p (1 - p)) ranks, and the values at those ranks are in the sample.
    """
    n = len(ordered)
    shift = np.sqrt(0.16 * 0.84 / n)
    low, high = np.quantile(ordered, (0.16, 0.84))
    q = np.quantile(ordered, np.clip([0.16 - shift, 0.16 + shift, 0.84 - shift, 0.84 + shift], 0, 1))
    e_low, e_high = (q[1] - q[0]) / 2, (q[3] - q[2]) / 2
    variance = e_low**2 + e_high**2 - 2 * _CORRELATION * e_low * e_high
    return float((high - low) / 2), float(np.sqrt(variance) / 2)
