"""Further hits of a track on layers it has a hit on already: where modules of a layer overlap."""

from math import pi, sqrt
from typing import no_type_check

import numpy as np
from jaxtyping import Int

from femtobarn.compiled import njit
from femtobarn.physics.tracks.hits import Hits
from femtobarn.physics.tracks.segments import by_layer

_FARTHEST = 14.0  # mm from the hit on the layer
#: Largest distance from the local line across (r-phi) and along the strips, mm: pixels, short, long strips.
_WINDOWS = ((0.25, 0.5), (0.4, 3.0), (0.6, 14.0))
_KIND = np.zeros(20, np.int64)
_KIND[[12, 13, 14]], _KIND[[16, 17, 18]] = 1, 2


def attach_overlaps(hits: Hits, label: Int[np.ndarray, "hit"]) -> Int[np.ndarray, "hit"]:
    """The labels, with free hits added to tracks that have a hit nearby on the same layer and another module.

    The line is that through the track's hits before and behind. A hit that fits two tracks goes to the nearer.

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
    result: np.ndarray = _attached(
        label, label[member], rank[member], ordered, hits.module[ordered.row], _KIND[hits.volume[ordered.row]],
        np.array(_WINDOWS),
    )  # fmt: skip
    return result


@njit(cache=True, nogil=True)
@no_type_check
def _attached(label, owner, chain, ordered, module, kind, windows):
    row, start, layer, phi, r, position = ordered
    result, best = label.copy(), np.full(len(label), np.inf)
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
                if label[row[other]] >= 0 or module[other] == module[at]:
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
                off = (across / window[0]) ** 2 + (rest / window[1]) ** 2
                if off < best[row[other]]:
                    best[row[other]] = off
                    result[row[other]] = owner[i]
    return result
