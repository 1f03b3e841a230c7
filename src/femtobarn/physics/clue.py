"""CLUE: clusters around peaks of the energy density (Rovere et al. 2020, arXiv:2001.09761).

Each point has a density, its own energy and half of that of its neighbours, and follows the nearest point of higher
density. Points far from any higher one are seeds if dense, else outliers; the others belong to whom they follow. With
points of single layers this is the published two-dimensional form; in three coordinates, or on the clusters of the
layers, it is the classical way to showers.
"""

from itertools import product
from math import inf, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int

from femtobarn.compiled import njit
from femtobarn.errors import InputError


class Clue(NamedTuple):
    """What is found, and the two numbers of each point that decide."""

    label: Int[np.ndarray, " point"]  # cluster, -1 for outliers
    density: Float[np.ndarray, " point"]
    higher: Float[
        np.ndarray, " point"
    ]  # distance to the nearest point of higher density; inf for none in reach


def clue(
    points: Float[np.ndarray, "point dimension"],
    energy: Float[np.ndarray, " point"],
    *,
    distance: float,
    density: float,
    seed_distance: float | None = None,
    outlier: float = 2.0,
    layer: Int[np.ndarray, " point"] | None = None,
) -> Clue:
    """Clusters of points in one, two or three dimensions.

    Ties in density go to the point that stands first. Clusters are numbered by their seeds, densest first.

    Args:
        points: Coordinates; scale them so that one distance fits all.
        energy: Weights of the points.
        distance: d_c: a point's density is its energy and half of that within this distance.
        density: rho_c: least density of a seed, in the unit of the energies.
        seed_distance: Least distance of a seed from any point of higher density; `distance` if not given.
        outlier: Times `seed_distance`: a point that is no seed and farther than this from any denser one is an outlier.
        layer: Points of different layers do not see each other, if given.

    Raises:
        InputError: Coordinates or energies that are not finite or of other points, or a distance not above 0.
    """
    if not len(points) == len(energy) == len(points if layer is None else layer):
        given = [len(each) for each in (points, energy, layer) if each is not None]
        raise InputError(f"expected one energy and layer for each point, got {given}")
    far = distance if seed_distance is None else seed_distance
    if not (distance > 0 and far > 0 and outlier >= 1 and np.isfinite(density)):
        raise InputError(
            f"expected distances above 0 and an outlier factor of 1 or more, got {distance}, {far}, {outlier}"
        )
    if not (np.isfinite(points).all() and np.isfinite(energy).all()):
        bad = int((~np.isfinite(points).all(axis=1) | ~np.isfinite(energy)).sum())
        raise InputError(
            f"expected finite coordinates and energies, {bad} of {len(points)} points have others"
        )
    n = len(points)
    if n == 0:
        return Clue(np.empty(0, np.int64), np.empty(0), np.empty(0))
    own = np.zeros(n) if layer is None else layer.astype(np.float64)
    rho, higher, follow = np.empty(n), np.full(n, inf), np.full(n, -1)
    near = _around(points, own, distance)
    _densities(*near, energy.astype(np.float64), distance, rho)
    _follow(*near, rho, distance, higher, follow)
    if (reach := far * outlier) > distance and len(
        tops := np.flatnonzero(follow < 0)
    ):  # few: they alone look farther
        _follow(*_around(points, own, reach, tops), rho, reach, higher, follow)
    order = np.argsort(-rho, kind="stable")
    label = np.empty(n, np.int64)
    _labels(order, rho, higher, follow, density, far, outlier * far, label)
    return Clue(label, rho, higher)


class _Around(NamedTuple):
    """Points by the cells of a grid, and for each which runs of them hold all that can be near."""

    order: Int[np.ndarray, " point"]
    place: Float[np.ndarray, "point dimension"]  # in this order
    rows: Int[np.ndarray, " asked"]  # who asks, in this order
    first: Int[np.ndarray, "asked run"]
    last: Int[np.ndarray, "asked run"]


def _around(
    points: Float[np.ndarray, "point dimension"],
    layer: Float[np.ndarray, " point"],
    side: float,
    asked: Int[np.ndarray, " asked"] | None = None,
) -> _Around:
    """Points sorted by layer and cell: neighbouring cells along the last axis are one run."""
    cell = np.column_stack((layer, np.floor(points / side)))
    order = np.lexsort(cell.T[::-1])
    rows = np.arange(len(points))
    if asked is not None:
        back = np.empty_like(rows)
        back[order] = rows
        rows = np.sort(back[asked])
    steps = np.array([(0, *each, 0) for each in product((-1, 0, 1), repeat=points.shape[1] - 1)], np.float64)
    first, last = (np.empty((len(rows), len(steps)), np.int64) for _ in range(2))
    _runs(cell[order], rows, steps, first, last)
    return _Around(order, np.ascontiguousarray(points[order], np.float64), rows, first, last)


@njit(cache=True, nogil=True)
@no_type_check
def _runs(cell, rows, steps, first, last):
    for s in range(len(steps)):
        low, high = 0, 0
        for row, i in enumerate(rows):  # who asks comes later, and so does what is near
            while low < len(cell) and _before(cell, low, i, steps[s], -1.0):
                low += 1
            while high < len(cell) and _before(cell, high, i, steps[s], 2.0):
                high += 1
            first[row, s], last[row, s] = low, high


@njit(cache=True, nogil=True)
@no_type_check
def _before(cell, one, other, step, shift):
    """Whether the cell of one comes before that of the other a step and, along the last axis, a shift away."""
    end = cell.shape[1] - 1
    for d in range(end):
        difference = cell[one, d] - (cell[other, d] + step[d])
        if difference != 0.0:
            return difference < 0.0
    return cell[one, end] < cell[other, end] + shift


@njit(cache=True, nogil=True)
@no_type_check
def _densities(order, place, rows, first, last, energy, near, rho):
    for row, i in enumerate(rows):
        around = 0.0
        for s in range(first.shape[1]):
            for j in range(first[row, s], last[row, s]):
                if j != i and _apart(place, i, j) < near:
                    around += energy[order[j]]
        rho[order[i]] = energy[order[i]] + 0.5 * around


@njit(cache=True, nogil=True)
@no_type_check
def _follow(order, place, rows, first, last, rho, reach, higher, follow):
    for row, i in enumerate(rows):
        me = order[i]
        for s in range(first.shape[1]):
            for j in range(first[row, s], last[row, s]):
                apart = _apart(place, i, j)
                if apart > reach or apart > higher[me]:
                    continue
                other = order[j]
                if rho[other] < rho[me] or (rho[other] == rho[me] and other >= me):
                    continue
                if apart < higher[me] or other < follow[me]:
                    higher[me], follow[me] = apart, other


@njit(cache=True, nogil=True)
@no_type_check
def _apart(place, i, j):
    square = 0.0
    for d in range(place.shape[1]):
        square += (place[i, d] - place[j, d]) ** 2
    return sqrt(square)


@njit(cache=True, nogil=True)
@no_type_check
def _labels(order, rho, higher, follow, density, far, lost, label):
    found = 0
    for i in order:  # whom a point follows has been seen before
        if rho[i] >= density and higher[i] > far:
            label[i] = found
            found += 1
        elif follow[i] < 0 or higher[i] > lost:
            label[i] = -1
        else:
            label[i] = label[follow[i]]
