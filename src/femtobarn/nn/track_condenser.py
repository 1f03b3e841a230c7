"""Object condensation on a graph of hits: each hit gets a beta and coordinates (arXiv:2103.16701, arXiv:2312.03823)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from femtobarn.nn.interaction_network import InteractionNetwork
from femtobarn.nn.scatter import scatter_sum


class TrackCondenser(nn.Module):
    """An interaction network that is read off at its nodes; for `losses.condensation` and `physics.condense`.

    Edges carry messages and are not judged, so that hits of one track find together across a missing edge.

    Args:
        nodes: Features of a hit; the azimuth has to be among them, for tracks that differ in it alone.
        edges: Features of an edge.
        dimensions: Coordinates in the learned space.
        width, rounds, layers, shared: See `InteractionNetwork`.
    """

    def __init__(
        self,
        nodes: int,
        edges: int = 0,
        *,
        dimensions: int = 8,
        width: int = 64,
        rounds: int = 8,
        layers: int = 2,
        shared: bool = False,
    ) -> None:
        super().__init__()
        self.body = InteractionNetwork(nodes, edges, width=width, rounds=rounds, layers=layers, shared=shared)
        self.body.score = nn.Identity()  # edges get no score
        self.head = nn.Sequential(
            nn.LayerNorm(3 * width), nn.Linear(3 * width, width), nn.SiLU(), nn.Linear(width, 1 + dimensions)
        )

    def fit_scale(self, node: Float[Tensor, "node features"], feature: Float[Tensor, "edge others"]) -> None:
        """Take means and spreads of the inputs from these."""
        self.body.fit_scale(node, feature)

    def forward(
        self,
        node: Float[Tensor, "node features"],
        edge: Int[Tensor, "edge 2"],
        feature: Float[Tensor, "edge others"],
    ) -> Float[Tensor, "node outputs"]:
        """Log odds of beta of each hit, then its coordinates."""
        h, e = self.body.messages(node, edge, feature)
        ending, starting = (scatter_sum(e, edge[:, side], h.shape[0]) for side in (1, 0))
        found: Tensor = self.head(torch.cat((h, ending, starting), dim=1))
        return found
