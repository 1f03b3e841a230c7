"""The bank of features: a coreset that covers, distances by brute force, storing."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from femtobarn.errors import InputError
from femtobarn.nn import FeatureBank, furthest_points


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_point_is_the_farthest_from_those_before_it() -> None:
    points = torch.randn(80, 3, generator=_generator(), dtype=torch.float64)
    chosen = furthest_points(points, 12, generator=_generator()).numpy()
    away = cdist(points, points)
    for place in range(1, 12):
        nearest = away[:, chosen[:place]].min(axis=1)
        assert nearest[chosen[place]] == pytest.approx(nearest.max())


def test_the_chosen_cover_better_than_chance() -> None:
    points = torch.randn(2000, 2, generator=_generator(2))
    chosen = furthest_points(points, 40, generator=_generator())
    assert len(set(chosen.tolist())) == 40
    by_chance = torch.randperm(2000, generator=_generator(3))[:40]
    radius = [cdist(points, points[rows]).min(axis=1).max() for rows in (chosen, by_chance)]
    assert radius[0] < 0.7 * radius[1]


def test_points_that_repeat_are_each_chosen_once() -> None:
    points = torch.zeros(6, 2)
    assert sorted(furthest_points(points, 6, generator=_generator()).tolist()) == list(range(6))


def test_scores_are_distances_to_the_nearest_in_units_of_the_spread() -> None:
    rows = torch.randn(500, 4, generator=_generator(), dtype=torch.float64) * torch.tensor(
        [1.0, 10.0, 0.1, 5.0]
    )
    bank = FeatureBank(rows, 100, generator=_generator())
    x = rows[:50] + 0.3
    near = NearestNeighbors(n_neighbors=1).fit(bank.bank.numpy())
    expected = near.kneighbors((x / rows.std(dim=0)).numpy())[0][:, 0]
    np.testing.assert_allclose(bank.score(x), expected, rtol=1e-6, atol=1e-7)
    again = FeatureBank.from_tensors(bank.bank, bank.scale)
    torch.testing.assert_close(again.score(x), bank.score(x))
    assert (FeatureBank(rows, 500, generator=_generator()).score(rows) < 1e-5).all()


def test_more_than_there_is_cannot_be_kept() -> None:
    with pytest.raises(InputError, match="1 to 5 points"):
        FeatureBank(torch.randn(5, 2), 6, generator=_generator())
