"""Points and lines in space, as a drawing that the report page lets a reader turn."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

_WIDTH, _HEIGHT, _UNIT = 460, 380, 150  # pixels; _UNIT for a length of 1
_TURN = (0.9, 0.35)  # yaw and pitch at first, radians
_GREY = "#bbbbbb"


def turnable(
    at: Float64[np.ndarray, "point 3"],
    size: Float64[np.ndarray, " point"],
    colour: np.ndarray,
    *,
    layer: Sequence[str] = (),
    lines: Sequence[Float64[np.ndarray, "_ 3"]],
    line_colour: Sequence[str] = (),
    line_layer: Sequence[str] = (),
    hidden: Sequence[str] = (),
    words: str,
) -> bytes:
    """An SVG drawing of points and lines in space that the report page turns when it is dragged.

    What lies in space says where in ``data-at``, and the script of the report page turns drawings with ``data-turn``.
    It shows and hides what says its layer in ``data-layer``.

    Args:
        at: Places within about 1 of the middle: right, up, along the beam.
        size: Radii of the circles, pixels.
        colour: Of the circles, as "#rrggbb".
        layer: Of the circles; without them all are always there.
        lines: Drawn behind the points.
        line_colour: Of the first of the lines; the others are grey.
        line_layer: Of the first of the lines; the others are always there.
        hidden: Layers that are not shown at first.
        words: Below the drawing.
    """
    colours = [*line_colour, *[_GREY] * (len(lines) - len(line_colour))]
    layers = [*line_layer, *[""] * (len(lines) - len(line_layer))]
    shown = {each: _layer(each, hidden) for each in (*layers, *layer)}
    parts = [
        _line(corners, shade, shown[each])
        for corners, shade, each in zip(lines, colours, layers, strict=True)
    ]
    behind = np.argsort(_projected(at)[:, 2])  # the nearest come last, on top
    parts += [
        _circle(at[i], float(size[i]), str(colour[i]), shown[layer[i]] if layer else "") for i in behind
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}px" height="{_HEIGHT}px" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" data-turn="{_TURN[0]} {_TURN[1]} {_UNIT}">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/><g>{"".join(parts)}</g>'
        f'<text x="8" y="{_HEIGHT - 10}" font-size="12" fill="#444444">{words}</text></svg>'
    )
    return svg.encode()


def _projected(at: Float64[np.ndarray, "point 3"]) -> Float64[np.ndarray, "point 3"]:
    """Right, up and towards the viewer, as the script of the page has it."""
    yaw, pitch = _TURN
    x, y, z = at.T
    right, back = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    return np.column_stack(
        (right, y * np.cos(pitch) - back * np.sin(pitch), y * np.sin(pitch) + back * np.cos(pitch))
    )


def _pixels(at: Float64[np.ndarray, "point 3"]) -> Float64[np.ndarray, "point 2"]:
    right, up, _ = _projected(at).T
    return np.column_stack((_WIDTH / 2 + _UNIT * right, _HEIGHT / 2 - _UNIT * up))


def _layer(name: str, hidden: Sequence[str]) -> str:
    """What a part of a layer says of it."""
    return (f' data-layer="{name}"' if name else "") + (' display="none"' if name in hidden else "")


def _circle(at: Float64[np.ndarray, "3"], size: float, colour: str, layer: str) -> str:
    ((x, y),) = _pixels(at[None])
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{colour}" fill-opacity="0.8" '
        f'data-at="{_numbers(at)}"{layer}/>'
    )


def _line(points: Float64[np.ndarray, "point 3"], colour: str, layer: str) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in _pixels(points))
    return (
        f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="0.8" '
        f'data-at="{", ".join(_numbers(point) for point in points)}"{layer}/>'
    )


def _numbers(point: Float64[np.ndarray, "3"]) -> str:
    return " ".join(f"{value:.3f}" for value in point)
