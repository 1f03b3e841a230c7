"""One shower in space, as a drawing that the report page lets a reader turn."""

import numpy as np
from jaxtyping import Float, Float64
from matplotlib import colormaps
from matplotlib.colors import to_hex

from femtobarn.physics.voxels import VoxelGeometry
from femtobarn.plots.turnable import turnable

_MOST = 1200  # voxels drawn, those of the highest energy
_SHARE = 0.98  # of the energy that has to be inside the radius drawn
_LENGTH = 1.1  # half of the shower's depth


def shower_drawing(
    shower: Float[np.ndarray, " voxel"], voxels: VoxelGeometry, *, radius: float
) -> tuple[bytes, dict[str, np.ndarray]]:
    """An SVG drawing of the voxels of one shower, and the columns drawn: x, y (mm), layer, energy (MeV).

    Each circle lies at the middle of its voxel, layers in even steps; its area grows as the energy to the power
    2/3, its colour says the energy on a logarithmic scale.

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


def radius_of(shower: Float[np.ndarray, " voxel"], voxels: VoxelGeometry) -> float:
    """Outer edge of the rings, around the axis, that hold nearly all energy."""
    order = np.argsort(voxels.radius, kind="stable")
    inside = np.cumsum(shower[order], dtype=np.float64)
    last = order[min(int(np.searchsorted(inside, _SHARE * inside[-1])), len(order) - 1)]
    edges = np.array(voxels.layers[voxels.layer[last]].r_edges)
    return float(edges[np.searchsorted(edges, voxels.radius[last])])


def _cage() -> list[Float64[np.ndarray, "point 3"]]:
    """The axis, and the circles where the shower begins and ends."""
    angle = np.linspace(0, 2 * np.pi, 49)
    rings = [
        np.column_stack((np.cos(angle), np.sin(angle), np.full(len(angle), z))) for z in (-_LENGTH, _LENGTH)
    ]
    return [np.array([[0, 0, -_LENGTH - 0.25], [0, 0, _LENGTH]]), *rings]
