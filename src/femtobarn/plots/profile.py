"""How a quantity runs against another: its median and the band that holds the central 68 %."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.plots.binning import split_by_bin
from femtobarn.plots.style import MARKERS
from femtobarn.plots.text import readable

_QUANTILES = (0.16, 0.5, 0.84)


def band_profile(
    ax: Axes, x: ArrayLike, y: ArrayLike, bins: ArrayLike, *, label: str, minimum: int = 20
) -> dict[str, np.ndarray]:
    """Draw the median of y in bins of x as a line, and the 16-84 % quantiles as a band.

    Args:
        ax: Axes to draw on.
        x: One finite number per event; values outside the bins are left out.
        y: The same.
        bins: Edges of the bins.
        label: Text in the legend.
        minimum: A bin of fewer entries is not drawn; its quantiles come back as NaN.

    Returns:
        The columns drawn, a row per bin: low, high, entries, q16, median, q84.

    Raises:
        InputError: Lengths differ, a value is not finite, or the edges do not rise.
    """
    bins, parts = split_by_bin(x, y, bins)
    entries = np.array([len(part) for part in parts])
    empty = np.full(len(_QUANTILES), np.nan)
    rows = [np.quantile(part, _QUANTILES) if len(part) >= max(minimum, 1) else empty for part in parts]
    q16, median, q84 = np.array(rows).T
    # Medians sit at the middle of their bins and are joined: a band per bin in steps hides one
    # method behind another. A bin without enough entries leaves a gap.
    middle = (bins[:-1] + bins[1:]) / 2
    (line,) = ax.plot(middle, median, marker=MARKERS[len(ax.lines) % len(MARKERS)], label=readable(label))
    ax.fill_between(middle, q16, q84, color=line.get_color(), alpha=0.18, linewidth=0)
    return {"low": bins[:-1], "high": bins[1:], "entries": entries, "q16": q16, "median": median, "q84": q84}
