"""CLUE against its definition written out, and on showers that are easy to tell apart."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.clue import clue


def _naive(
    points: np.ndarray,
    energy: np.ndarray,
    layer: np.ndarray,
    near: float,
    least: float,
    far: float,
    outlier: float,
) -> np.ndarray:
    n = len(points)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    apart = np.where(layer[:, None] == layer[None], apart, np.inf)
    rho = np.array(
        [
            energy[i] + 0.5 * sum(energy[j] for j in range(n) if j != i and apart[i, j] < near)
            for i in range(n)
        ]
    )
    label, found = np.full(n, -1), 0
    for i in sorted(range(n), key=lambda i: (-rho[i], i)):
        above = [j for j in range(n) if rho[j] > rho[i] or (rho[j] == rho[i] and j < i)]
        best = min(above, key=lambda j: (apart[i, j], j), default=None)
        delta = np.inf if best is None or apart[i, best] > outlier * far else apart[i, best]
        if rho[i] >= least and delta > far:
            label[i], found = found, found + 1
        elif np.isfinite(delta):
            label[i] = label[best]
    return label


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_clusters_are_those_of_the_definition(dimensions: int) -> None:
    for seed in range(20):
        draw = np.random.default_rng(seed)
        points = draw.uniform(-3, 2, (60, dimensions))
        energy, layer = draw.exponential(1.0, 60), draw.integers(0, 2, 60)
        found = clue(points, energy, distance=0.9, density=2.0, seed_distance=1.0, outlier=1.5, layer=layer)
        np.testing.assert_array_equal(found.label, _naive(points, energy, layer, 0.9, 2.0, 1.0, 1.5))


def _blobs(apart: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    points = draw.normal(0, 1, (400, 2))
    owner = np.repeat([0, 1], 200)
    energy = np.exp(-0.5 * (points**2).sum(axis=1))
    return points + owner[:, None] * [apart, 0], energy, owner


def test_far_showers_are_two_and_near_ones_are_one() -> None:
    points, energy, owner = _blobs(8.0)
    two = clue(points, energy, distance=1.0, density=10.0).label
    assert two.max() == 1
    kept = two >= 0
    assert max((two == owner)[kept].mean(), (two == 1 - owner)[kept].mean()) > 0.99
    assert clue(*_blobs(0.5)[:2], distance=1.0, density=10.0).label.max() == 0


def test_scale_and_order_change_nothing() -> None:
    points, energy, _ = _blobs(5.0)
    one = clue(points, energy, distance=1.0, density=10.0)
    scaled = clue(points * 7, energy * 3, distance=7.0, density=30.0)
    np.testing.assert_array_equal(one.label, scaled.label)
    order = np.random.default_rng(2).permutation(400)
    turned = clue(points[order], energy[order], distance=1.0, density=10.0)
    np.testing.assert_array_equal(one.label[order], turned.label)


def test_one_point_is_a_seed_or_an_outlier_and_none_is_nothing() -> None:
    one = np.zeros((1, 3)), np.ones(1)
    assert clue(*one, distance=1.0, density=0.5).label.tolist() == [0]
    assert clue(*one, distance=1.0, density=2.0).label.tolist() == [-1]
    assert len(clue(np.empty((0, 2)), np.empty(0), distance=1.0, density=1.0).label) == 0


def test_unfit_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="distances above 0"):
        clue(np.zeros((1, 2)), np.ones(1), distance=0.0, density=1.0)
    with pytest.raises(InputError, match="1 of 1 points"):
        clue(np.full((1, 2), np.nan), np.ones(1), distance=1.0, density=1.0)
