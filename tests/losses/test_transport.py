"""What the proof that the solver ends and is right rests on, looked at after every pivot."""

import numpy as np
import pytest

from femtobarn.losses import _transport
from femtobarn.losses._transport import cost_unit, order_of_joining


def check_tree(net: _transport._Network, supply: np.ndarray, demand: np.ndarray, width: int) -> int:
    """Assert what must hold of the tree, exactly, and return the number of edges without flow."""
    n, m = len(supply), len(demand)
    edges = n + m - 1
    tail, head, flow = net.tail[:edges], net.head[:edges], net.flow[:edges]
    nodes = [*range(m), *range(width, width + n)]
    paths = [sum(int(word) << 64 * w for w, word in enumerate(net.path[:, k])) for k in range(width + n)]
    assert np.all(flow >= 0)
    np.testing.assert_array_equal(np.bincount(tail, flow, n), supply)
    np.testing.assert_array_equal(np.bincount(head, flow, m), demand)
    potential = net.potential
    np.testing.assert_array_equal(potential[width + tail] - potential[head], net.cost[tail, head])
    assert [paths[k] == 0 for k in nodes].count(True) == 1  # the root
    for e in range(edges):
        x, y = width + int(tail[e]), int(head[e])
        source_is_below = bool(paths[x] >> e & 1)
        child, parent = (x, y) if source_is_below else (y, x)
        assert paths[child] == paths[parent] | 1 << e
        assert flow[e] > 0 or source_is_below, "not strongly feasible"
    return int((flow == 0).sum())


@pytest.mark.parametrize(("n", "m"), [(5, 5), (12, 9), (40, 45)])
def test_every_pivot_keeps_the_tree_exact_and_strongly_feasible(n: int, m: int) -> None:
    g = np.random.default_rng(n)
    without_flow = pivots = 0
    for _ in range(30):
        x, y = g.integers(0, 5, (n, 2)), g.integers(0, 5, (m, 2))
        cost = np.linalg.norm(x[:, None] - y, axis=-1)
        unit = cost_unit(float(cost.max()), n + m)
        supply = np.bincount(g.integers(0, n, 3 * n * m), minlength=n) // m + 1.0
        demand = np.full(m, supply.sum() // m)
        demand[0] += supply.sum() - demand.sum()
        net, width = _transport._network(n, m), int(_transport._padded(m))
        net.cost[:, :] = _transport._FAR
        net.cost[:, :m] = np.rint(cost / unit) * unit
        net.rest[:m], net.rest[width : width + n] = demand, supply
        net.prior[:] = 0.0
        _transport._join_greedily(net, n, m, width)
        _transport._root(net, n + m - 1, width)
        total = np.inf
        while True:
            without_flow += check_tree(net, supply, demand, width)
            edges = n + m - 1
            costs = (net.flow[:edges] * net.cost[net.tail[:edges], net.head[:edges]]).sum()
            assert costs <= total * (1 + 1e-12)
            total = costs
            reduced = net.cost[:, :m] - net.potential[width : width + n, None] + net.potential[:m]
            negative = np.argwhere(reduced < 0)
            if len(negative) == 0:
                break
            i, j = (int(k) for k in negative[g.integers(len(negative))])
            _transport._pivot(net, i, j, reduced[i, j], width, int(_transport._padded(width + n)))
            pivots += 1
    assert pivots > 100
    assert without_flow > 100


def test_order_of_joining_lists_every_pair_once() -> None:
    cost = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))
    order = order_of_joining(cost)
    assert sorted(map(tuple, order.tolist())) == [(i, j) for i in range(7) for j in range(i + 1, 7)]
    assert set(order[0].tolist()) in ({0, 1}, {5, 6})  # the ends have the farthest to go
