"""How far off: the distribution of differences between measured and true."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.errors import InputError
from femtobarn.plots.text import readable


def residuals(
    ax: Axes, residual: ArrayLike, bins: ArrayLike, *, label: str, unit: str = ""
) -> dict[str, np.ndarray]:
    """Draw a histogram of residuals, its share of entries per bin; the legend gives median and width.

    The width is half of the interval between the 16 % and 84 % quantiles: the standard deviation of
    a normal distribution, but blind to far tails. Both are of all values, inside the bins or not; so
    the legend also tells how many lie outside.

    Args:
        ax: Axes to draw on.
        residual: Measured minus true, finite.
        bins: Edges of the bins.
        label: Text in the legend.
        unit: Unit of the residuals, for the legend.

    Returns:
        The columns drawn, a row per bin: low, high, entries.

    Raises:
        InputError: There is no value, or one is not finite.
    """
    residual, bins = np.asarray(residual, dtype=float), np.asarray(bins, dtype=float)
    if residual.ndim != 1 or not residual.size or not np.isfinite(residual).all():
        bad = int(np.sum(~np.isfinite(residual)))
        raise InputError(f"residuals are finite numbers: got shape {residual.shape}, {bad} not finite")
    entries, bins = np.histogram(residual, bins)
    low, median, high = np.quantile(residual, (0.16, 0.5, 0.84))
    text = f"{label}: {median:.2g} ± {(high - low) / 2:.2g} {unit}".rstrip()
    if outside := len(residual) - int(entries.sum()):
        text += f" ({outside / len(residual):.1%} outside)"
    ax.stairs(entries / len(residual), bins, linewidth=1.6, label=readable(text))
    return {"low": bins[:-1], "high": bins[1:], "entries": entries}
