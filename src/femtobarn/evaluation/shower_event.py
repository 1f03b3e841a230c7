"""One shower in space, as a drawing that the report page lets a reader turn."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64
from matplotlib import colormaps
from matplotlib.colors import to_hex

from femtobarn.physics.voxels import VoxelGeometry

_WIDTH, _HEIGHT, _UNIT = 460, 380, 150  # pixels; _UNIT for a length of 1
_TURN = (0.9, 0.35)  # yaw and pitch at first, radians
_MOST = 1200  # voxels drawn, those of the highest energy
_SHARE = 0.98  # of the energy that has to be inside the radius drawn
_LENGTH = 1.1  # half of the shower's depth


def shower_drawing(
    shower: Float[np.ndarray, " voxel"], voxels: VoxelGeometry, *, radius: float
) -> tuple[bytes, dict[str, np.ndarray]]:
    """An SVG drawing of the voxels of one shower, and the columns drawn: x, y (mm), layer, energy (MeV).

    Each circle lies at the middle of its voxel, layers in even steps; its area grows as the energy to the power
    2/3, its colour says the energy on a logarithmic scale. What lies in space says where in ``data-at``, and the
    script of the report page turns drawings with ``data-turn`` when they are dragged.

    Args:
        shower: Energies of the voxels, MeV.
        voxels: Geometry.
        radius: Voxels farther from the axis are left out, mm.
    """
    order = np.argsort(shower)[::-1][:_MOST]
    order = order[(shower[order] > 0) & (voxels.radius[order] <= radius)]
    energy = shower[order].astype(np.float64)
    depth = voxels.layer[order] / max(len(voxels.layers) - 1, 1)
    at = np.column_stack((voxels.x[order] / radius, voxels.y[order] / radius, _LENGTH * (2 * depth - 1)))
    size = colour = np.empty(0)
    if len(order):
        share = np.log(energy / energy.min()) / max(np.log(energy.max() / energy.min()), 1e-9)
        size = 1.2 + 6.5 * np.cbrt(energy / energy.max())
        colour = np.array([to_hex(each) for each in colormaps["viridis"](0.95 * share)])
    words = f"beam from the left; radius drawn {radius:g} mm; {float(shower.sum()) / 1e3:.3g} GeV deposited"
    svg = turnable(at, size, colour, lines=_cage(), words=words)
    columns = {
        "x": voxels.x[order],
        "y": voxels.y[order],
        "layer": np.array([layer.number for layer in voxels.layers])[voxels.layer[order]],
        "energy": energy,
    }
    return svg, columns


def turnable(
    at: Float64[np.ndarray, "point 3"],
    size: Float64[np.ndarray, " point"],
    colour: np.ndarray,
    *,
    lines: Sequence[Float64[np.ndarray, "_ 3"]],
    words: str,
) -> bytes:
    """An SVG drawing of points and lines in space that the report page turns when it is dragged.

    Args:
        at: Places within about 1 of the middle: right, up, along the beam.
        size: Radii of the circles, pixels.
        colour: Of the circles, as "#rrggbb".
        lines: Drawn behind the points.
        words: Below the drawing.
    """
    parts = [_line(corners) for corners in lines]
    behind = np.argsort(_projected(at)[:, 2])  # the nearest come last, on top
    parts += [_circle(at[i], float(size[i]), str(colour[i])) for i in behind]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}px" height="{_HEIGHT}px" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" data-turn="{_TURN[0]} {_TURN[1]} {_UNIT}">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/><g>{"".join(parts)}</g>'
        f'<text x="8" y="{_HEIGHT - 10}" font-size="12" fill="#444444">{words}</text></svg>'
    )
    return svg.encode()


def radius_of(shower: Float[np.ndarray, " voxel"], voxels: VoxelGeometry) -> float:
    """Outer edge of the rings, around the axis, that hold nearly all energy."""
    order = np.argsort(voxels.radius, kind="stable")
    inside = np.cumsum(shower[order], dtype=np.float64)
    last = order[min(int(np.searchsorted(inside, _SHARE * inside[-1])), len(order) - 1)]
    edges = np.array(voxels.layers[voxels.layer[last]].r_edges)
    return float(edges[np.searchsorted(edges, voxels.radius[last])])


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


def _circle(at: Float64[np.ndarray, "3"], size: float, colour: str) -> str:
    ((x, y),) = _pixels(at[None])
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{colour}" fill-opacity="0.8" '
        f'data-at="{_numbers(at)}"/>'
    )


def _line(points: Float64[np.ndarray, "point 3"]) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in _pixels(points))
    return (
        f'<polyline points="{drawn}" fill="none" stroke="#bbbbbb" stroke-width="0.8" '
        f'data-at="{", ".join(_numbers(point) for point in points)}"/>'
    )


def _cage() -> list[Float64[np.ndarray, "point 3"]]:
    """The axis, and the circles where the shower begins and ends."""
    angle = np.linspace(0, 2 * np.pi, 49)
    rings = [
        np.column_stack((np.cos(angle), np.sin(angle), np.full(len(angle), z))) for z in (-_LENGTH, _LENGTH)
    ]
    return [np.array([[0, 0, -_LENGTH - 0.25], [0, 0, _LENGTH]]), *rings]


def _numbers(point: Float64[np.ndarray, "3"]) -> str:
    return " ".join(f"{value:.3f}" for value in point)
