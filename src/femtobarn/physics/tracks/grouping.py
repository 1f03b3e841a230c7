"""From scored edges between hits to tracks: components, walks, best paths, the best one-to-one assignment."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from femtobarn.compiled import njit
from femtobarn.errors import InputError

Edges = Int[np.ndarray, "edge 2"]
Scores = Float[np.ndarray, "edge"]
Labels = Int[np.ndarray, "hit"]


def components(edges: Edges, *, hits: int, least_hits: int = 1) -> Labels:
    """Connected component of each hit, -1 in those of fewer hits than asked for; numbered by their first hit."""
    return named(_roots(edges, hits), least_hits)


def walk(
    edges: Edges,
    score: Scores,
    position: Float[np.ndarray, "hit 3"],
    *,
    cut: float = 0.01,
    least: float = 0.1,
    branch: float = 0.6,
    least_hits: int = 3,
) -> Labels:
    """Components, and in those that branch the longest walk from each free hit.

    Edges point away from the origin. What scores `cut` or less is dropped. A component without branches is a track.
    In the others, from each free hit in the order of a topological sort, all roads are built: at each step to the best
    free successor if it scores more than `least`, and to every other that scores more than `branch`; the longest road
    becomes a track and its hits are not free any more (GNN4ITkTeam/CommonFramework, stage track_building).

    Args:
        edges: Pairs of hits.
        score: Between 0 and 1.
        position: Of the hits, mm.
        cut, least, branch: Scores, see above.
        least_hits: Of a track.

    Raises:
        InputError: Not one score for each edge.
    """
    _check(edges, score)
    distance = (position**2).sum(axis=1)
    turned = np.where((distance[edges[:, 0]] > distance[edges[:, 1]])[:, None], edges[:, ::-1], edges)[
        score > cut
    ]
    kept = score[score > cut]
    hits = len(position)
    out, into = np.bincount(turned[:, 0], minlength=hits), np.bincount(turned[:, 1], minlength=hits)
    root = _roots(turned, hits)
    branched = np.zeros(hits, bool)
    branched[root[(out > 1) | (into > 1)]] = True
    label = named(np.where(branched[root], -1, root), least_hits)
    order = np.lexsort((-kept, turned[:, 0]))
    start = np.searchsorted(turned[order, 0], np.arange(hits + 1))
    queue = np.lexsort((distance, root))
    queue = queue[branched[root[queue]]]
    found = _walks(queue, root, start, turned[order, 1], kept[order], least, branch)
    walked = named(found, least_hits)
    return np.where(walked >= 0, walked + label.max(initial=-1) + 1, label)


def best_path(edges: Edges, score: Scores, *, hits: int, cut: float = 0.1, least_hits: int = 1) -> Labels:
    """Tracks without branches: edges by falling score, each kept if neither end has an edge on that side.

    Raises:
        InputError: Not one score for each edge.
    """
    _check(edges, score)
    order = np.argsort(-score, kind="stable")
    order = order[score[order] > cut]
    kept = _accepted(edges[order], hits)
    return components(edges[order][kept], hits=hits, least_hits=least_hits)


def assignment(edges: Edges, score: Scores, *, hits: int, cut: float = 0.1, least_hits: int = 1) -> Labels:
    """Tracks without branches that have the largest sum of log odds over the odds of the cut: what `best_path` seeks.

    Each hit gets at most one successor and one predecessor; which ones is a linear assignment problem, solved exactly.

    Raises:
        InputError: Not one score for each edge, or a score or cut that is not between 0 and 1.
    """
    _check(edges, score)
    if not 0 < cut < 1 or (len(score) and not (score.min() >= 0 and score.max() <= 1)):
        raise InputError("expected scores from 0 to 1 and a cut between them")
    kept = np.flatnonzero(score > cut)
    safe = np.clip(score[kept], 1e-12, 1 - 1e-12)
    gain = np.log(safe / (1 - safe)) - np.log(cut / (1 - cut))
    # Every hit may also have no successor: a partner of its own, at no gain.
    source, target = edges[kept].T
    own = np.arange(hits)
    most = gain.max(initial=0.0) + 1.0
    rows, columns = np.concatenate((source, own)), np.concatenate((target, hits + own))
    cost = np.concatenate((most - gain, np.full(hits, most)))
    matrix = csr_matrix((cost, (rows, columns)), shape=(hits, 2 * hits))
    if hits == 0:
        return np.empty(0, np.int64)
    row, column = min_weight_full_bipartite_matching(matrix)
    linked = column < hits
    return components(np.stack((row[linked], column[linked]), axis=1), hits=hits, least_hits=least_hits)


def _check(edges: Edges, score: Scores) -> None:
    if len(edges) != len(score):
        raise InputError(f"expected one score for each of {len(edges)} edges, got {len(score)}")


def named(root: Int[np.ndarray, "hit"], least_hits: int) -> Labels:
    """Tracks numbered from 0 by their first hit; -1 where the root is negative or the group too small."""
    _, first, row, count = np.unique(root, return_index=True, return_inverse=True, return_counts=True)
    good = (count >= least_hits) & (root[first] >= 0)
    rank = np.full(len(first), -1)
    chosen = np.flatnonzero(good)
    rank[chosen[np.argsort(first[chosen])]] = np.arange(len(chosen))
    return rank[row]


def _roots(edges: Edges, hits: int) -> Int[np.ndarray, "hit"]:
    root: np.ndarray = _union(np.ascontiguousarray(edges), hits)
    return root


@njit(cache=True)
@no_type_check
def _union(edges, hits):
    """Lowest hit of each component, by union and find with halved paths."""
    parent = np.arange(hits)
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        elif b < a:
            parent[a] = b
    for i in range(hits):
        parent[i] = parent[parent[i]]
    return parent


@njit(cache=True)
@no_type_check
def _accepted(edges, hits):
    after, before = np.zeros(hits, np.bool_), np.zeros(hits, np.bool_)
    kept = np.zeros(len(edges), np.bool_)
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        if not after[a] and not before[b]:
            after[a] = before[b] = kept[e] = True
    return kept


@njit(cache=True)
@no_type_check
def _walks(queue, root, start, target, score, least, branch):
    """Road of each hit, -1 for none; `target` is sorted by falling score for each source, `queue` by component."""
    hits = len(root)
    road = np.full(hits, -1)
    longest, follow = np.empty(hits, np.int64), np.empty(hits, np.int64)
    end = 0
    for begin in range(len(queue)):
        first = queue[begin]
        if begin == end:  # the next component
            while end < len(queue) and root[queue[end]] == root[first]:
                end += 1
        if road[first] >= 0:
            continue
        # The longest road from every hit, from the outermost inwards; of equal ones the last in the list of all roads.
        for i in range(end - 1, begin - 1, -1):
            hit = queue[i]
            longest[hit], follow[hit] = 1, -1
            if road[hit] >= 0:
                continue
            best = True
            for e in range(start[hit], start[hit + 1]):
                if road[target[e]] >= 0:
                    continue
                if not score[e] > (least if best else branch):
                    break
                best = False
                if longest[target[e]] + 1 >= longest[hit]:
                    longest[hit], follow[hit] = longest[target[e]] + 1, target[e]
        hit = first
        while hit >= 0:
            road[hit] = first
            hit = follow[hit]
    return road
