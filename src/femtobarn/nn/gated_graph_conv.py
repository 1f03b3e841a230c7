"""A graph convolution that may also leave an element alone (GHConv, arXiv:2004.04635)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.binned_graph import Neighbours


class GatedGraphConv(nn.Module):
    """A gate for each feature between what the neighbours say and what the element itself says.

    ``ELU(g f_hom + (1 - g) f_het)`` with ``f_hom = n (A (n x W))``, ``f_het = x W'``, ``g = sigmoid(x W'' + b)``, where
    A is the adjacency and ``n_i = (sum_j |A_ij|)^(-1/2)`` (arXiv:2101.08578, section 3).

    With several heads an edge has a weight for each of as many groups of features; the published network has one.

    Args:
        width: Features before and after, a multiple of the number of heads.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.neighbour, self.own = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "event element width"],
        graph: Neighbours,
        adjacency: Float[Tensor, "event element neighbour head"],
    ) -> Float[Tensor, "event element width"]:
        """The elements after one step; neighbours that are not there have to have an adjacency of 0."""
        group = x.shape[-1] // adjacency.shape[-1]
        norm = (adjacency.abs().sum(dim=2) + 1e-6).rsqrt().repeat_interleave(group, dim=-1)
        said = graph.of(norm * self.neighbour(x))
        weighted = adjacency.unsqueeze(-1) * said.view(*adjacency.shape, group)
        heard = norm * weighted.sum(dim=2).flatten(2)
        gate = torch.sigmoid(self.gate(x))
        return F.elu(gate * heard + (1 - gate) * self.own(x))
