"""How a training went: losses against epochs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.errors import InputError
from femtobarn.plots.style import long_form
from femtobarn.plots.text import plain


def training_curves(
    ax: Axes, epochs: ArrayLike, curves: Mapping[str, ArrayLike], *, best: str | None = None
) -> dict[str, np.ndarray]:
    """Draw one curve per name against the epoch, on a logarithmic axis if they span a decade.

    Args:
        ax: Axes to draw on.
        epochs: The epoch of each point.
        curves: Losses by the name they have in the legend; NaN leaves a gap.
        best: The curve whose lowest point is marked: the epoch that was kept.

    Returns:
        The columns drawn: curve, epoch, value.

    Raises:
        InputError: A curve has not one value per epoch, or `best` is none of them.
    """
    epochs = np.asarray(epochs, dtype=float)
    losses = {name: np.asarray(curve, dtype=float) for name, curve in curves.items()}
    for name, loss in losses.items():
        if loss.shape != epochs.shape:
            raise InputError(f"one value of {name} per epoch: got shapes {loss.shape} and {epochs.shape}")
    if best is not None and best not in losses:
        raise InputError(f"no curve is called {best}: there are {', '.join(losses)}")
    for name, loss in losses.items():
        ax.plot(epochs, loss, label=plain(name))
    if best is not None and np.isfinite(losses[best]).any():
        low = int(np.nanargmin(losses[best]))
        ax.plot(epochs[low], losses[best][low], "o", color="black", label=f"kept: epoch {epochs[low]:g}")
    drawn = np.concatenate(list(losses.values()))
    if np.nanmax(drawn, initial=0) > 10 * np.nanmin(drawn, initial=np.inf) > 0:
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    return long_form({name: {"epoch": epochs, "value": loss} for name, loss in losses.items()}, name="curve")
