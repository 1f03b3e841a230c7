"""Interaction network on a flat graph: scores of edges after rounds of messages (arXiv:2103.06995, section 3.4)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from femtobarn.nn.input_scale import InputScale
from femtobarn.nn.scatter import scatter_sum


class InteractionNetwork(nn.Module):
    """Nodes and edges update each other in turns; then each edge gets a score.

    Encoders take nodes and edges to `width` features. In each round a node adds ``g(node, sum over edges that end here,
    sum over those that start here)`` to itself, then an edge adds ``f(sender, receiver, edge)``. Layers are followed by
    LayerNorm and SiLU, as in the later code of the authors. The first layer of f is made of three linear maps, two of
    them of nodes and done before they are taken to the edges: the same function for a third of the work.

    Inputs are physical numbers; `fit_scale` takes their means and spreads from a sample.

    Args:
        nodes: Features of a node.
        edges: Features of an edge; 0 for none, as published.
        width: Features inside.
        rounds: Of messages.
        layers: Of each of the networks.
        shared: The same weights in every round, as published.
        checkpointed: In training keep only what goes from round to round and compute the rest twice.
        piece: Edges that go through the networks at once; it bounds the memory, and the answer stays.
    """

    def __init__(
        self,
        nodes: int,
        edges: int = 0,
        *,
        width: int = 64,
        rounds: int = 8,
        layers: int = 2,
        shared: bool = False,
        checkpointed: bool = True,
        piece: int = 1_000_000,
    ) -> None:
        super().__init__()
        self.rounds, self.checkpointed, self.piece = rounds, checkpointed, piece
        self.node_scale, self.edge_scale = InputScale(nodes), InputScale(edges)
        self.node_encoder = _Mlp((nodes,), width, layers)
        self.edge_encoder = _Mlp((width, width, edges), width, layers)
        own = 1 if shared else rounds
        self.edge_steps = nn.ModuleList(_Mlp((width, width, width), width, layers) for _ in range(own))
        self.node_steps = nn.ModuleList(_Mlp((width, width, width), width, layers) for _ in range(own))
        self.score: nn.Module = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1)
        )

    def fit_scale(self, node: Float[Tensor, "node features"], feature: Float[Tensor, "edge others"]) -> None:
        """Take means and spreads of the inputs from these."""
        self.node_scale.fit(node)
        self.edge_scale.fit(feature)

    def forward(
        self,
        node: Float[Tensor, "node features"],
        edge: Int[Tensor, "edge 2"],
        feature: Float[Tensor, "edge others"],
    ) -> Float[Tensor, "edge"]:
        """Log odds of each edge; edges and nodes may come in any order."""
        _, e = self.messages(node, edge, feature)
        return self._pieces(lambda first, last: self._kept(self.score, e[first:last])[:, 0], edge.shape[0])

    def messages(
        self,
        node: Float[Tensor, "node features"],
        edge: Int[Tensor, "edge 2"],
        feature: Float[Tensor, "edge others"],
    ) -> tuple[Float[Tensor, "node width"], Float[Tensor, "edge width"]]:
        """Nodes and edges after the last round, for heads of your own."""
        sender, receiver = edge[:, 0], edge[:, 1]
        h = self.node_encoder(self.node_scale(node))
        scaled = self.edge_scale(feature)
        e = self._edges(self.edge_encoder.gathered, h, sender, receiver, scaled)
        for i in range(self.rounds):
            at = i % len(self.edge_steps)
            ending, starting = (scatter_sum(e, end, h.shape[0]) for end in (receiver, sender))
            h = h + self._kept(self.node_steps[at], h, ending, starting)
            e = e + self._edges(self.edge_steps[at].gathered, h, sender, receiver, e)
        return h, e

    def _edges(self, network: Any, h: Tensor, sender: Tensor, receiver: Tensor, e: Tensor) -> Tensor:
        def part(first: Any, last: Any) -> Tensor:
            return self._kept(network, h, sender[first:last], receiver[first:last], e[first:last])

        return self._pieces(part, e.shape[0])

    def _pieces(self, part: Callable[[Any, Any], Tensor], count: Any) -> Tensor:
        """All edges, a piece at a time; an exported network, for which `count` is a symbol, takes them at once."""
        if torch.compiler.is_compiling() or count <= self.piece:
            return part(0, count)
        return torch.cat(
            [part(first, min(first + self.piece, count)) for first in range(0, count, self.piece)]
        )

    def _kept(self, network: Callable[..., Tensor], *x: Tensor) -> Tensor:
        if self.checkpointed and torch.is_grad_enabled() and not torch.compiler.is_compiling():
            made: Tensor = checkpoint(network, *x, use_reentrant=False)
            return made
        return network(*x)


class _Mlp(nn.Module):
    """A network of several inputs side by side, the first layer split among them."""

    def __init__(self, inputs: Sequence[int], width: int, layers: int) -> None:
        super().__init__()
        self.first = nn.ModuleList(
            nn.Linear(n, width, bias=i == 0) for i, n in enumerate(inputs) if n or not i
        )
        more = (
            each
            for _ in range(layers - 1)
            for each in (nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU())
        )
        self.rest = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), *more)

    def forward(self, *x: Tensor) -> Tensor:
        return self.rest(sum(layer(each) for layer, each in zip(self.first, x, strict=True)))

    def gathered(self, h: Tensor, sender: Tensor, receiver: Tensor, e: Tensor) -> Tensor:
        """Of edges: the maps of nodes are made for the nodes, then taken to the edges."""
        one, other = self.first[0](h), self.first[1](h)
        x = one.index_select(0, sender) + other.index_select(0, receiver)
        return self.rest(x + self.first[2](e) if len(self.first) > 2 else x)
