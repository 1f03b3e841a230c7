"""Tiles around events and anywhere."""

import numpy as np
import pytest
import torch

from femtobarn.data.tiles import event_tiles, tile_maker
from femtobarn.errors import InputError


def events(maps: int = 3) -> np.ndarray:
    target = np.zeros((maps, 2, 40, 30))
    target[1, 0, 5, 29] = target[2, 1, 39, 0] = 1
    return target


def test_every_tile_holds_an_event_and_none_leaves_the_map() -> None:
    target = events()
    places = event_tiles(target, 8, 200, generator=np.random.default_rng(1))
    assert all(target[i, :, y : y + 8, x : x + 8].sum() == 1 for i, y, x in places)
    assert places.min() >= 0
    assert (places[:, 1] <= 32).all()
    assert (places[:, 2] <= 22).all()
    assert 0.35 < (places[:, 0] == 1).mean() < 0.65, "events count alike"


def test_a_share_lies_anywhere() -> None:
    places = event_tiles(events(), 8, 1000, anywhere=0.5, generator=np.random.default_rng(1))
    assert (places[:, 0] == 0).mean() == pytest.approx(0.5 / 3, abs=0.04), "the map without events"
    far = event_tiles(events(), 8, 1000, anywhere=1.0, generator=np.random.default_rng(1))
    assert set(far[:, 1]) == set(range(33))
    assert set(far[:, 2]) == set(range(23))


def test_tiles_are_cut_when_they_are_asked_for() -> None:
    maps = torch.arange(3 * 2 * 40 * 30).reshape(3, 2, 40, 30)
    places = np.array([[1, 4, 7], [2, 0, 22]])
    made = tile_maker({"x": maps}, places, 8)(np.array([1, 0]))["x"]
    assert torch.equal(made, torch.stack((maps[2, :, :8, 22:30], maps[1, :, 4:12, 7:15])))


def test_maps_that_have_no_tile() -> None:
    with pytest.raises(InputError, match="lower the threshold"):
        event_tiles(np.zeros((2, 1, 9, 9)), 4, 3, generator=np.random.default_rng(1))
    with pytest.raises(InputError, match="a side or more"):
        event_tiles(events(), 31, 3, generator=np.random.default_rng(1))
