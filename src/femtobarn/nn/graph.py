"""Flat graphs: nodes, pairs of nodes and what is known of each, of one event or of many side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from femtobarn.errors import InputError


class Graph(NamedTuple):
    """A directed graph. Networks take its parts: ``network(*graph)``."""

    node: Float[Tensor, "node node_feature"]
    edge: Int[Tensor, "edge 2"]  # rows of `node`: from, to
    feature: Float[Tensor, "edge edge_feature"]

    def check(self) -> "Graph":
        """The graph itself.

        Raises:
            InputError: Edges to nodes that there are not, not one row of features for each edge, or features that
                are not finite.
        """
        if len(self.edge) != len(self.feature):
            raise InputError(f"expected features of {len(self.edge)} edges, got those of {len(self.feature)}")
        if len(self.edge) and not 0 <= int(self.edge.min()) <= int(self.edge.max()) < len(self.node):
            raise InputError(
                f"expected edges between nodes 0 to {len(self.node) - 1}, got {int(self.edge.min())} to "
                f"{int(self.edge.max())}"
            )
        for name in ("node", "feature"):
            values: Tensor = getattr(self, name)
            if not torch.isfinite(values).all():
                row = int((~torch.isfinite(values)).any(dim=1).nonzero()[0])
                raise InputError(f"{name} {row} of the graph has features that are not finite")
        return self


def joined_graphs(graphs: Sequence[Graph]) -> Graph:
    """Several graphs as one without edges between them: a batch.

    Raises:
        InputError: No graph.
    """
    if not graphs:
        raise InputError("expected at least one graph, got none")
    start = torch.tensor([0, *(len(each.node) for each in graphs[:-1])]).cumsum(0)
    return Graph(
        torch.cat([each.node for each in graphs]),
        torch.cat([each.edge + first for each, first in zip(graphs, start, strict=True)]),
        torch.cat([each.feature for each in graphs]),
    )


def line_graph(edge: Int[Tensor, "edge 2"]) -> Int[Tensor, "pair 2"]:
    """Pairs of edges, the second of which starts where the first ends: with hits as nodes, triplets.

    They are sorted by the second edge and, for equal ones, the first.

    Example:
        >>> line_graph(torch.tensor([[0, 1], [1, 2], [1, 3], [0, 3]]))
        tensor([[0, 1],
                [0, 2]])
    """
    if not len(edge):
        return edge.new_empty((0, 2))
    end, start = edge[:, 1].contiguous(), edge[:, 0].contiguous()
    ended, order = torch.sort(end, stable=True)
    first = torch.searchsorted(ended, start)
    count = torch.searchsorted(ended, start, right=True) - first
    second = torch.arange(len(edge)).repeat_interleave(count)
    before = count.cumsum(0) - count
    place = torch.arange(len(second)) - before[second] + first[second]
    return torch.stack((order[place], second), dim=1).to(edge.dtype)
