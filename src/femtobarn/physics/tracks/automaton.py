"""Tracks as the best chains of triplets: a cellular automaton."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int

from femtobarn.compiled import njit
from femtobarn.physics.tracks.triplets import Triplets

_MOST_CHI2, _PENALTY = 16.0, 0.3


def automaton(
    position: Float[np.ndarray, "hit 3"],
    doublet: Int[np.ndarray, "doublet 2"],
    found: Triplets,
    *,
    least_hits: int = 5,
    rounds: int = 3,
) -> Int[np.ndarray, "hit"]:
    """Track of each hit, -1 for none: chains of triplets whose curvature changes little from one to the next.

    Two triplets link if they have a doublet in common and their curvatures differ by less than four standard
    deviations. A chain counts one for each triplet, less 0.3 chi^2 / 16 for each link. The best chain takes its hits,
    then the best of those that are left and have no hit in common with it, and so on; with the hits that are free
    after that the search starts again. No hit belongs to two tracks.

    Args:
        position: Of the hits of one event, mm.
        doublet: Pairs of hits.
        found: Pairs of doublets.
        least_hits: Of a track.
        rounds: Searches.
    """
    distance = np.linalg.norm(position, axis=1)
    inner, middle = doublet[found.doublet[:, 0], 0], doublet[found.doublet[:, 0], 1]
    outer = doublet[found.doublet[:, 1], 1]
    outwards = np.flatnonzero((distance[inner] < distance[middle]) & (distance[middle] < distance[outer]))
    order = outwards[np.argsort(distance[middle[outwards]], kind="stable")]
    triple = np.stack((inner, middle, outer), axis=1)[order]
    by_second = np.argsort(found.doublet[order, 1], kind="stable")
    start = np.searchsorted(found.doublet[order, 1][by_second], np.arange(len(doublet) + 1))
    label: np.ndarray = _chains(
        triple, found.doublet[order, 0], by_second, start, found.curvature[order], found.change[order], len(position),
        least_hits, rounds,
    )  # fmt: skip
    return label


@njit(cache=True, nogil=True)
@no_type_check
def _chains(triple, first, by_second, start, curvature, change, hits, least_hits, rounds):
    """Triplets come in the order in which a track meets them; `by_second` lists those that end with a doublet."""
    count = len(triple)
    label, tracks = np.full(hits, -1), 0
    alive = np.ones(count, np.bool_)
    score, before, length = np.empty(count), np.empty(count, np.int64), np.empty(count, np.int64)
    chain = np.empty(count + 2, np.int64)
    for _ in range(rounds):
        for t in range(count):
            score[t], before[t], length[t] = 1.0, -1, 3
            if not alive[t]:
                score[t] = 0.0
                continue
            for i in range(start[first[t]], start[first[t] + 1]):
                other = by_second[i]
                if not alive[other] or change[other] <= 0.0:
                    continue
                pull = (curvature[t] - curvature[other]) / change[other]
                if pull * pull > _MOST_CHI2:
                    continue
                total = score[other] + 1.0 - _PENALTY * pull * pull / _MOST_CHI2
                if total > score[t]:
                    score[t], before[t], length[t] = total, other, length[other] + 1
        new = 0
        for t in np.argsort(-score, kind="mergesort"):
            if not alive[t] or length[t] < least_hits:
                continue
            n, at = 0, t
            chain[0] = triple[t, 2]
            free = label[triple[t, 2]] < 0
            while at >= 0 and free:
                n += 1
                chain[n] = triple[at, 1]
                free = label[triple[at, 1]] < 0
                last = at
                at = before[at]
            if not free or label[triple[last, 0]] >= 0:
                continue
            n += 1
            chain[n] = triple[last, 0]
            for i in range(n + 1):
                label[chain[i]] = tracks
            tracks += 1
            new += 1
        if new == 0:
            break
        for t in range(count):
            alive[t] = label[triple[t, 0]] < 0 and label[triple[t, 1]] < 0 and label[triple[t, 2]] < 0
    return label
