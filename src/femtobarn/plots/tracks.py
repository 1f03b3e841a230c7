"""Hits and tracks of one event: seen along the beam, from the side, or in space."""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb, to_hex

from femtobarn.errors import InputError
from femtobarn.plots.turnable import turnable

_VIEWS = {"r-phi": ("x [mm]", "y [mm]"), "r-z": ("z [mm]", "r [mm]")}
_REACH = 1.15  # of the farthest hits in a drawing that turns
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
    if view not in _VIEWS:
        raise InputError(f"expected a view, r-phi or r-z, got {view!r}")
    r = np.hypot(position[:, 0], position[:, 1])
    flat = np.column_stack((position[:, 0], position[:, 1]) if view == "r-phi" else (position[:, 2], r))
    lines, row, colours = _lines(position, label, most)
    if free:
        rest = np.setdiff1d(np.arange(len(label)), row)
        ax.scatter(flat[rest, 0], flat[rest, 1], s=0.4, c="#b0bec5", linewidths=0, rasterized=True)
    ax.add_collection(LineCollection([flat[line] for line in lines], colors=colours, linewidths=0.6))
    if len(row):
        of_line = np.repeat(colours, [len(line) for line in lines], axis=0)
        ax.scatter(flat[row, 0], flat[row, 1], s=1.2, c=of_line, linewidths=0, rasterized=True)
    ax.autoscale_view()
    ax.set_xlabel(_VIEWS[view][0])
    ax.set_ylabel(_VIEWS[view][1])
    if view == "r-phi":
        ax.set_aspect("equal")
    return {"x": flat[row, 0], "y": flat[row, 1], "track": label[row]}


def event_in_space(
    position: Float[np.ndarray, "hit 3"], label: Int[np.ndarray, "hit"], *, most: int = 150
) -> tuple[bytes, dict[str, np.ndarray]]:
    """An SVG drawing of tracks through their hits that the report page turns, and the columns drawn.

    The length is that of the farthest hits: r and z have the same scale.

    Args:
        position: Of the hits, mm.
        label: Track of each hit, negative for none.
        most: Tracks that are drawn, those with the most hits.

    Raises:
        InputError: Not one label for each hit.
    """
    lines, row, colours = _lines(position, label, most)
    reach = float(np.abs(position[row]).max(initial=1.0)) / _REACH
    paths = [position[line].astype(np.float64) / reach for line in lines]
    beam = np.array([[0.0, 0.0, -_REACH], [0.0, 0.0, _REACH]])
    at = position[row].astype(np.float64) / reach
    shade = np.repeat([to_hex(each) for each in colours], [len(line) for line in lines])
    svg = turnable(
        at, np.full(len(at), 1.0), shade.astype(object), lines=[*paths, beam],
        line_colour=[to_hex(each) for each in colours],
        words=f"the beam is grey; {len(lines)} tracks, {len(row)} hits",
    )  # fmt: skip
    columns = {name: position[row, axis] for axis, name in enumerate("xyz")}
    return svg, columns | {"track": label[row]}


def _lines(
    position: Float[np.ndarray, "hit 3"], label: Int[np.ndarray, "hit"], most: int
) -> tuple[list[Int[np.ndarray, "_"]], Int[np.ndarray, "row"], Float[np.ndarray, "track 3"]]:
    """The hits of each of the longest tracks from the inside out, the same in one array, and a colour for each."""
    if len(label) != len(position):
        raise InputError(f"expected a label for each of {len(position)} hits, got {len(label)} labels")
    name, size = np.unique(label[label >= 0], return_counts=True)
    row = np.flatnonzero(np.isin(label, name[np.argsort(-size, kind="stable")[:most]]))
    row = row[np.lexsort((np.linalg.norm(position[row], axis=1), label[row]))]
    lines = [part for part in np.split(row, np.flatnonzero(np.diff(label[row])) + 1) if len(part)]
    hue = (np.arange(len(lines)) * _GOLDEN) % 1
    return lines, row, hsv_to_rgb(np.column_stack((hue, np.full((len(lines), 2), 0.75))))
