"""Where modules of a layer overlap: second hits of a track, and two tracks that are one."""

from math import pi, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int

from femtobarn.compiled import njit
from femtobarn.physics.tracks.grouping import components, named
from femtobarn.physics.tracks.hits import Hits
from femtobarn.physics.tracks.segments import LAYERS, by_layer, layer_number

_FARTHEST = 14.0  # mm from the hit on the layer
#: Largest distance from the local line across (r-phi) and along the strips, mm: pixels, short, long strips.
_WINDOWS = ((0.25, 0.5), (0.4, 3.0), (0.6, 14.0))
_KIND = np.zeros(20, np.int64)
_KIND[[12, 13, 14]], _KIND[[16, 17, 18]] = 1, 2
_LEAST_LAYERS, _LEAST_SHARE = 2, 0.5


class Overlaps(NamedTuple):
    """Hits that lie on a track, on a layer and near a hit it has, but on another module; one row each."""

    track: Int[np.ndarray, "row"]
    hit: Int[np.ndarray, "row"]
    off: Float[np.ndarray, "row"]  # squared distance from the track's local line, in units of the windows


def overlaps(hits: Hits, label: Int[np.ndarray, "hit"]) -> Overlaps:
    """All hits, free or not, that fit a track beside a hit it has on the same layer.

    The line is that through the track's hits before and behind.

    Args:
        hits: Of one event.
        label: Track of each hit, -1 for none.

    Raises:
        InputError: As `by_layer`.
    """
    ordered = by_layer(hits)
    rank = np.empty(len(label), np.int64)
    rank[ordered.row] = np.arange(len(label))
    member = np.flatnonzero(label >= 0)
    distance = np.linalg.norm(hits.position, axis=1)
    member = member[np.lexsort((distance[member], label[member]))]
    at, hit, off = _found(
        label[member], rank[member], ordered, hits.module[ordered.row], _KIND[hits.volume[ordered.row]],
        np.array(_WINDOWS),
    )  # fmt: skip
    return Overlaps(label[member][at], hit, off)


def attach_overlaps(hits: Hits, label: Int[np.ndarray, "hit"]) -> Int[np.ndarray, "hit"]:
    """The labels, with free hits added to tracks that have a hit nearby on the same layer and another module.

    A hit that fits two tracks goes to the nearer.

    Args:
        hits: Of one event.
        label: Track of each hit, -1 for none.

    Raises:
        InputError: As `by_layer`.
    """
    found = overlaps(hits, label)
    free = np.flatnonzero(label[found.hit] < 0)
    order = free[np.argsort(-found.off[free], kind="stable")]  # of several rows of a hit the last one stays
    result = label.copy()
    result[found.hit[order]] = found.track[order]
    return result


def merge_overlaps(hits: Hits, label: Int[np.ndarray, "hit"]) -> Int[np.ndarray, "hit"]:
    """The labels, with tracks joined that run side by side through the overlaps of modules.

    A particle with two hits on most layers can be found twice, once through each. Two tracks are one if hits of
    either lie on the other as `overlaps` has it, on two layers or more and on half of those of the shorter one.

    Args:
        hits: Of one event.
        label: Track of each hit, -1 for none.

    Raises:
        InputError: As `by_layer`.
    """
    found = overlaps(hits, label)
    taken = (label[found.hit] >= 0) & (label[found.hit] != found.track)
    count, layer = int(label.max(initial=-1)) + 1, layer_number(hits)
    pair = np.sort(np.stack((found.track[taken], label[found.hit[taken]]), axis=1), axis=1)
    name, shared = np.unique(
        np.unique((pair[:, 0] * count + pair[:, 1]) * LAYERS + layer[found.hit[taken]]) // LAYERS,
        return_counts=True,
    )
    own = np.bincount(np.unique(label[label >= 0] * LAYERS + layer[label >= 0]) // LAYERS, minlength=count)
    pair = np.stack((name // max(count, 1), name % max(count, 1)), axis=1)
    same = (shared >= _LEAST_LAYERS) & (shared >= _LEAST_SHARE * own[pair].min(axis=1, initial=LAYERS))
    return np.append(components(pair[same], hits=count), -1)[label]


def with_overlaps(
    hits: Hits, label: Int[np.ndarray, "hit"], *, least_hits: int = 5
) -> Int[np.ndarray, "hit"]:
    """Tracks as they are counted: joined, with their second hits, and those of fewer hits dropped; numbered anew.

    Second hits count: a particle that leaves five hits on four layers is a track of five.

    Raises:
        InputError: As `by_layer`.
    """
    return named(attach_overlaps(hits, merge_overlaps(hits, label)), least_hits)


@njit(cache=True, nogil=True)
@no_type_check
def _found(owner, chain, ordered, module, kind, windows):
    row, start, layer, phi, r, position = ordered
    size, count = len(chain) + 64, 0
    at_chain, hit, offs = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
    for i in range(len(chain)):
        at = chain[i]
        low = i - 1 if i > 0 and owner[i - 1] == owner[i] else i
        high = i + 1 if i + 1 < len(chain) and owner[i + 1] == owner[i] else i
        if low == high:
            continue
        tx = position[chain[high], 0] - position[chain[low], 0]
        ty = position[chain[high], 1] - position[chain[low], 1]
        tz = position[chain[high], 2] - position[chain[low], 2]
        norm = sqrt(tx * tx + ty * ty + tz * tz)
        tx, ty, tz = tx / norm, ty / norm, tz / norm
        first, last = start[layer[at]], start[layer[at] + 1]
        width, reach = last - first, min(_FARTHEST / max(r[at] - _FARTHEST, 1.0), pi)
        for way in (1, -1):
            j = at - first
            for _ in range(width):
                j = (j + way) % width
                other = first + j
                turn = abs(phi[other] - phi[at])
                if min(turn, 2.0 * pi - turn) > reach or other == at:
                    break
                if module[other] == module[at]:
                    continue
                dx, dy = position[other, 0] - position[at, 0], position[other, 1] - position[at, 1]
                dz = position[other, 2] - position[at, 2]
                if dx * dx + dy * dy + dz * dz > _FARTHEST * _FARTHEST:
                    continue
                along = dx * tx + dy * ty + dz * tz
                dx, dy, dz = dx - along * tx, dy - along * ty, dz - along * tz
                across = abs(dy * position[at, 0] - dx * position[at, 1]) / r[at]
                rest = sqrt(max(dx * dx + dy * dy + dz * dz - across * across, 0.0))
                window = windows[kind[at]]
                if across > window[0] or rest > window[1]:
                    continue
                if count == size:
                    size *= 2
                    at_chain, hit, offs = _longer(at_chain, size), _longer(hit, size), _longer(offs, size)
                at_chain[count], hit[count] = i, row[other]
                offs[count] = (across / window[0]) ** 2 + (rest / window[1]) ** 2
                count += 1
    return at_chain[:count].copy(), hit[:count].copy(), offs[:count].copy()


@njit(cache=True)
@no_type_check
def _longer(values, size):
    longer = np.empty(size, values.dtype)
    longer[: len(values)] = values
    return longer
