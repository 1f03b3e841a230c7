"""Exact transport from sources to sinks at least cost: a network simplex for many small dense problems.

It is the primal simplex on spanning trees, with these ideas:

- The tree is one bit mask per node: the edges on its path to the root. The exclusive or of two masks is the
  cycle that a new edge closes. The edge that enters takes the number of the one that leaves, so that only
  nodes cut off change their mask, all by the same exclusive or: a sweep of vector code without pointers.
- Pricing takes the best entry of a few promising rows, each a vectorised minimum, and goes on from there.
- The first tree is greedy on Russell's cost (Operations Research 17 (1969) 187), the distance minus the
  largest distances of its two ends, which needs half the pivots of the cheapest-first rule. If potentials of
  a similar problem are known, their tight edges come before that, leaves before branches.
- Masses and costs are rounded to multiples of a power of two so coarse that no sum is ever rounded: by 2^-52
  of the mass moved and, for 48 cells, 2^-46 of the largest cost at most. The tree is strongly feasible
  (Cunningham, Mathematical Programming 11 (1976) 105). Together this proves that the simplex ends, however
  degenerate the masses; and it ends only where no reduced cost is negative, which is the optimum.

A potential f has f[source] - f[sink] <= cost, with equality on the tree. Nodes are numbered: first the sinks,
padded to a multiple of `_LANES` (`width`), then the sources.

All compiled code is in this one file because numba's disk cache watches only the file of the function stored.
"""

from math import ceil, floor, frexp, ldexp, log2, sqrt
from typing import Any, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, UInt32
from numba import types
from numba.extending import intrinsic

from femtobarn.compiled import njit

LARGEST = 1e200  #: mass or cost
_LANES = 16  # LLVM unrolls vector loops to four vectors of four float64: leave no remainder
_ROWS = 4  # promising rows compared for each pivot
_FAR = 1e300  # cost of the padding and of what is done with
_ROUNDING = 4 * np.finfo(np.float64).eps  # relative
_TIGHT = 1e-6  # of the largest cost: reduced costs that float32 potentials cannot tell from zero
_ONE, _ZERO = np.uint64(1), np.uint64(0)
# Sums are exact in any order; neither NaN nor infinity nor a negative zero occurs.
_FLAGS = {"reassoc", "contract", "nnan", "ninf", "nsz"}
_kernel = njit(fastmath=_FLAGS)
_entry = njit(fastmath=_FLAGS, nogil=True, cache=True)


@no_type_check
def cost_unit(largest: float, nodes: int) -> float:
    """Power of two; if all costs are multiples of it, no potential and no reduced cost is ever rounded."""
    return ldexp(1.0, max(frexp(largest)[1] - 53 + ceil(log2(2 * nodes + 1)), -1074))


def order_of_joining(cost: Float[np.ndarray, "n n"]) -> UInt32[np.ndarray, "pair 2"]:
    """All pairs of nodes, in ascending order of Russell's cost."""
    a, b = np.triu_indices(len(cost), 1)
    reach = cost.max(axis=1)
    order = np.argsort(cost[a, b] - reach[a] - reach[b], kind="stable")
    return np.stack((a[order], b[order]), axis=1).astype(np.uint32)


@_entry
@no_type_check
def move_histograms(a, b, warm, value, potential, slope_a, slope_b, cost, rounded, order, normalise):
    """Earth mover's distance of the rows of a and b, its potential, and its derivatives.

    Args:
        a, b: (row, n) masses from 0 to `LARGEST`.
        warm: (row, node) guess of the potential, or (row, 0).
        value, potential, slope_a, slope_b: Results, (row,) and (row, n). A row that cannot be normalised has
            value NaN and zeros.
        cost, rounded: (node, node), a metric, and the same in multiples of its `cost_unit`.
        order: Pairs of nodes in the `order_of_joining`.
        normalise: Whether to scale both sides to unit sum. If not, the nodes are the n cells and "nowhere",
            which takes the surplus.
    """
    rows, n = a.shape
    nodes = len(cost)
    net = _network(nodes, nodes)
    excess, f = np.empty(nodes), np.empty(nodes)
    cell, node = np.empty(len(net.rest), np.int64), np.empty(nodes, np.int64)
    slack = _TIGHT * cost.max()
    for r in range(rows):
        total_a, total_b = a[r].sum(), b[r].sum()
        value[r], potential[r], slope_a[r], slope_b[r] = 0.0, 0.0, 0.0, 0.0
        if normalise and (total_a == 0.0 or total_b == 0.0):
            value[r] = np.nan
            continue
        _excess(a[r], b[r], total_a, total_b, normalise, excess)
        sources, sinks, width = _sides(net, excess, cell, node)
        if sources == 0 or sinks == 0:
            continue
        _pick_costs(net, rounded, cell, sources, sinks, width)
        left = (0, sources, sinks)
        if warm.shape[1] > 0:
            for k in range(sinks):
                net.prior[k] = warm[r, cell[k]]
            for k in range(width, width + sources):
                net.prior[k] = warm[r, cell[k]]
            left = _join_tight(net, sources, sinks, width, slack, cell, node)
        _join_in_order(net, left, width, order, cell, node)
        _root(net, sources + sinks - 1, width)
        _improve(net, sources, width)
        for e in range(sources + sinks - 1):
            value[r] += net.flow[e] * cost[cell[width + net.tail[e]], cell[net.head[e]]]
        _extend(net, sources, sinks, width, excess, f, rounded, cell)
        level = f.mean() if normalise else f[n]
        for c in range(n):
            potential[r, c] = f[c] - level
        _slope(potential[r], a[r], total_a, normalise, 1.0, slope_a[r])
        _slope(potential[r], b[r], total_b, normalise, -1.0, slope_b[r])


@_kernel
@no_type_check
def _excess(a, b, total_a, total_b, normalise, excess):
    """What each cell has to give (> 0) or to take. The cost is a metric: what both sides share stays."""
    scale_a, scale_b = (total_a, total_b) if normalise else (1.0, 1.0)
    for c in range(len(a)):
        excess[c] = _difference(a[c] / scale_a, b[c] / scale_b)
    if not normalise:
        excess[len(a)] = _difference(total_b, total_a)
    _round_masses(excess)


@_kernel
@no_type_check
def _difference(p, q):
    """Difference of two masses, 0 if it may be due to the rounding of either."""
    return p - q if abs(p - q) > _ROUNDING * (p + q) else 0.0


@_kernel
@no_type_check
def _round_masses(mass):
    """Make all entries multiples of 2^-52 of the sum of the positive ones: sums of flows are then exact."""
    moved = 0.0
    for k in range(len(mass)):
        moved += max(mass[k], 0.0)
    unit = ldexp(1.0, max(frexp(moved)[1] - 52, -1074))
    for k in range(len(mass)):
        mass[k] = floor(mass[k] / unit + 0.5) * unit


@_kernel
@no_type_check
def _slope(f, mass, total, normalise, sign, slope):
    """Derivative with respect to the masses, from the potential: that of a change of the shares."""
    mean, scale = 0.0, sign
    if normalise:
        for k in range(len(f)):
            mean += f[k] * mass[k]
        mean /= total
        scale = sign * total
    for k in range(len(f)):
        slope[k] = (f[k] - mean) / scale


@_kernel
@no_type_check
def _sides(net, excess, cell, node):
    """Number the nodes: `cell` leads to the cell of a node, `node` back (source i: i + 1, sink j: -j - 1)."""
    sinks = 0
    for c in range(len(excess)):
        sinks += excess[c] < 0.0
    width = _padded(sinks)
    i, j = 0, 0
    for c in range(len(excess)):
        node[c] = 0
        if excess[c] > 0.0:
            net.rest[width + i] = excess[c]
            cell[width + i] = c
            i += 1
            node[c] = i
        elif excess[c] < 0.0:
            net.rest[j] = -excess[c]
            cell[j] = c
            j += 1
            node[c] = -j
    return i, j, width


@_kernel
@no_type_check
def _pick_costs(net, cost, cell, sources, sinks, width):
    """Costs between the nodes, from those between all cells."""
    for i in range(sources):
        row = cost[cell[width + i]]
        for j in range(sinks):
            net.cost[i, j] = row[cell[j]]
        for j in range(sinks, width):
            net.cost[i, j] = _FAR


@_kernel
@no_type_check
def _extend(net, sources, sinks, width, excess, potential, cost, cell):
    """Potential of every cell; where nothing moves, the mean of the upper and the lower bound."""
    for c in range(len(excess)):
        if excess[c] == 0.0:
            upper, lower = _FAR, -_FAR
            for k in range(sinks):
                upper = _lesser(upper, cost[c, cell[k]] + net.potential[k])
            for k in range(width, width + sources):
                lower = -_lesser(-lower, cost[c, cell[k]] - net.potential[k])
            potential[c] = 0.5 * (upper + lower)
    for k in range(sinks):
        potential[cell[k]] = net.potential[k]
    for k in range(width, width + sources):
        potential[cell[k]] = net.potential[k]


@_entry
@no_type_check
def move_points(x, y, a, b, value, slope_a, slope_b, slope_x, slope_y, period, penalty, derive):
    """Earth mover's distance of masses a at points x and b at points y, and its derivatives.

    Args:
        x, y: (row, n, axis) and (row, m, axis).
        a, b: (row, n) and (row, m) masses from 0 to `LARGEST`.
        value, slope_a, slope_b, slope_x, slope_y: Results. The slopes are filled if `derive`, and else left
            alone. A row that cannot be normalised has value NaN and zeros.
        period: (axis,), 0 for an axis that does not close.
        penalty: Cost per unit of the surplus of either side, or -1 to scale both sides to unit sum.
    """
    rows, n, _ = x.shape
    m = y.shape[1]
    net = _network(n + 1, m + 1)
    give, take = np.empty(n + 1), np.empty(m + 1)
    giver, taker = np.empty(n + 1, np.int64), np.empty(m + 1, np.int64)
    f, g = np.empty(n), np.empty(m)
    distance = np.full((n + 1, m + 1), penalty)
    normalise = penalty < 0.0
    for r in range(rows):
        value[r] = 0.0
        if derive:
            slope_a[r], slope_b[r], slope_x[r], slope_y[r] = 0.0, 0.0, 0.0, 0.0
        total_a, total_b = a[r].sum(), b[r].sum()
        if normalise and (total_a == 0.0 or total_b == 0.0):
            value[r] = np.nan
            continue
        surplus = 0.0 if normalise else _difference(total_a, total_b)
        give[:n] = a[r] / total_a if normalise else a[r]
        take[:m] = b[r] / total_b if normalise else b[r]
        give[n], take[m] = max(-surplus, 0.0), max(surplus, 0.0)
        _round_masses(give)
        _round_masses(take)
        sinks = _present(take, taker, net.rest, 0)
        width = _padded(sinks)
        sources = _present(give, giver, net.rest, width)
        if sources == 0 or sinks == 0:
            continue
        for i in range(n):
            if derive or give[i] > 0.0:
                _distances(x[r, i], y[r], period, distance[i])
        _fill(net, distance, giver, sources, taker, sinks, width)
        _join_greedily(net, sources, sinks, width)
        _root(net, sources + sinks - 1, width)
        _improve(net, sources, width)
        for e in range(sources + sinks - 1):
            value[r] += net.flow[e] * distance[giver[net.tail[e]], taker[net.head[e]]]
        if derive:
            edges = sources + sinks - 1
            _pull(net, edges, distance, giver, taker, x[r], y[r], period, slope_x[r], slope_y[r])
            _price(net, distance, giver, sources, taker, sinks, width, f, g)
            _slope(f, a[r], total_a, normalise, 1.0, slope_a[r])
            _slope(g, b[r], total_b, normalise, 1.0, slope_b[r])


@_kernel
@no_type_check
def _present(mass, index, rest, first):
    """Number the points that have mass."""
    count = 0
    for i in range(len(mass)):
        if mass[i] > 0.0:
            index[count] = i
            rest[first + count] = mass[i]
            count += 1
    return count


@_kernel
@no_type_check
def _step(difference, period):
    """Shortest way along an axis that is closed if its period is above zero."""
    return difference - period * floor(difference / period + 0.5) if period > 0.0 else difference


@_kernel
@no_type_check
def _distances(point, others, period, distance):
    count, axes = others.shape
    for j in range(count):
        distance[j] = 0.0
    for a in range(axes):
        here, turn = point[a], period[a]
        for j in range(count):
            distance[j] += _step(here - others[j, a], turn) ** 2
    for j in range(count):
        distance[j] = sqrt(distance[j])


@_kernel
@no_type_check
def _fill(net, distance, giver, sources, taker, sinks, width):
    """Costs in multiples of their unit; the largest of each row and column, to guide the first tree."""
    for k in range(width + sources):
        net.prior[k] = 0.0
    largest = 0.0
    for i in range(sources):
        row = distance[giver[i]]
        reach = 0.0
        for j in range(sinks):
            cost = row[taker[j]]
            net.cost[i, j] = cost
            net.prior[j] = _lesser(net.prior[j], -cost)
            reach = -_lesser(-reach, -cost)
        net.prior[width + i] = reach
        largest = max(largest, reach)
    unit = _cost_unit(largest, sources + sinks)
    for i in range(sources):
        for j in range(sinks):
            net.cost[i, j] = floor(net.cost[i, j] / unit + 0.5) * unit
        for j in range(sinks, width):
            net.cost[i, j] = _FAR


@_kernel
@no_type_check
def _pull(net, edges, distance, giver, taker, x, y, period, pull_x, pull_y):
    """Add up the flows as unit vectors: the derivative with respect to the positions."""
    for e in range(edges):
        i, j = giver[net.tail[e]], taker[net.head[e]]
        if i < len(x) and j < len(y) and distance[i, j] > 0.0:
            for a in range(x.shape[1]):
                pull = net.flow[e] * _step(x[i, a] - y[j, a], period[a]) / distance[i, j]
                pull_x[i, a] += pull
                pull_y[j, a] -= pull


@_kernel
@no_type_check
def _price(net, distance, giver, sources, taker, sinks, width, f, g):
    """Derivatives with respect to the masses; at a point without mass, that of adding some."""
    n, m = len(f), len(g)
    penalty = distance[n, m]
    if giver[sources - 1] == n:
        nowhere = net.potential[width + sources - 1]
    elif taker[sinks - 1] == m:
        nowhere = net.potential[sinks - 1]
    elif penalty > 0.0:  # equal totals: half-way between what a surplus and what a deficit would give
        nowhere = 0.5 * (net.potential[:sinks].min() + net.potential[width : width + sources].max())
    else:
        nowhere = 0.0
    for i in range(n):
        upper = _FAR
        for k in range(sinks):
            upper = _lesser(upper, distance[i, taker[k]] + net.potential[k])
        f[i] = upper - nowhere
    for j in range(m):
        upper = _FAR
        for k in range(sources):
            upper = _lesser(upper, distance[giver[k], j] - net.potential[width + k])
        g[j] = upper + nowhere


class _Network(NamedTuple):
    """One problem, its tree, and work space. The arrays are made once, for the largest problem."""

    cost: Any  # (source, sink)
    prior: Any  # (node,) a guess of the potential
    rest: Any  # (node,) what it has still to give or to take while the first tree grows
    tail: Any  # (edge,) its source, counted from 0
    head: Any  # (edge,) its sink
    flow: Any  # (edge,)
    hung: Any  # (edge,) which end it hung on the first tree
    path: Any  # (word, node) bit e: edge e is on the way to the root
    potential: Any  # (node,)
    cycle: Any  # `_pivot`: edges of the cycle,
    sense: Any  # whether their flow grows (1) or shrinks (-1),
    cut: Any  # and all bits set for the nodes cut off
    degree: Any  # `_join_tight`: number of tight edges of a node,
    mark: Any  # the exclusive or of their other ends,
    queue: Any  # and leaves to come
    nearest: Any  # `_join_greedily`: for each source the nearest sink,
    least: Any  # the reduced cost to it,
    barrier: Any  # and potentials, high where a sink is done with


@_kernel
@no_type_check
def _network(sources, sinks):
    nodes = sources + sinks + 3 * _LANES
    return _Network(
        np.empty((sources, sinks + _LANES)),
        np.empty(nodes),
        np.empty(nodes),
        np.empty(nodes, np.int64),
        np.empty(nodes, np.int64),
        np.empty(nodes),
        np.empty(nodes, np.int64),
        np.zeros(((sources + sinks + 63) // 64, nodes), np.uint64),
        np.zeros(nodes),
        np.empty(nodes, np.int64),
        np.empty(nodes),
        np.empty(nodes, np.uint64),
        np.empty(nodes, np.int64),
        np.empty(nodes, np.int64),
        np.empty(2 * nodes, np.int64),
        np.empty(nodes, np.int64),
        np.empty(nodes),
        np.empty(nodes),
    )


@_kernel
@no_type_check
def _padded(count):
    return (count + _LANES - 1) // _LANES * _LANES


_cost_unit = _kernel(cost_unit)


@intrinsic
@no_type_check
def _lesser(context, a, b):  # noqa: ARG001 - numba passes types and contexts by position
    """The smaller of two numbers. LLVM vectorises a loop over it, but not over `min`."""

    def generate(context, builder, signature, arguments):  # noqa: ARG001
        less = builder.fcmp_ordered("<", *arguments, flags=("fast",))
        return builder.select(less, *arguments, flags=("fast",))

    return types.float64(types.float64, types.float64), generate


@intrinsic
@no_type_check
def _lowest_bit(context, mask):  # noqa: ARG001
    """Number of the lowest bit set in a mask that is not zero."""

    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.int64(types.uint64), generate


@_kernel
@no_type_check
def _minimum(cost, potential, width):
    least = _FAR
    for j in range(width):
        least = _lesser(least, cost[j] + potential[j])
    return least


@_kernel
@no_type_check
def _position(cost, potential, least):
    j = 0
    while cost[j] + potential[j] > least:
        j += 1
    return j


# ---- the first tree ----


@_kernel
@no_type_check
def _join(net, edge, i, j, width, open_sources, open_sinks):
    """Send all that source i can give and sink j take, and return the node that is done with.

    In a tie that is the sink, but the last sink waits for all sources and becomes the root. So an edge
    without flow always hangs a source on a sink, which is what makes the tree strongly feasible.
    """
    x = width + i
    sink_done = open_sinks > 1 and (open_sources == 1 or net.rest[x] >= net.rest[j])
    amount = net.rest[j] if sink_done else net.rest[x]
    net.rest[x] = max(net.rest[x] - amount, 0.0)
    net.rest[j] = max(net.rest[j] - amount, 0.0)
    net.tail[edge], net.head[edge], net.flow[edge] = i, j, amount
    net.hung[edge] = j if sink_done else x
    return net.hung[edge]


@_kernel
@no_type_check
def _join_in_order(net, left, width, order, cell, node):
    """Join what is left open, going through a list of pairs of cells until one side has a single node."""
    edge, open_sources, open_sinks = left
    if open_sources == 0:
        return
    for k in range(len(order)):
        if open_sources == 1 or open_sinks == 1:
            break
        a, b = node[order[k, 0]], node[order[k, 1]]
        if a * b < 0:
            done = _join(net, edge, max(a, b) - 1, -min(a, b) - 1, width, open_sources, open_sinks)
            node[cell[done]] = 0
            edge += 1
            open_sinks -= done < width
            open_sources -= done >= width
    last = 0
    while node[last] == 0 or (node[last] > 0) != (open_sources == 1):
        last += 1
    for c in range(len(node)):
        if node[c] * node[last] < 0:
            i, j = max(node[c], node[last]) - 1, -min(node[c], node[last]) - 1
            done = _join(net, edge, i, j, width, open_sources, open_sinks)
            edge += 1
            open_sinks -= done < width
            open_sources -= done >= width


@_kernel
@no_type_check
def _join_tight(net, sources, sinks, width, slack, cell, node):
    """Join along the edges that the guess of the potentials makes tight, leaves first.

    The number of tight edges of a node and the exclusive or of their other ends suffice to strip leaf after
    leaf: a leaf has one neighbour, so the latter is its number. A leaf for which the neighbour has not enough
    left stays open.

    Returns:
        Edges joined, sources and sinks still open.
    """
    degree, mark, queue = net.degree, net.mark, net.queue
    for k in range(width + sources):
        degree[k] = 0
        mark[k] = 0
    for i in range(sources):
        limit = net.prior[width + i] + slack
        total, ends = 0, 0
        for j in range(sinks):
            tight = np.int64(net.cost[i, j] + net.prior[j] < limit)
            total += tight
            ends ^= j * tight
            degree[j] += tight
            mark[j] ^= (width + i) * tight
        degree[width + i] = total
        mark[width + i] = ends
    last = 0
    for k in range(width + sources):
        queue[last] = k
        last += degree[k] == 1
    first, edge, open_sources, open_sinks = 0, 0, sources, sinks
    while first < last and open_sources > 0:
        leaf = queue[first]
        first += 1
        if degree[leaf] == 0:
            continue
        other = mark[leaf]
        degree[other] -= 1
        mark[other] ^= leaf
        queue[last] = other
        last += degree[other] == 1
        x, j = max(leaf, other), min(leaf, other)
        sink_done = open_sinks > 1 and (open_sources == 1 or net.rest[x] >= net.rest[j])
        if sink_done == (leaf == j):
            _join(net, edge, x - width, j, width, open_sources, open_sinks)
            node[cell[leaf]] = 0
            edge += 1
            open_sinks -= sink_done
            open_sources -= not sink_done
    return edge, open_sources, open_sinks


@_kernel
@no_type_check
def _join_greedily(net, sources, sinks, width):
    """Join, again and again, the open pair with the least cost reduced by the guess of the potentials."""
    nearest, least, barrier = net.nearest, net.least, net.barrier
    for j in range(width):
        barrier[j] = net.prior[j] if j < sinks else _FAR
    for i in range(sources, _padded(sources)):
        least[i] = _FAR
    for i in range(sources):
        _find_nearest(net, i, width)
    edge, open_sources, open_sinks = 0, sources, sinks
    while open_sources > 0:
        best = _FAR
        for i in range(_padded(sources)):
            best = _lesser(best, least[i])
        i = 0
        while least[i] > best:
            i += 1
        if barrier[nearest[i]] < _FAR:
            done = _join(net, edge, i, nearest[i], width, open_sources, open_sinks)
            edge += 1
            if done >= width:
                open_sources -= 1
                least[i] = _FAR
                continue
            open_sinks -= 1
            barrier[done] = _FAR
        _find_nearest(net, i, width)


@_kernel
@no_type_check
def _find_nearest(net, i, width):
    cost = _minimum(net.cost[i], net.barrier, width)
    net.nearest[i] = _position(net.cost[i], net.barrier, cost)
    net.least[i] = cost - net.prior[width + i]


@_kernel
@no_type_check
def _root(net, edges, width):
    """Masks and potentials of the first tree, outwards from the root, which is the sink joined last."""
    tail, head, hung, path, potential = net.tail, net.head, net.hung, net.path, net.potential
    root = head[edges - 1]
    potential[root] = 0.0
    for w in range(len(path)):
        path[w, root] = _ZERO
    for e in range(edges - 1, -1, -1):
        node = hung[e]
        parent = width + tail[e] if node == head[e] else head[e]
        cost = net.cost[tail[e], head[e]]
        potential[node] = potential[parent] + (cost if node >= width else -cost)
        for w in range(len(path)):
            path[w, node] = path[w, parent]
        path[e >> 6, node] |= _ONE << np.uint64(e & 63)


# ---- the simplex ----


@_kernel
@no_type_check
def _improve(net, sources, width):
    """Pivot until no edge has a negative reduced cost."""
    cost, potential = net.cost, net.potential
    nodes = _padded(width + sources)
    i, seen = 0, 0
    while seen < sources:
        best, best_source, least, promising = 0.0, -1, 0.0, 0
        while promising < _ROWS and seen < sources:
            row_least = _minimum(cost[i], potential, width)
            reduced = row_least - potential[width + i]
            if reduced < best:
                best, best_source, least = reduced, i, row_least
            promising += best_source >= 0
            seen += 1
            i = i + 1 if i + 1 < sources else 0
        if best_source >= 0:
            _pivot(net, best_source, _position(cost[best_source], potential, least), best, width, nodes)
            seen = 0


@_kernel
@no_type_check
def _pivot(net, i, j, reduced, width, nodes):
    """Take edge (i, j) of negative reduced cost into the tree, and out the edge that limits its flow.

    The flow goes round the cycle: from source i to sink j, from there towards the root, and back to i.
    """
    tail, head, flow, path, potential = net.tail, net.head, net.flow, net.path, net.potential
    cycle, sense, cut = net.cycle, net.sense, net.cut
    x = width + i
    length, least, out = 0, _FAR, 0
    for w in range(len(path)):
        down = path[w, x]
        mask = down ^ path[w, j]
        while mask != _ZERO:
            bit = np.uint64(_lowest_bit(mask))
            mask &= mask - _ONE
            edge = 64 * w + np.int64(bit)
            # On the way down to i an edge shrinks if its source is its lower end, on the way up if it is not.
            grows = ((path[w, width + tail[edge]] ^ down) >> bit) & _ONE
            cycle[length] = edge
            sense[length] = 2.0 * np.float64(np.int64(grows)) - 1.0
            length += 1
            amount = _FAR if grows else flow[edge]
            if amount < least or (amount == least and not grows and _later(net, edge, out, x, width)):
                least, out = amount, edge
    if least > 0.0:
        for k in range(length):
            flow[cycle[k]] += sense[k] * least
    word, bit = out >> 6, np.uint64(out & 63)
    shift = reduced if (path[word, x] >> bit) & _ONE else -reduced
    tail[out], head[out], flow[out] = i, j, least
    for k in range(nodes):
        off = (path[word, k] >> bit) & _ONE
        cut[k] = _ZERO - off
        potential[k] += shift * np.float64(np.int64(off))
    for w in range(len(path)):
        change = path[w, x] ^ path[w, j]
        if w == word:
            change ^= _ONE << bit
        if change != _ZERO:
            for k in range(nodes):
                path[w, k] ^= change & cut[k]


@_kernel
@no_type_check
def _later(net, edge, out, x, width):
    """Whether `edge` comes after `out` on the way from the top of the cycle down to node x and up again.

    The last edge that limits the flow has to leave the tree: that keeps it strongly feasible.
    """
    below = _on_path(net, out, width + net.tail[edge]) or _on_path(net, out, net.head[edge])
    if _on_path(net, out, x):
        return not _on_path(net, edge, x) or below
    return not _on_path(net, edge, x) and not below


@_kernel
@no_type_check
def _on_path(net, edge, node):
    return (net.path[edge >> 6, node] >> np.uint64(edge & 63)) & _ONE != _ZERO
