"""Area overlap against brute force; energy, identity and detail of other detectors' cells."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import r9
from femtobarn.physics.resampling import Resampling, cells_per_cell, spread, there_and_back


@given(cells=st.integers(1, 30), scale=st.floats(0.1, 8.0))
def test_energy_is_kept(cells: int, scale: float) -> None:
    np.testing.assert_allclose(spread(cells, scale).sum(axis=0), 1, atol=1e-9)
    np.testing.assert_allclose(there_and_back(cells, scale).sum(axis=0), 1, atol=1e-9)
    assert (there_and_back(cells, scale) >= 0).all()


def test_cells_of_the_same_size_change_nothing() -> None:
    np.testing.assert_allclose(spread(25, 1.0), np.eye(25))
    np.testing.assert_allclose(there_and_back(25, 1.0), np.eye(25))


@given(cells=st.integers(2, 15), scale=st.floats(0.3, 5.0))
def test_shares_are_those_of_many_small_points(cells: int, scale: float) -> None:
    matrix = spread(cells, scale)
    points = (np.arange(cells * 2000) + 0.5) / 2000 - cells / 2
    source = np.repeat(np.arange(cells), 2000)
    target = np.floor(points / scale + len(matrix) / 2).astype(int)
    counted = np.zeros_like(matrix)
    np.add.at(counted, (target, source), 1 / 2000)
    np.testing.assert_allclose(matrix, counted, atol=2e-3)


@pytest.mark.parametrize("scale", [2.0, 2.5, 5.0])
def test_there_and_back_is_two_resamplings_where_the_rows_fit(scale: float) -> None:
    down = spread(10, scale)
    np.testing.assert_allclose(there_and_back(10, scale), spread(len(down), 1 / scale) @ down, atol=1e-12)


def test_sizes_are_compared_in_moliere_radii() -> None:
    assert cells_per_cell("cms", 0.0175) == pytest.approx((0.0175 / 1.959) / (0.003 / 0.9327))
    assert 2.7 < cells_per_cell("cms", 0.0175) < 2.9
    assert cells_per_cell("atlas", 0.025 / 8) < 1, "the strips are finer"


@pytest.mark.parametrize("geometry", ["clic", "atlas", "cms"])
def test_showers_keep_their_energy_and_place(geometry: str) -> None:
    generator = torch.Generator().manual_seed(1)
    ecal = torch.rand(3, 25, 25, 25, generator=generator, dtype=torch.float64) ** 8
    seen = Resampling(25, geometry)(ecal)
    assert seen.shape == ecal.shape
    torch.testing.assert_close(seen.sum(dim=(1, 2, 3)), ecal.sum(dim=(1, 2, 3)), rtol=1e-6, atol=0)
    mirrored = Resampling(25, geometry)(ecal.flip(1, 2))
    torch.testing.assert_close(mirrored, seen.flip(1, 2), rtol=1e-5, atol=1e-7)
    if geometry == "clic":
        assert seen is ecal
    if geometry == "cms":
        assert float((seen - seen[..., :1]).abs().max()) < 1e-12, "one layer"


def test_detail_is_lost_and_three_large_cells_hold_more() -> None:
    generator = np.random.default_rng(0)
    away = generator.exponential(2.0, (2, 20_000)) * generator.choice((-1, 1), (2, 20_000))
    image, *_ = np.histogram2d(*away, bins=25, range=[(-12.5, 12.5)] * 2)
    down = spread(25, cells_per_cell("cms", 0.0175))
    coarse = down @ image @ down.T
    assert coarse.sum() == pytest.approx(image.sum())
    assert r9(coarse[None])[0] > 1.3 * r9(image[None])[0]
    ecal = torch.from_numpy(image)[None, :, :, None].expand(1, 25, 25, 25)
    seen = Resampling(25, "cms")(ecal).sum(dim=3).numpy()
    assert r9(seen)[0] < r9(image[None])[0], "on the fine cells it is smeared"


def test_mistakes_are_told() -> None:
    with pytest.raises(InputError, match="positive scale"):
        spread(5, 0.0)
    with pytest.raises(InputError, match="at least one cell"):
        spread(0, 1.0)
