import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import KDTree

from femtobarn.physics import wafer
from femtobarn.simulate import wafer_tiling

SPAN = np.stack(np.meshgrid(np.arange(-7, 8), np.arange(-7, 8)), axis=-1).reshape(-1, 2)


def points(seed: int, n: int = 2000) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-500, 500, (2, n))


@given(seed=st.integers(0, 2**31))
def test_wafer_and_cell_are_the_nearest(seed: int) -> None:
    x, y = points(seed, 300)
    u, v, cell = wafer_tiling.locate(x, y)
    centres = wafer_tiling.centre(*SPAN.T).T
    nearest = SPAN[KDTree(centres).query(np.stack((x, y), axis=1))[1]]
    np.testing.assert_array_equal(np.stack((u, v), axis=1), nearest)
    inside = np.stack((x, y)) - wafer_tiling.centre(u, v)
    np.testing.assert_array_equal(cell, KDTree(wafer_tiling.cell_offsets()).query(inside.T)[1])


def test_a_point_on_a_cell_centre_is_in_that_cell() -> None:
    offset = wafer_tiling.cell_offsets()
    for u, v in ((0, 0), (3, -2), (-5, 1)):
        x, y = offset.T + wafer_tiling.centre(np.array([u]), np.array([v]))
        found = wafer_tiling.locate(x, y)
        np.testing.assert_array_equal(found, (np.full(48, u), np.full(48, v), np.arange(48)))


def test_neighbouring_wafers_are_a_hexagonal_step_and_a_width_apart() -> None:
    centres = wafer_tiling.centre(*SPAN.T).T
    distance = np.linalg.norm(centres - centres[SPAN.tolist().index([0, 0])], axis=1)
    du, dv = SPAN.T
    steps = np.maximum.reduce([abs(du), abs(dv), abs(du - dv)])
    np.testing.assert_allclose(distance[steps == 1], wafer_tiling.WIDTH)
    assert (distance[steps > 1] > 1.7 * wafer_tiling.WIDTH).all()


def test_the_width_is_that_of_an_8_inch_wafer_and_holds_its_48_cells() -> None:
    assert pytest.approx(167.4, abs=0.1) == wafer_tiling.WIDTH  # CMS: 166.44 mm and 1 mm between wafers
    area = 3**0.5 / 2 * wafer_tiling.WIDTH**2
    cell = 3**0.5 / 2 * (2 * wafer_tiling.PITCH) ** 2
    assert area == pytest.approx(wafer.CELLS * cell)


def test_cells_share_the_plane_evenly() -> None:
    # Uniform in the parallelogram that repeats: each wafer's hexagon is covered once.
    steps = wafer_tiling.centre(np.array([1, 0]), np.array([0, 1]))
    _, _, cell = wafer_tiling.locate(*(steps @ np.random.default_rng(1).uniform(size=(2, 300_000))))
    share = np.bincount(cell, minlength=48) / 300_000 * 48
    assert share.min() > 0.88
    assert share.max() < 1.15


def test_threefold_symmetry_turns_one_rhombus_into_the_next() -> None:
    offsets = wafer_tiling.cell_offsets()
    angle = 2 * np.pi / 3
    turned = offsets @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    distance, _ = KDTree(offsets).query(turned)
    assert distance.max() < 1e-9
