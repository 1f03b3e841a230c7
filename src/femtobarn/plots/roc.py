"""How much background is left for how much signal."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.errors import InputError
from femtobarn.plots.text import readable


def rejection(
    ax: Axes, signal: ArrayLike, background: ArrayLike, events: int, *, label: str, minimum: int = 5
) -> dict[str, np.ndarray]:
    """Draw 1 / background efficiency against signal efficiency, logarithmic, with the band of its binomial error.

    Args:
        ax: Axes to draw on.
        signal, background: Efficiencies of cuts, as from `femtobarn.metrics.roc_curve`.
        events: Background events behind the curve.
        label: Text in the legend.
        minimum: Cuts that leave fewer background events are not drawn.

    Returns:
        The columns drawn: signal, rejection, error, at 200 efficiencies or fewer.

    Raises:
        InputError: Columns of different length, or no background events.
    """
    kept, mistaken = np.asarray(signal, dtype=float), np.asarray(background, dtype=float)
    if kept.ndim != 1 or kept.shape != mistaken.shape or events < 1:
        raise InputError(
            f"one background efficiency for each of the signal: got {kept.shape} and {mistaken.shape}"
            f" from {events} events"
        )
    at = np.linspace(0.005, 1, 200)
    value = np.interp(at, kept, mistaken)
    at, value = at[value * events >= minimum], value[value * events >= minimum]
    error = np.sqrt((1 - value) / (value * events)) / value
    (line,) = ax.plot(at, 1 / value, label=readable(label))
    ax.fill_between(at, 1 / value - error, 1 / value + error, color=line.get_color(), alpha=0.15, linewidth=0)
    ax.set_yscale("log")
    ax.set(xlabel="signal efficiency", ylabel="background rejection")
    return {"signal": at, "rejection": 1 / value, "error": error}
