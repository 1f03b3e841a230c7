import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize, SymLogNorm, to_rgba
from matplotlib.path import Path
from scipy.spatial import Delaunay

from femtobarn import plots
from femtobarn.errors import InputError
from femtobarn.physics import wafer


def area_and_centroid(corners: np.ndarray) -> tuple[float, np.ndarray]:
    """By the shoelace formula; the area is positive if the corners run counter-clockwise."""
    x, y = corners.T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    area = cross.sum() / 2
    mean = [((axis + np.roll(axis, -1)) * cross).sum() / (6 * area) for axis in (x, y)]
    return float(area), np.array(mean)


def test_outlines_are_four_sensor_cells_around_each_position() -> None:
    for corners, position in zip(plots.trigger_cell_outlines(), wafer.positions(), strict=True):
        area, centroid = area_and_centroid(corners)
        assert area == pytest.approx(4 * np.sqrt(3) / 2)  # hexagon of unit pitch: sqrt(3) / 2
        np.testing.assert_allclose(centroid, position, atol=1e-9)
        edges = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        np.testing.assert_allclose(edges, 1 / np.sqrt(3))


def test_outlines_tile_the_wafer_without_overlap() -> None:
    points = np.random.default_rng(0).uniform(-10, 10, (20_000, 2)) + wafer.positions().mean(axis=0)
    inside = np.array([Path(corners).contains_points(points) for corners in plots.trigger_cell_outlines()])
    assert inside.sum(axis=0).max() == 1
    centre = wafer.positions().mean(axis=0)
    within = Delaunay(0.9 * (wafer.positions() - centre) + centre).find_simplex(points) >= 0
    assert within.sum() > 5000
    assert inside.any(axis=0)[within].all()


def test_cells_that_share_an_edge_are_the_neighbours() -> None:
    corners = np.round(plots.trigger_cell_outlines(), 6)
    edges = [
        {frozenset((tuple(a), tuple(b))) for a, b in zip(cell, np.roll(cell, -1, axis=0), strict=True)}
        for cell in corners
    ]
    for cell, close in enumerate(wafer.neighbours()):
        touching = {other for other in range(48) if other != cell and edges[cell] & edges[other]}
        assert touching == set(close)


def test_colours_follow_the_values(ax: Axes) -> None:
    values = np.arange(48.0) - 3
    values[47] = np.nan
    drawn = plots.wafer_display(ax, values, norm=Normalize(0, 50), cmap="viridis")
    ax.figure.canvas.draw()
    (cells,) = (each for each in ax.collections if isinstance(each, PolyCollection))
    colours = cells.get_facecolor()
    grey = to_rgba("#eceff1")
    assert [tuple(colour) == grey for colour in colours] == [i < 4 or i == 47 for i in range(48)]
    assert len({tuple(colour) for colour in colours[4:47]}) == 43
    np.testing.assert_array_equal(drawn["value"], values)
    np.testing.assert_array_equal(drawn["x"], wafer.positions()[:, 0])
    assert ax.figure.axes[1].get_ylabel() == r"charge [MIP$_\mathrm{T}$]"


def test_differences_are_drawn_in_colour(ax: Axes) -> None:
    plots.wafer_display(
        ax, np.arange(48.0) - 24, norm=SymLogNorm(1, vmin=-24, vmax=24), cmap="RdBu_r", signed=True
    )
    ax.figure.canvas.draw()
    assert not (ax.collections[0].get_facecolor() == to_rgba("#eceff1")).all(axis=1).any()


def test_an_empty_wafer_and_a_shared_scale_draw(ax: Axes) -> None:
    plots.wafer_display(ax, np.zeros(48), norm=LogNorm(0.1, 10), colorbar=False)
    assert len(ax.figure.axes) == 1


def test_another_number_of_cells_is_refused(ax: Axes) -> None:
    with pytest.raises(InputError, match=r"48 cell values, got an array of shape \(47,\)"):
        plots.wafer_display(ax, np.ones(47))
