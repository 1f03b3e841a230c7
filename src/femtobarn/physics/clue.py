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
        InputError: Coordinates or energies that are not finite, or a distance not above 0.
    """
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
    reach = max(distance, far * outlier)
    own = np.zeros(n, np.int64) if layer is None else layer.astype(np.int64)
    order = np.lexsort((*np.floor(points.T / distance), own))  # neighbours are near each other in memory
    place, weight, own = (
        np.ascontiguousarray(points[order], np.float64),
        energy[order].astype(np.float64),
        own[order],
    )
    rho, higher, follow = np.empty(n), np.full(n, inf), np.full(n, -1)
    near = _grid(place, own, distance)
    _densities(*near, place, own, weight, distance, rho)
    _follow(np.arange(n), *near, order, place, own, rho, distance, higher, follow)
    tops = np.flatnonzero(follow < 0)  # few: only they look farther
    if reach > distance and len(tops):
        _follow(tops, *_grid(place, own, reach), order, place, own, rho, reach, higher, follow)
    follow = np.where(follow < 0, -1, order[follow])
    back = np.empty(n, np.int64)
    back[order] = np.arange(n)
    rho, higher, follow = rho[back], higher[back], follow[back]
    order = np.argsort(-rho, kind="stable")
    label = np.empty(n, np.int64)
    _labels(order, rho, higher, follow, density, far, outlier * far, label)
    return Clue(label, rho, higher)


def _grid(
    place: Float[np.ndarray, "point dimension"], layer: Int[np.ndarray, " point"], side: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cells of a grid that are looked up by a hash: the cell of each point, who is in each bucket, and the steps to go.

    Points of neighbouring cells, those at any of the steps, are all that can be within `side` of a point.
    """
    cell = np.clip(np.floor(place / side), -(2.0**62), 2.0**62).astype(np.int64)
    buckets = 1 << max(int(len(place) - 1).bit_length(), 1)
    name = np.empty(len(place), np.int64)
    steps = np.array(list(product((-1, 0, 1), repeat=place.shape[1])), np.int64)
    _hashes(cell, steps, layer, buckets - 1, name)
    first = np.concatenate(([0], np.cumsum(np.bincount(name, minlength=buckets))))
    return cell, first, np.argsort(name, kind="stable"), steps


@njit(cache=True, nogil=True)
@no_type_check
def _hashes(cell, steps, layer, mask, name):
    for i in range(len(cell)):
        name[i] = _hash(cell, i, steps, len(steps) // 2, layer[i], mask)


@njit(cache=True, nogil=True)
@no_type_check
def _hash(cell, i, steps, s, layer, mask):
    value = layer * 83492791
    for d in range(cell.shape[1]):
        value = (value ^ (cell[i, d] + steps[s, d])) * 73856093
        value ^= value >> 15
    return value & mask


@njit(cache=True, nogil=True)
@no_type_check
def _densities(cell, first, bucket, steps, place, layer, energy, near, rho):
    mask = len(first) - 2
    for i in range(len(place)):
        around = 0.0
        for s in range(len(steps)):
            name = _hash(cell, i, steps, s, layer[i], mask)
            for place_in in range(first[name], first[name + 1]):
                j = bucket[place_in]
                if (
                    j != i
                    and layer[j] == layer[i]
                    and _same(cell, i, j, steps, s)
                    and _apart(place, i, j) < near
                ):
                    around += energy[j]
        rho[i] = energy[i] + 0.5 * around


@njit(cache=True, nogil=True)
@no_type_check
def _follow(rows, cell, first, bucket, steps, rank, place, layer, rho, reach, higher, follow):
    mask = len(first) - 2
    for i in rows:
        for s in range(len(steps)):
            name = _hash(cell, i, steps, s, layer[i], mask)
            for place_in in range(first[name], first[name + 1]):
                j = bucket[place_in]
                if layer[j] != layer[i] or not (rho[j] > rho[i] or (rho[j] == rho[i] and rank[j] < rank[i])):
                    continue
                if not _same(cell, i, j, steps, s):  # of another cell with the same hash
                    continue
                apart = _apart(place, i, j)
                nearer = apart < higher[i] or (apart == higher[i] and rank[j] < rank[follow[i]])
                if apart <= reach and nearer:
                    higher[i], follow[i] = apart, j


@njit(cache=True, nogil=True)
@no_type_check
def _same(cell, i, j, steps, s):
    same = True
    for d in range(cell.shape[1]):
        same &= cell[j, d] == cell[i, d] + steps[s, d]
    return same


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
