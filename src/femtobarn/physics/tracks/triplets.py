"""Triplets: two doublets with a common hit, within windows of curvature, impact parameter and bend in theta."""

from math import atan2, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.compiled import njit
from femtobarn.physics.tracks.hits import Hits
from femtobarn.physics.tracks.segments import LAYERS, layer_number, true_chains


class TripletMap(NamedTuple):
    """Triples of layers with their windows, and how much the curvature changes from a triplet to the next.

    `row` gives the row of a triple, as ``(first * LAYERS + second) * LAYERS + third``; -1 for those not seen.
    """

    row: Int[np.ndarray, "triple"]
    low: Float[np.ndarray, "row 3"]  # curvature (1/mm), impact parameter (mm), delta theta
    high: Float[np.ndarray, "row 3"]
    change: Float[np.ndarray, "row"]  # 1/mm, robust standard deviation


class Triplets(NamedTuple):
    """Pairs of doublets, rows of the list of doublets, with the curvature of their circle."""

    doublet: Int[np.ndarray, "triplet 2"]
    curvature: Float[np.ndarray, "triplet"]  # 1/mm, positive for a turn to the left
    change: Float[np.ndarray, "triplet"]  # what `TripletMap.change` has for its layers


def learn_triplet_map(
    hits: Hits, wanted: Bool[np.ndarray, "particle"], *, least: int = 10, tail: float = 2e-3
) -> TripletMap:
    """The triples of layers that particles meet one after the other, with windows that hold all but the tails.

    Args:
        hits: Of some events, with truth.
        wanted: The particles to learn from.
        least: Triplets that a triple of layers needs to be in the map.
        tail: Share of them left out at either end of each window.

    Raises:
        InputError: No truth.
    """
    row, owner = true_chains(hits, wanted)
    first = np.flatnonzero(owner[2:] == owner[:-2])
    triple = np.stack((row[first], row[first + 1], row[first + 2]), axis=1)
    layer = layer_number(hits)[triple]
    code = (layer[:, 0] * LAYERS + layer[:, 1]) * LAYERS + layer[:, 2]
    values = triplet_values(hits.position, triple)
    follows = np.flatnonzero((np.diff(first) == 1) & (owner[first[1:] + 2] == owner[first[:-1]]))
    change = np.full(len(first), np.nan)
    change[follows] = values[follows + 1, 0] - values[follows, 0]
    seen, count = np.unique(code, return_counts=True)
    seen = seen[count >= least]
    index = np.full(LAYERS**3, -1, np.int32)
    index[seen] = np.arange(len(seen))
    low, high, spread = np.empty((len(seen), 3)), np.empty((len(seen), 3)), np.empty(len(seen))
    widest = _deviation(change[np.isfinite(change)])
    for i, each in enumerate(seen):
        own = code == each
        low[i], high[i] = np.quantile(values[own], (tail, 1 - tail), axis=0)
        known = change[own & np.isfinite(change)]
        spread[i] = _deviation(known) if len(known) >= least else widest
    return TripletMap(index, low, high, spread)


def triplet_values(
    position: Float[np.ndarray, "hit 3"], triple: Int[np.ndarray, "triplet 3"]
) -> Float[np.ndarray, "triplet 3"]:
    """Curvature (1/mm) and impact parameter (mm) of the circle through three hits, and the bend in theta."""
    values: np.ndarray = _values_of(np.ascontiguousarray(position, np.float64), triple)
    return values


def triplets(hits: Hits, doublet: Int[np.ndarray, "doublet 2"], layers: TripletMap) -> Triplets:
    """All pairs of doublets with a common hit that lie in the windows of the map.

    Args:
        hits: Of one event.
        doublet: Pairs of its hits, inner hit first.
        layers: The map.
    """
    order = np.argsort(doublet[:, 0], kind="stable")
    start = np.searchsorted(doublet[order, 0], np.arange(len(hits.position) + 1))
    position = np.ascontiguousarray(hits.position, np.float64)
    pair, curvature, change = _triplets(doublet, order, start, position, layer_number(hits), layers)
    return Triplets(pair, curvature, change)


def _deviation(values: Float[np.ndarray, "n"]) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


@njit(inline="always")
@no_type_check
def _values(position, a, b, c):
    ax, ay, az = position[a, 0], position[a, 1], position[a, 2]
    bx, by, bz = position[b, 0] - ax, position[b, 1] - ay, position[b, 2] - az
    cx, cy, cz = position[c, 0] - ax, position[c, 1] - ay, position[c, 2] - az
    b2, c2 = bx * bx + by * by, cx * cx + cy * cy
    ex, ey = cx - bx, cy - by
    length = sqrt(b2 * c2 * (ex * ex + ey * ey))
    cross = bx * cy - by * cx
    k = 2.0 * cross / length if length > 0.0 else 0.0
    # The origin's distance from the circle, in a form that holds for k = 0: with the tangent t and the left normal n
    # at the first hit a, m / (1 + sqrt(1 + k m)) for m = k a^2 + 2 a n.
    near = sqrt(b2)
    sine = min(max(0.5 * k * near, -1.0), 1.0)
    cosine = sqrt(1.0 - sine * sine)
    if near > 0.0:
        tx, ty = (bx * cosine + by * sine) / near, (by * cosine - bx * sine) / near
    else:
        tx, ty = 1.0, 0.0
    impact = k * (ax * ax + ay * ay) - 2.0 * (ax * ty - ay * tx)
    impact /= 1.0 + sqrt(max(1.0 + k * impact, 0.0))
    bend = atan2(sqrt(ex * ex + ey * ey), cz - bz) - atan2(near, bz)
    return k, impact, bend


@njit(cache=True, nogil=True)
@no_type_check
def _values_of(position, triple):
    values = np.empty((len(triple), 3))
    for i in range(len(triple)):
        values[i, 0], values[i, 1], values[i, 2] = _values(position, triple[i, 0], triple[i, 1], triple[i, 2])
    return values


@njit(cache=True, nogil=True)
@no_type_check
def _triplets(doublet, order, start, position, layer, layers):
    pair, curvature = np.empty((len(doublet) + 64, 2), np.int32), np.empty(len(doublet) + 64)
    change, count = np.empty(len(doublet) + 64), 0
    row_of, low, high, spread = layers
    for d in range(len(doublet)):
        a, b = doublet[d, 0], doublet[d, 1]
        code = (layer[a] * LAYERS + layer[b]) * LAYERS
        for i in range(start[b], start[b + 1]):
            c = doublet[order[i], 1]
            row = row_of[code + layer[c]]
            if row < 0:
                continue
            k, impact, bend = _values(position, a, b, c)
            if k < low[row, 0] or k > high[row, 0] or impact < low[row, 1] or impact > high[row, 1]:
                continue
            if bend < low[row, 2] or bend > high[row, 2]:
                continue
            if count == len(pair):
                more, wider, longer = (
                    np.empty((2 * count, 2), np.int32),
                    np.empty(2 * count),
                    np.empty(2 * count),
                )
                more[:count], wider[:count], longer[:count] = pair, curvature, change
                pair, curvature, change = more, wider, longer
            pair[count, 0], pair[count, 1] = d, order[i]
            curvature[count], change[count] = k, spread[row]
            count += 1
    return pair[:count].copy(), curvature[:count].copy(), change[:count].copy()
