"""Pairs of hits that follow each other on a particle's way: the truth that windows are learned from."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits

LAYERS = 48  #: of the TrackML tracker, in the order of volume and layer
_VOLUMES = {7: 7, 8: 4, 9: 7, 12: 6, 13: 4, 14: 6, 16: 6, 17: 2, 18: 6}  # layers of each


class ByLayer(NamedTuple):
    """The hits of one event by layer and, within a layer, with rising phi; `row` is where each stands in the event."""

    row: Int[np.ndarray, "hit"]
    start: Int[np.ndarray, "layer+1"]
    layer: Int[np.ndarray, "hit"]
    phi: Float[np.ndarray, "hit"]
    r: Float[np.ndarray, "hit"]
    position: Float[np.ndarray, "hit 3"]


def layer_number(hits: Hits) -> Int[np.ndarray, "hit"]:
    """The layer of each hit, counted from 0 by volume and layer.

    Raises:
        InputError: A layer that the tracker of TrackML does not have.
    """
    table = np.full((20, 32), -1)
    count = 0
    for volume, layers in _VOLUMES.items():
        table[volume, 2 : 2 * layers + 2 : 2] = np.arange(count, count + layers)
        count += layers
    inside = (hits.volume >= 0) & (hits.volume < 20) & (hits.layer >= 0) & (hits.layer < 32)
    number = np.where(inside, table[np.where(inside, hits.volume, 0), np.where(inside, hits.layer, 0)], -1)
    if (number < 0).any():
        row = int(np.flatnonzero(number < 0)[0])
        raise InputError(
            f"hit {row} is in volume {hits.volume[row]}, layer {hits.layer[row]}: TrackML has no such layer"
        )
    return number


def by_layer(hits: Hits) -> ByLayer:
    """The hits of one event by layer and phi.

    Raises:
        InputError: Several events, a position that is not finite, or a layer that there is not.
    """
    if hits.events != 1:
        raise InputError(f"expected the hits of one event, got {hits.events} events; take hits.event(0)")
    if not np.isfinite(hits.position).all():
        row = int(np.flatnonzero(~np.isfinite(hits.position).all(axis=1))[0])
        raise InputError(f"hit {row} is at {hits.position[row]}, expected finite numbers")
    layer = layer_number(hits)
    phi = np.arctan2(hits.position[:, 1], hits.position[:, 0])
    order = np.lexsort((phi, layer))
    position = np.ascontiguousarray(hits.position[order], np.float64)
    start = np.searchsorted(layer[order], np.arange(LAYERS + 1))
    return ByLayer(order, start, layer[order], phi[order], np.hypot(position[:, 0], position[:, 1]), position)


def true_chains(
    hits: Hits, wanted: Bool[np.ndarray, "particle"] | None = None
) -> tuple[Int[np.ndarray, "hit"], Int[np.ndarray, "hit"]]:
    """Hits of particles in the order of their way, one of each layer, and the particle of each.

    The order is that of the distance from the particle's vertex. Of overlapping modules of a layer the hit met first
    stays.

    Args:
        hits: With truth; of any number of events.
        wanted: The particles; by default all.

    Raises:
        InputError: Hits without truth.
    """
    row, owner, fresh = _way(hits, wanted)
    return row[fresh], owner[fresh]


def true_segments(
    hits: Hits, wanted: Bool[np.ndarray, "particle"] | None = None
) -> Int[np.ndarray, "segment 2"]:
    """Pairs of hits that follow each other on a particle's way through the layers, inner hit first.

    Raises:
        InputError: As `true_chains`.
    """
    row, owner = true_chains(hits, wanted)
    same = owner[1:] == owner[:-1]
    return np.stack((row[:-1][same], row[1:][same]), axis=1)


def follows(
    hits: Hits, pair: Int[np.ndarray, "pair 2"], wanted: Bool[np.ndarray, "particle"] | None = None
) -> Bool[np.ndarray, "pair"]:
    """Whether the second hit of a pair is on the layer that the particle of the first meets next.

    Of overlapping modules of a layer every hit counts, so that two layers with two hits each have four true pairs
    (the edges without layers left out of exatrkx/exatrkx-iml2020). Hits of a particle are ordered by their distance
    from its vertex.

    Args:
        hits: Of one event, with truth.
        pair: Rows of hits.
        wanted: Particles whose pairs count; by default all.

    Raises:
        InputError: Hits without truth.
    """
    row, owner, fresh = _way(hits, wanted)
    step = np.full(len(hits.position), -2)
    step[row] = np.cumsum(fresh)
    own = np.full(len(hits.position), -1)
    own[row] = owner
    first, second = pair[:, 0], pair[:, 1]
    return (own[first] >= 0) & (own[first] == own[second]) & (step[second] == step[first] + 1)


def true_pairs(hits: Hits) -> Int[np.ndarray, "pair 2"]:
    """All pairs of hits of one event for which `follows` holds.

    Raises:
        InputError: Hits without truth.
    """
    row, owner, fresh = _way(hits, None)
    step = np.cumsum(fresh)
    first = np.searchsorted(step, step + 1)
    size = np.searchsorted(step, step + 1, side="right") - first
    size[owner[np.minimum(first, len(owner) - 1)] != owner] = 0
    inner = np.repeat(np.arange(len(row)), size)
    outer = np.arange(len(inner)) - np.repeat(np.cumsum(size) - size, size) + np.repeat(first, size)
    return np.stack((row[inner], row[outer]), axis=1)


def _way(
    hits: Hits, wanted: Bool[np.ndarray, "particle"] | None
) -> tuple[Int[np.ndarray, "hit"], Int[np.ndarray, "hit"], Bool[np.ndarray, "hit"]]:
    """Hits of particles in the order of their way, the particle of each, and whether it is the first on its layer."""
    if hits.truth is None or hits.particles is None:
        raise InputError("expected hits with truth: windows are learned from particles")
    particle = hits.truth.particle
    kept = np.flatnonzero(particle >= 0 if wanted is None else np.append(wanted, False)[particle])
    owner = particle[kept]
    way = np.linalg.norm(hits.position[kept] - hits.particles.vertex[owner], axis=1)
    order = np.lexsort((way, owner))
    kept, owner = kept[order], owner[order]
    layer = layer_number(hits)[kept]
    fresh = np.ones(len(kept), bool)
    fresh[1:] = (layer[1:] != layer[:-1]) | (owner[1:] != owner[:-1])
    return kept, owner, fresh
