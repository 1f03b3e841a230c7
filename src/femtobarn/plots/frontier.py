"""What each bit buys: a quantity against the number of bits sent, one line a method."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.errors import InputError
from femtobarn.plots.style import MARKERS, PALETTE
from femtobarn.plots.text import readable


def frontier(
    ax: Axes, bits: ArrayLike, value: ArrayLike, error: ArrayLike | None = None, *, label: str
) -> dict[str, np.ndarray]:
    """Draw a value with its error against the bits it costs, joined in the order of bits.

    Args:
        ax: Axes to draw on.
        bits: Bits sent per event, one number per point.
        value: The quantity, one number per point.
        error: Its uncertainty; None where there is none.
        label: Text in the legend.

    Returns:
        The columns drawn, in the order of bits: bits, value, error (NaN where there is none).

    Raises:
        InputError: The columns differ in length.
    """
    bits, value = np.asarray(bits, dtype=float), np.asarray(value, dtype=float)
    error = np.full(value.shape, np.nan) if error is None else np.asarray(error, dtype=float)
    if bits.ndim != 1 or not bits.shape == value.shape == error.shape:
        shapes = f"{bits.shape}, {value.shape}, {error.shape}"
        raise InputError(f"one value and error for each number of bits: got shapes {shapes}")
    order = np.argsort(bits, kind="stable")
    bits, value, error = bits[order], value[order], error[order]
    drawn = len(ax.containers)
    # Once the colours are used up the lines are dashed, and the markers are out of step with the colours.
    again = drawn // len(PALETTE)
    marker, line = MARKERS[(drawn + 4 * again) % len(MARKERS)], "--" if again else "-"
    bars = np.where(np.isfinite(error), error, 0)
    ax.errorbar(bits, value, bars, label=readable(label), marker=marker, linestyle=line)
    return {"bits": bits, "value": value, "error": error}
