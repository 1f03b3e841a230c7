"""The charges of one HGCAL wafer on its 48 trigger cells, drawn in their true shape."""

from functools import cache

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike

from femtobarn.errors import InputError
from femtobarn.physics import wafer
from femtobarn.plots.text import readable

_EMPTY = "#eceff1"


@cache
def trigger_cell_outlines() -> Float[np.ndarray, "48 14 2"]:
    """Corners of the trigger cells in units of the sensor-cell pitch, counter-clockwise.

    A trigger cell is two by two hexagonal sensor cells. All 192 sensor cells of the wafer lie on one
    hexagonal lattice, so the outlines tile it without gap or overlap.
    """
    x = wafer.positions()
    outlines = np.empty((wafer.CELLS, 14, 2))
    for rhombus in range(3):
        first = 16 * rhombus
        a, b = x[first + 4] - x[first], x[first + 1] - x[first]  # one row, one column further
        outlines[first : first + 16] = x[first : first + 16, None] + _outline(a / 2, b / 2)
    outlines.setflags(write=False)
    return outlines


def _outline(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Outer border of four unit hexagons at (+-a +- b) / 2: the edges that no two of them share."""
    angles = np.arange(6) * np.pi / 3
    corners = np.stack((np.cos(angles), np.sin(angles)), axis=1) / np.sqrt(3)
    follows: dict[tuple[int, int], tuple[int, int]] = {}
    point: dict[tuple[int, int], np.ndarray] = {}
    for i, j in ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)):
        hexagon = corners + i * a + j * b
        keys = [(round(1e6 * px), round(1e6 * py)) for px, py in hexagon]
        point |= dict(zip(keys, hexagon, strict=True))
        for start, end in zip(keys, keys[1:] + keys[:1], strict=True):
            if follows.get(end) == start:  # the neighbour ran along this edge the other way
                del follows[end]
            else:
                follows[start] = end
    path = [next(iter(follows))]
    while (after := follows[path[-1]]) != path[0]:
        path.append(after)
    return np.array([point[key] for key in path])


def wafer_display(
    ax: Axes,
    values: ArrayLike,
    *,
    norm: Normalize | None = None,
    cmap: str = "YlGnBu",
    label: str = r"charge [MIP$_\mathrm{T}$]",
    signed: bool = False,
    colorbar: bool = True,
) -> dict[str, np.ndarray]:
    """Draw 48 cell values with a colour bar; empty cells are grey: those of zero or less, or NaN.

    Args:
        ax: Axes to draw on; ticks and frame are removed.
        values: One value per trigger cell, in the order of `femtobarn.physics.wafer`, in MIP_T if
            `label` is left as it is.
        norm: Colour scale; give the same one to displays that are to be compared.
        label: Text of the colour bar.
        signed: The values are differences: zero and less are drawn in colour too.
        colorbar: Leave it out where displays share one.

    Returns:
        The columns drawn: cell, x, y, value.

    Raises:
        InputError: There are not 48 values.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (wafer.CELLS,):
        raise InputError(f"a wafer has {wafer.CELLS} cell values, got an array of shape {values.shape}")
    empty = np.isnan(values) if signed else ~(values > 0)
    colours = colormaps[cmap].with_extremes(bad=_EMPTY)
    cells = PolyCollection(
        list(trigger_cell_outlines()),
        array=np.ma.masked_where(empty, values),
        cmap=colours,
        norm=norm,
        edgecolor="white",
        linewidth=0.8,
    )
    ax.add_collection(cells)
    ax.autoscale_view()
    ax.set_aspect("equal")
    ax.set_axis_off()
    if colorbar and ax.figure is not None:
        ax.figure.colorbar(cells, ax=ax, label=readable(label), fraction=0.05, pad=0.03)
    x, y = wafer.positions().T
    return {"cell": np.arange(wafer.CELLS), "x": x, "y": y, "value": values}
