"""Maps of a photocathode: charge is kept, spots stay in their box or leave it, a burn is where it should be."""

import numpy as np
import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.simulate.cathode_maps import burning, leaving_spots, spot_maps, spots


def centre(maps: torch.Tensor) -> torch.Tensor:
    axis = (torch.arange(maps.shape[1]) + 0.5) * 2 / maps.shape[1] - 1
    return torch.stack([(maps.sum(dim=dim) * axis).sum(dim=1) for dim in (1, 2)], dim=1)


def test_maps_sum_to_one_and_rows_are_y() -> None:
    maps = spot_maps(np.array([[[0.5, -0.25]]]), np.array([[0.1]]), np.array([[3.0]]), size=64)
    assert float(maps.sum()) == pytest.approx(1)
    torch.testing.assert_close(centre(maps), torch.tensor([[0.5, -0.25]]), atol=1e-3, rtol=0)


def test_spots_lie_in_their_box() -> None:
    maps = spots(200, generator=np.random.default_rng(1), widths=(0.02, 0.02), size=128)
    axis = (torch.arange(128) + 0.5) * 2 / 128 - 1
    outside = (axis.abs() > 0.35 + 0.1).float()
    assert float((maps.sum(dim=1) @ outside).max()) < 1e-3
    torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.ones(200))


def test_leaving_spots_end_outside() -> None:
    maps = leaving_spots(50, generator=np.random.default_rng(1), size=64)
    axis = (torch.arange(64) + 0.5) * 2 / 64 - 1
    far = torch.hypot(axis[:, None], axis) > 0.55
    assert float(maps[-1][far].sum()) > 3 * float(maps[0][far].sum())
    assert float((maps[1:] - maps[:-1]).abs().sum(dim=(1, 2)).max()) < 0.2, "from shot to shot it drifts"


def test_a_burn_deepens_where_it_is() -> None:
    flat = torch.full((41, 41), 1 / 41**2)
    maps = burning(flat, 11, deepest=0.7, width=0.2, way=0.6)
    torch.testing.assert_close(maps[0], flat)
    torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.ones(11))
    deepest = maps.flatten(1).amin(dim=1) / maps.flatten(1).amax(dim=1)
    assert float(deepest[-1]) == pytest.approx(0.3, abs=0.02)
    assert (deepest.diff() < 0).all()
    row, column = divmod(int(maps[-1].argmin()), 41)
    assert ((column + 0.5) * 2 / 41 - 1, (row + 0.5) * 2 / 41 - 1) == pytest.approx((0.3, -0.1), abs=0.05)


def test_wishes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="box"):
        spots(3, generator=np.random.default_rng(1), box=0.0)
    with pytest.raises(InputError, match="share lost"):
        burning(torch.ones(4, 4), 3, deepest=1.5)
