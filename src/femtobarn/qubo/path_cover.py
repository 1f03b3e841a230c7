"""Exact choice of disjoint chains of segments, with a proven bound: the tracking QUBO with forks forbidden.

A segment joins two nodes (hits), a link joins two segments that follow each other. The chosen segments enter and leave
each node at most once. In this form the linear relaxation is within a tenth of a percent of the optimum.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse.csgraph import connected_components

from femtobarn.errors import InputError
from femtobarn.qubo.quadratic import Quadratic
from femtobarn.qubo.solvers import Answer

_OPTIMAL, _LIMIT = 0, 1  # status of HiGHS: proven, or stopped by the clock
_INTEGRAL = 1e-6


class Chains(NamedTuple):
    """Segments between nodes and the links between segments."""

    start: Int[np.ndarray, "segment"]
    """Node where a segment begins."""
    end: Int[np.ndarray, "segment"]
    cost: Float[np.ndarray, "segment"]
    """Added to the energy when the segment is chosen."""
    first: Int[np.ndarray, "link"]
    """Segment that a link comes from; it ends where `second` begins."""
    second: Int[np.ndarray, "link"]
    weight: Float[np.ndarray, "link"]
    """Added to the energy when both segments are chosen; negative for smooth continuations."""

    def quadratic(self, fork: float) -> Quadratic:
        """The same as a QUBO, where two segments that share their start, or their end, cost `fork`."""
        ways = [_pairs(self.start), _pairs(self.end)]
        row = np.concatenate([self.first, *(pair[0] for pair in ways)])
        column = np.concatenate([self.second, *(pair[1] for pair in ways)])
        forks = len(row) - len(self.first)
        return Quadratic(self.cost, row, column, np.concatenate([self.weight, np.full(forks, float(fork))]))

    def energy(self, chosen: Bool[np.ndarray, "segment"]) -> float:
        """Cost of the chosen segments and weight of the links between them."""
        both = chosen[self.first] & chosen[self.second]
        return float(self.cost[chosen].sum() + self.weight[both].sum())

    def forks(self, chosen: Bool[np.ndarray, "segment"]) -> int:
        """Pairs of chosen segments that share their start or their end."""
        counts = [np.unique(node[chosen], return_counts=True)[1] for node in (self.start, self.end)]
        return int(sum((n * (n - 1) // 2).sum() for n in counts))

    def without_forks(self, chosen: Bool[np.ndarray, "segment"]) -> Bool[np.ndarray, "segment"]:
        """Of segments that share their start, or their end, the one that gains most with its neighbours stays."""
        both = chosen[self.first] & chosen[self.second]
        gain = self.cost.astype(np.float64)
        for side in (self.first, self.second):
            np.add.at(gain, side[both], self.weight[both])
        kept = chosen.copy()
        for node in (self.start, self.end):
            order = np.lexsort((gain, node))
            order = order[kept[order]]
            again = node[order][1:] == node[order][:-1]
            kept[order[1:][again]] = False
        return kept


def path_cover(chains: Chains, *, relaxed: bool = False, time_limit: float = 60.0) -> Answer:
    """The disjoint chains of lowest energy: the linear relaxation by HiGHS, then whole numbers where it has none.

    Components that the relaxation leaves with whole numbers are solved by it; the others are solved one by one.

    Args:
        chains: Segments and links.
        relaxed: Stop at the relaxation and round it at one half: the bound stands, the answer may be above.
        time_limit: Seconds for everything. Components that are not proven by then keep the best answer there is,
            and the bound of the relaxation; without a relaxation no segment is chosen.

    Raises:
        InputError: Links between segments that do not meet, positive weights, or a time limit that is none.
    """
    _check(chains, time_limit)
    began, count = time.monotonic(), len(chains.cost)
    state = np.zeros(count, bool)
    if not count:
        return Answer(state, 0.0, 0.0)
    linear = _minimum(chains, 0, time_limit)
    if linear.status != _OPTIMAL:
        worst = float(chains.cost.clip(max=0).sum() + chains.weight.sum())
        return Answer(state, 0.0, worst)
    taken, bound = linear.x[:count], float(linear.fun)
    state = chains.without_forks(taken > 0.5)
    broken = np.abs(taken - taken.round()) > _INTEGRAL
    for segments, links, part in _components(chains) if broken.any() and not relaxed else ():
        left = time_limit - (time.monotonic() - began)
        if not broken[segments].any() or left <= 0:
            continue
        exact = _minimum(part, 1, left)
        if exact.status in (_OPTIMAL, _LIMIT) and exact.x is not None:
            state[segments] = exact.x[: len(segments)] > 0.5
            below = part.cost @ taken[segments] + part.weight @ linear.x[count:][links]
            proven = exact.fun if exact.status == _OPTIMAL else exact.mip_dual_bound
            bound += max(float(proven - below), 0.0)
    energy = chains.energy(state)
    return Answer(state, energy, min(bound, energy))


def _check(chains: Chains, time_limit: float) -> None:
    if not time_limit > 0:
        raise InputError(f"a time limit above 0 expected: got {time_limit}")
    if not (np.isfinite(chains.cost).all() and np.isfinite(chains.weight).all()):
        raise InputError("finite costs and weights expected: got NaN or infinity")
    if (chains.weight > 0).any():
        raise InputError("links of negative weight expected: leave out those that cost")
    if (chains.end[chains.first] != chains.start[chains.second]).any():
        raise InputError("a link joins a segment to one that begins where it ends: got links that do not")


def _components(chains: Chains) -> list[tuple[np.ndarray, np.ndarray, Chains]]:
    """Segments, links and chains that share neither nodes nor links with others; the largest last.

    Two segments can touch as start to start or as end to end; links join end to start, so these are other vertices.
    """
    count = len(chains.cost)
    nodes = int(max(chains.start.max(), chains.end.max())) + 1
    segment = np.arange(count)
    row = np.concatenate([segment, segment, chains.first])
    column = np.concatenate([count + chains.start, count + nodes + chains.end, chains.second])
    size = count + 2 * nodes
    _, label = connected_components(sparse.coo_array((np.ones(len(row)), (row, column)), (size, size)))
    label = np.unique(label[:count], return_inverse=True)[1]
    of_link = label[chains.first]
    place = np.empty(count, np.int64)
    parts = []
    for segments, links in zip(_groups(label), _groups(of_link, int(label.max()) + 1), strict=True):
        place[segments] = np.arange(len(segments))
        ends = place[chains.first[links]], place[chains.second[links]]
        own = (chains.start[segments], chains.end[segments], chains.cost[segments])
        parts.append((segments, links, Chains(*own, *ends, chains.weight[links])))
    return sorted(parts, key=lambda each: len(each[0]))


def _groups(label: np.ndarray, count: int = 0) -> list[np.ndarray]:
    """Places of each label, from 0 on."""
    return np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])


def _minimum(chains: Chains, whole: int, time_limit: float) -> Any:
    """Answer of HiGHS; a link may be taken as soon as both segments are, so only segments have to be whole."""
    segments, links = len(chains.cost), len(chains.weight)
    return milp(
        np.concatenate([chains.cost, chains.weight]),
        integrality=np.r_[np.full(segments, whole), np.zeros(links)],
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(_constraints(chains), ub=_limits(chains)),
        options={"time_limit": time_limit, "mip_rel_gap": 0.0},
    )


def _constraints(part: Chains) -> sparse.csr_array:
    """Rows: links that leave a segment, links that enter one, segments that leave a node, that enter one."""
    segments, links = len(part.cost), len(part.weight)
    rows, columns, values = [], [], []
    above = 0
    for side in (part.first, part.second):
        rows += [above + side, above + np.arange(segments)]
        columns += [segments + np.arange(links), np.arange(segments)]
        values += [np.ones(links), -np.ones(segments)]
        above += segments
    for node in (part.start, part.end):
        index = np.unique(node, return_inverse=True)[1]
        rows.append(above + index)
        columns.append(np.arange(segments))
        values.append(np.ones(segments))
        above += int(index.max()) + 1
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_array(entries, (above, segments + links)).tocsr()


def _limits(part: Chains) -> np.ndarray:
    nodes = len(np.unique(part.start)) + len(np.unique(part.end))
    return np.r_[np.zeros(2 * len(part.cost)), np.ones(nodes)]


def _pairs(group: Int[np.ndarray, "segment"]) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of segments with the same number."""
    order = np.argsort(group, kind="stable")
    starts = (
        np.r_[0, np.flatnonzero(np.diff(group[order])) + 1, len(group)] if len(group) else np.zeros(1, int)
    )
    rank = np.arange(len(group)) - np.repeat(starts[:-1], np.diff(starts))
    # Each segment pairs with all before it in its group.
    later = np.repeat(np.arange(len(group)), rank)
    begin = np.repeat(np.cumsum(rank) - rank, rank)
    earlier = later - 1 - (np.arange(len(later)) - begin)
    return order[earlier], order[later]
