"""Hits and tracks of one event, seen along the beam or from the side."""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb

from femtobarn.errors import InputError

_VIEWS = {"r-phi": ("x [mm]", "y [mm]"), "r-z": ("z [mm]", "r [mm]")}
_GOLDEN = 0.618034  # of the circle of colours from a track to the next: neighbours never look alike


def event_display(
    ax: Axes,
    position: Float[np.ndarray, "hit 3"],
    label: Int[np.ndarray, "hit"],
    *,
    view: str = "r-phi",
    most: int = 300,
    free: bool = True,
) -> dict[str, np.ndarray]:
    """Draw tracks as lines through their hits over the hits that belong to none; gives the columns drawn.

    Free hits are small and pale, so that thousands stay readable. Of more tracks than `most` those with the most
    hits are drawn.

    Args:
        ax: Axes to draw on.
        position: Of the hits, mm.
        label: Track of each hit, negative for none.
        view: "r-phi", along the beam, or "r-z", from the side.
        most: Tracks that are drawn.
        free: Whether hits without a track that is drawn are shown.

    Raises:
        InputError: No such view, or not one label for each hit.
    """
    if view not in _VIEWS or len(label) != len(position):
        raise InputError(
            f"expected a view, r-phi or r-z, and a label for each of {len(position)} hits, got {view!r} and "
            f"{len(label)} labels"
        )
    r = np.hypot(position[:, 0], position[:, 1])
    x, y = (position[:, 0], position[:, 1]) if view == "r-phi" else (position[:, 2], r)
    name, size = np.unique(label[label >= 0], return_counts=True)
    shown = name[np.argsort(-size, kind="stable")[:most]]
    drawn = np.isin(label, shown)
    if free:
        ax.scatter(x[~drawn], y[~drawn], s=0.4, c="#b0bec5", linewidths=0, rasterized=True)
    row = np.flatnonzero(drawn)
    row = row[np.lexsort((np.linalg.norm(position[row], axis=1), label[row]))]
    cut = np.flatnonzero(np.diff(label[row])) + 1
    lines = [np.column_stack((x[part], y[part])) for part in np.split(row, cut) if len(part)]
    hue = (np.arange(len(lines)) * _GOLDEN) % 1
    colours = hsv_to_rgb(np.column_stack((hue, np.full(len(lines), 0.75), np.full(len(lines), 0.75))))
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=0.6))
    if len(row):
        of_line = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        ax.scatter(x[row], y[row], s=1.2, c=colours[of_line], linewidths=0, rasterized=True)
    ax.autoscale_view()
    ax.set_xlabel(_VIEWS[view][0])
    ax.set_ylabel(_VIEWS[view][1])
    if view == "r-phi":
        ax.set_aspect("equal")
    return {"x": x[row], "y": y[row], "track": label[row]}
