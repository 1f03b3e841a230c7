"""Pairs of near points: all within a radius, or the nearest few."""

from itertools import product
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from femtobarn.compiled import njit
from femtobarn.errors import InputError

_MOST_CELLS = 2**62


def radius_pairs(points: Float[np.ndarray, "point dimension"], radius: float) -> Int[np.ndarray, "pair 2"]:
    """All pairs of points within a distance of each other, the lower index first, sorted.

    A k-d tree on the points' principal axes, which turn no distance: cuts along the axes of largest spread leave
    fewer points to look at, by a third in eight dimensions. `grid_pairs` gives the same.

    Raises:
        InputError: Coordinates that are not finite, or a radius that is not above 0.
    """
    turned = _principal(_checked(points, radius))
    pairs = cKDTree(turned).query_pairs(radius, output_type="ndarray")
    return _sorted(pairs, len(points))


def grid_pairs(
    points: Float[np.ndarray, "point dimension"], radius: float, *, axes: int = 4
) -> Int[np.ndarray, "pair 2"]:
    """The same pairs as `radius_pairs`, by cells as long as the radius on the first principal axes.

    Pairs are sought in a cell and in those next to it, each two cells once, and checked in all dimensions.

    Args:
        points: Their coordinates.
        radius: Largest distance of a pair.
        axes: Of the grid; more make cells emptier and neighbours more, three times as many with each.

    Raises:
        InputError: Coordinates that are not finite, a radius or a number of axes that is not above 0.
    """
    turned = _principal(_checked(points, radius))
    if axes < 1:
        raise InputError(f"expected an axis or more, got {axes}")
    if len(points) < 2:
        return np.empty((0, 2), np.int64)
    cell = np.floor((turned[:, :axes] - turned[:, :axes].min(axis=0)) / radius)
    sides = cell.max(axis=0) + 3  # a free cell on both sides: the neighbours of the last are not the first
    if sides[0] >= _MOST_CELLS:
        raise InputError(f"the points are spread over more than 2^62 times the radius of {radius}")
    cell = cell[:, np.cumprod(sides) < _MOST_CELLS].astype(np.int64)
    step = np.cumprod(np.append(1, sides[: cell.shape[1]][:0:-1])).astype(np.int64)[::-1]
    code = cell @ step
    order = np.argsort(code, kind="stable")
    rows = np.array([np.dot(each, step[:-1]) for each in product((-1, 0, 1), repeat=len(step) - 1)], np.int64)
    name, start = np.unique(code[order], return_index=True)
    found: np.ndarray = _near_cells(
        np.ascontiguousarray(turned[order]), name, np.append(start, len(points)), rows[rows >= 0], radius**2
    )
    return _sorted(order[found], len(points))


def nearest(
    points: Float[np.ndarray, "point dimension"], queries: Float[np.ndarray, "query dimension"], count: int
) -> tuple[Float[np.ndarray, "query count"], Int[np.ndarray, "query count"]]:
    """Distance and index of the `count` points nearest to each query, nearest first.

    Raises:
        InputError: Coordinates that are not finite, or fewer points than asked for.
    """
    if not 1 <= count <= len(points):
        raise InputError(f"expected 1 to {len(points)} neighbours among {len(points)} points, got {count}")
    distance, index = cKDTree(_checked(points)).query(_checked(queries), k=np.arange(1, count + 1))
    return distance, index


def _checked(
    points: Float[np.ndarray, "point dimension"], radius: float = 1.0
) -> Float[np.ndarray, "point dimension"]:
    if not radius > 0:
        raise InputError(f"expected a radius above 0, got {radius}")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise InputError(f"point {row} is {points[row]}, expected finite numbers")
    return points.astype(np.float64)


def _principal(points: Float[np.ndarray, "point dimension"]) -> Float[np.ndarray, "point dimension"]:
    """The points on the axes of their covariance, largest spread first."""
    if len(points) == 0:
        return points
    centred = points - points.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    return centred @ axes


def _sorted(pairs: Int[np.ndarray, "pair 2"], points: int) -> Int[np.ndarray, "pair 2"]:
    """The lower index first, by rows."""
    low, high = pairs.min(axis=1, initial=points), pairs.max(axis=1, initial=-1)
    key = np.sort(low.astype(np.int64) * points + high)  # one number sorts faster than two columns
    return np.stack((key // max(points, 1), key % max(points, 1)), axis=1)


@njit(cache=True, nogil=True)
@no_type_check
def _near_cells(points, name, start, rows, most):
    """Pairs of points in the same or in neighbouring cells; cells and points are sorted by the number of the cell."""
    found, count = np.empty((16 * len(points) + 64, 2), np.int64), 0
    dimensions = points.shape[1]
    for c in range(len(name)):
        for row in rows:
            at = c if row == 0 else np.searchsorted(name, name[c] + row - 1)
            while at < len(name) and name[at] <= name[c] + row + 1:
                for i in range(start[c], start[c + 1]):
                    for j in range(i + 1 if at == c else start[at], start[at + 1]):
                        square = 0.0
                        for d in range(dimensions):
                            step = points[i, d] - points[j, d]
                            square += step * step
                            if square > most:
                                break
                        if square > most:
                            continue
                        if count == len(found):
                            longer = np.empty((2 * count, 2), np.int64)
                            longer[:count] = found
                            found = longer
                        found[count, 0], found[count, 1] = i, j
                        count += 1
                at += 1
    return found[:count].copy()
