"""Attention graph network that scores edges, of doublets or of triplets (arXiv:2007.00149, sections 4 and 5)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from femtobarn.nn.input_scale import InputScale
from femtobarn.nn.scatter import scatter_sum


class EdgeNetwork(nn.Module):
    """Edges get a weight from their two nodes, nodes a sum over their edges by these weights, in turns.

    ``w = sigmoid(f(sender, receiver))``; a node adds ``g(sum_in w sender, sum_out w receiver, node)`` to itself. Both
    networks have the same weights in every round (residual attention network of exatrkx/exatrkx-ctd2020). For
    triplets, nodes are doublets and edges the pairs of `femtobarn.nn.line_graph`; the paper takes 8 rounds for doublets
    and 4 for triplets.

    Inputs are physical numbers; `fit_scale` takes their means and spreads from a sample.

    Args:
        nodes: Features of a node.
        edges: Features of an edge, which f sees as well; 0 for none, as published.
        width: Features of a node inside.
        rounds: Of messages.
        layers: Of f and g.
        checkpointed: In training keep only what goes from round to round and compute the rest twice.
    """

    def __init__(
        self,
        nodes: int,
        edges: int = 0,
        *,
        width: int = 64,
        rounds: int = 8,
        layers: int = 4,
        checkpointed: bool = True,
    ) -> None:
        super().__init__()
        self.rounds, self.checkpointed = rounds, checkpointed
        self.node_scale, self.edge_scale = InputScale(nodes), InputScale(edges)
        self.encoder = nn.Sequential(nn.Linear(nodes, width), nn.LayerNorm(width), nn.Tanh())
        self.sender = nn.Linear(width, width)
        self.receiver = nn.Linear(width, width, bias=False)
        self.own = nn.Linear(edges, width, bias=False) if edges else None
        self.weight = nn.Sequential(*_norms(width), *_hidden(width, layers - 2), nn.Linear(width, 1))
        self.update = nn.Sequential(nn.Linear(3 * width, width), *_norms(width), *_hidden(width, layers - 1))

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
        x = self.encoder(self.node_scale(node))
        own = None if self.own is None else self.own(self.edge_scale(feature))
        for _ in range(self.rounds):
            if self.checkpointed and torch.is_grad_enabled() and not torch.compiler.is_compiling():
                x = checkpoint(self._round, x, edge, own, use_reentrant=False)
            else:
                x = self._round(x, edge, own)
        return self._odds(x, edge, own)

    def _odds(self, x: Tensor, edge: Tensor, own: Tensor | None) -> Tensor:
        both = self.sender(x).index_select(0, edge[:, 0]) + self.receiver(x).index_select(0, edge[:, 1])
        odds: Tensor = self.weight(both if own is None else both + own)
        return odds[:, 0]

    def _round(self, x: Tensor, edge: Tensor, own: Tensor | None) -> Tensor:
        weight = self._odds(x, edge, own).sigmoid()[:, None]
        coming = scatter_sum(weight * x.index_select(0, edge[:, 0]), edge[:, 1], x.shape[0])
        going = scatter_sum(weight * x.index_select(0, edge[:, 1]), edge[:, 0], x.shape[0])
        return x + self.update(torch.cat((coming, going, x), dim=1))


def _norms(width: int) -> list[nn.Module]:
    return [nn.LayerNorm(width), nn.Tanh()]


def _hidden(width: int, layers: int) -> list[nn.Module]:
    return [each for _ in range(layers) for each in (nn.Linear(width, width), *_norms(width))]
