"""CLUE: clusters around peaks of the energy density (Rovere et al. 2020, arXiv:2001.09761).

Each point has a density, its own energy and half of that of its neighbours, and follows the nearest point of higher
density. Points far from any higher one are seeds if dense, else outliers; the others belong to whom they follow. With
points of single layers this is the published two-dimensional form; in three coordinates, or on the clusters of the
layers, it is the classical way to showers.
"""

from math import inf, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from femtobarn.compiled import njit
from femtobarn.errors import InputError

_APART = 1e6  # in units of the largest distance: how far layers are apart where they do not see each other


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
    place = points.astype(np.float64)
    if layer is not None:
        place = np.column_stack((place, layer * (_APART * reach)))
    tree = cKDTree(place)
    first, other = _both_ways(tree.query_pairs(distance, output_type="ndarray"), n)
    rho, higher, follow = np.empty(n), np.full(n, inf), np.full(n, -1)
    _densities(first, other, place, energy.astype(np.float64), distance, rho)
    _follow(np.arange(n), first, other, place, rho, higher, follow)
    tops = np.flatnonzero(follow < 0)  # few: only they look farther
    if reach > distance and len(tops):
        around = tree.query_ball_point(place[tops], reach, return_sorted=True)
        ends = np.concatenate(([0], np.cumsum([len(each) for each in around])))
        _follow(tops, ends, np.concatenate(around).astype(np.int64), place, rho, higher, follow)
    order = np.argsort(-rho, kind="stable")
    label = np.empty(n, np.int64)
    _labels(order, rho, higher, follow, density, far, outlier * far, label)
    return Clue(label, rho, higher)


def _both_ways(pair: Int[np.ndarray, "pair 2"], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours of each point, one point after the other: where they begin, and who they are."""
    one, two = np.concatenate((pair[:, 0], pair[:, 1])), np.concatenate((pair[:, 1], pair[:, 0]))
    order = np.lexsort((two, one))
    first = np.concatenate(([0], np.cumsum(np.bincount(one, minlength=n))))
    return first, two[order]


@njit(cache=True, nogil=True)
@no_type_check
def _densities(first, other, place, energy, near, rho):
    for i in range(len(place)):
        rho[i] = energy[i]
        for j in other[first[i] : first[i + 1]]:
            if _apart(place, i, j) < near:
                rho[i] += 0.5 * energy[j]


@njit(cache=True, nogil=True)
@no_type_check
def _follow(rows, first, other, place, rho, higher, follow):
    for row, i in enumerate(rows):
        for j in other[first[row] : first[row + 1]]:
            if rho[j] > rho[i] or (rho[j] == rho[i] and j < i):
                apart = _apart(place, i, j)
                if apart < higher[i]:
                    higher[i], follow[i] = apart, j


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
