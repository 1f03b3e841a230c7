"""Doublets from a map of layers: which layers a track goes to next, and within which windows."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits
from femtobarn.physics.tracks.segments import LAYERS, by_layer, layer_number, true_segments


class LayerMap(NamedTuple):
    """Pairs of layers and, for each, the windows in delta phi, z0 (mm) and delta eta of true segments."""

    pair: Int[np.ndarray, "pair 2"]
    low: Float[np.ndarray, "pair 3"]
    high: Float[np.ndarray, "pair 3"]


def learn_layer_map(
    hits: Hits, wanted: Bool[np.ndarray, "particle"], *, least: int = 10, tail: float = 5e-4
) -> LayerMap:
    """The pairs of layers that consecutive hits of particles are on, with windows that hold all but the tails.

    Args:
        hits: Of some events, with truth.
        wanted: The particles to learn from, say those above a pT.
        least: Segments that a pair of layers needs to be in the map.
        tail: Share of the segments left out at either end of each window.

    Raises:
        InputError: No truth, or too few segments for any pair.
    """
    segment = true_segments(hits, wanted)
    layer = layer_number(hits)
    code = layer[segment[:, 0]] * LAYERS + layer[segment[:, 1]]
    seen, count = np.unique(code, return_counts=True)
    seen = seen[count >= least]
    if not len(seen):
        raise InputError(
            f"no two layers have {least} segments in common among {len(segment)}: take more events"
        )
    values = segment_values(hits.position, segment)
    low, high = np.empty((len(seen), 3)), np.empty((len(seen), 3))
    for i, each in enumerate(seen):
        low[i], high[i] = np.quantile(values[code == each], (tail, 1 - tail), axis=0)
    return LayerMap(np.stack((seen // LAYERS, seen % LAYERS), axis=1), low, high)


def segment_values(
    position: Float[np.ndarray, "hit 3"], segment: Int[np.ndarray, "segment 2"]
) -> Float[np.ndarray, "segment 3"]:
    """Delta phi, z0 in mm (where the straight line in r and z meets the beam) and delta eta of pairs of hits."""
    a, b = position[segment[:, 0]], position[segment[:, 1]]
    ra, rb = np.hypot(a[:, 0], a[:, 1]), np.hypot(b[:, 0], b[:, 1])
    turn = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1])
    rise = np.where(np.abs(rb - ra) < _LEAST_RISE, _LEAST_RISE, rb - ra)
    z0 = a[:, 2] - ra * (b[:, 2] - a[:, 2]) / rise
    return np.stack((turn, z0, np.arcsinh(b[:, 2] / rb) - np.arcsinh(a[:, 2] / ra)), axis=1)


def doublets(hits: Hits, layers: LayerMap) -> Int[np.ndarray, "doublet 2"]:
    """All pairs of hits of one event that lie in the windows of the map, inner hit first.

    Raises:
        InputError: As `by_layer`.
    """
    ordered = by_layer(hits)
    eta = np.arcsinh(ordered.position[:, 2] / np.maximum(ordered.r, 1e-9))
    found: np.ndarray = _doublets(ordered, eta, *layers)
    return ordered.row[found]


_LEAST_RISE = 1e-3  # mm in r below which a segment counts as one along the beam


@njit(cache=True, nogil=True)
@no_type_check
def _doublets(ordered, eta, pair, low, high):
    found, count = np.empty((16 * len(eta) + 64, 2), np.int32), 0
    start, phi, r = ordered.start, ordered.phi, ordered.r
    z = ordered.position[:, 2]
    for p in range(len(pair)):
        first, last = start[pair[p, 1]], start[pair[p, 1] + 1]
        width = last - first
        if width == 0:
            continue
        for i in range(start[pair[p, 0]], start[pair[p, 0] + 1]):
            begin = phi[i] + low[p, 0]
            reach = high[p, 0] - low[p, 0]
            if begin < -np.pi:
                begin += 2.0 * np.pi
            elif begin > np.pi:
                begin -= 2.0 * np.pi
            j = np.searchsorted(phi[first:last], begin)
            for _ in range(width):
                if j == width:
                    j = 0
                at = first + j
                turn = phi[at] - begin
                if turn < 0.0:
                    turn += 2.0 * np.pi
                if turn > reach:
                    break
                j += 1
                step = eta[at] - eta[i]
                if step < low[p, 2] or step > high[p, 2]:
                    continue
                rise = r[at] - r[i]
                if abs(rise) < _LEAST_RISE:
                    rise = _LEAST_RISE
                z0 = z[i] - r[i] * (z[at] - z[i]) / rise
                if z0 < low[p, 1] or z0 > high[p, 1]:
                    continue
                if count == len(found):
                    larger = np.empty((2 * count, 2), np.int32)
                    larger[:count] = found
                    found = larger
                found[count, 0], found[count, 1] = i, at
                count += 1
    return found[:count].copy()
