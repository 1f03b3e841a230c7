"""Tracks as bins that many layers vote for: a Hough transform in curvature, z0, phi and eta."""

from math import asin, asinh, pi
from typing import no_type_check

import numpy as np
from jaxtyping import Int

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.physics.tracks.grouping import named
from femtobarn.physics.tracks.hits import Hits
from femtobarn.physics.tracks.segments import by_layer

_BEND = 2.99792458e-4  # pT (GeV) times curvature (1/mm) over the field (T)
_ETA = 4.5


def hough(
    hits: Hits,
    *,
    pt: float = 0.5,
    field: float = 2.0,
    z0: float = 15.0,
    bins: tuple[int, int, int, int] = (101, 5, 1600, 1000),
    least_hits: int = 5,
) -> Int[np.ndarray, "hit"]:
    """Track of each hit of one event, -1 for none: the bin with the most layers among those it lies in.

    Each curvature and each z0 give a hit one direction at the beam, phi and eta, if it lies on a helix from there.
    A bin of these holds the layers of its hits. Tracks are the bins that their hits have chosen.

    Args:
        hits: Of one event.
        pt: Least transverse momentum, GeV: it sets the largest curvature.
        field: In tesla.
        z0: Largest |z| of vertices, mm.
        bins: Of curvature, z0, phi and eta (to 4.5).
        least_hits: Of a track.

    Raises:
        InputError: Numbers of bins or ranges that are not above 0, or hits as `by_layer` refuses them.
    """
    if min(bins) < 1 or not (pt > 0 and field > 0 and z0 > 0):
        raise InputError(f"expected bins, pT, field and z0 above 0, got {bins}, {pt}, {field}, {z0}")
    ordered = by_layer(hits)
    most = _BEND * field / pt
    curvatures = np.linspace(-most, most, bins[0]) if bins[0] > 1 else np.zeros(1)
    vertices = (np.arange(bins[1]) + 0.5) / bins[1] * 2 * z0 - z0
    votes, chosen = _vote(ordered, curvatures, vertices, bins[2], bins[3])
    label = np.empty(len(chosen), np.int64)
    label[ordered.row] = np.where(votes >= min(least_hits, 3), chosen, -1)
    return named(label, least_hits)


@njit(inline="always")
@no_type_check
def _layers_in(mask):
    count = 0
    while mask:
        mask &= mask - np.uint64(1)
        count += 1
    return count


@njit(cache=True, nogil=True)
@no_type_check
def _vote(ordered, curvatures, vertices, phis, etas):
    _, _, layer, phi, r, position = ordered
    hits = len(phi)
    cells = np.zeros(phis * etas, np.uint64)
    place = np.empty(hits, np.int64)
    votes, chosen = np.zeros(hits, np.int64), np.full(hits, -1)
    for a in range(len(curvatures)):
        k = curvatures[a]
        for b in range(len(vertices)):
            for i in range(hits):
                place[i] = -1
                half = 0.5 * k * r[i]
                if abs(half) >= 1.0:
                    continue
                turn = asin(half)
                way = r[i] if abs(half) < 1e-6 else 2.0 * turn / k
                eta = asinh((position[i, 2] - vertices[b]) / max(way, 1e-9))
                row = int((eta + _ETA) / (2.0 * _ETA) * etas)
                if row < 0 or row >= etas:
                    continue
                column = int((phi[i] - turn + 2.0 * pi) / (2.0 * pi) * phis) % phis
                place[i] = row * phis + column
                cells[place[i]] |= np.uint64(1) << np.uint64(layer[i])
            for i in range(hits):
                if place[i] < 0:
                    continue
                seen = _layers_in(cells[place[i]])
                if seen > votes[i]:
                    votes[i] = seen
                    chosen[i] = (a * len(vertices) + b) * len(cells) + place[i]
            for i in range(hits):
                if place[i] >= 0:
                    cells[place[i]] = np.uint64(0)
    return votes, chosen
