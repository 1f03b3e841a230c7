"""MPGAN: message passing between all pairs of particles in both networks (arXiv:2106.11535)."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from femtobarn.nn.jet_generators import sets
from femtobarn.nn.jet_generators.sets import FEATURES, NOISE_WIDTH, Jets, Scaling
from femtobarn.nn.message_passing import MessagePassing


class MpganGenerator(nn.Module):
    """Two rounds of messages from noise to particles, then tanh."""

    def __init__(
        self,
        scaling: Scaling,
        *,
        particles: int = 30,
        hidden: int = 32,
        edge: Sequence[int] = (96, 160, 192),
        node: Sequence[int] = (256, 256),
    ) -> None:
        super().__init__()
        self.scaling, self.particles, self.hidden = scaling, particles, hidden
        self.rounds = nn.ModuleList(
            MessagePassing(hidden, outputs, edge=edge, node=node) for outputs in (hidden, FEATURES)
        )

    def noise(self, jets: int, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """N(0, 0.2^2) for every feature of every particle."""
        return (sets.normal(jets, self.particles, self.hidden, generator=generator, width=NOISE_WIDTH),)

    def forward(self, multiplicity: Int[Tensor, "jet"], noise: Float[Tensor, "jet particle feature"]) -> Jets:
        """Raw jets; the particles with the lowest first noise feature are the real ones."""
        mask = sets.lowest(noise[..., 0], multiplicity)
        x = noise
        for messages in self.rounds:
            x = messages(x, mask)
        return Jets(self.scaling.inverse(torch.tanh(x)), mask)


class MpganDiscriminator(nn.Module):
    """Two rounds of messages, the sum over the particles, and a score between 0 and 1.

    The paper says mean; the published code and weights take the sum, and so do we.
    """

    def __init__(
        self,
        scaling: Scaling,
        *,
        hidden: int = 32,
        edge: Sequence[int] = (96, 160, 192),
        node: Sequence[int] = (256, 256),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.rounds = nn.ModuleList(
            MessagePassing(features, hidden, edge=edge, node=node, dropout=dropout)
            for features in (FEATURES, hidden)
        )
        self.out = nn.Linear(hidden, 1)

    def forward(
        self, particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet"]:
        """How real each jet looks."""
        x = self.scaling(particles)
        for messages in self.rounds:
            x = messages(x, mask)
        whole = torch.where(mask.unsqueeze(-1), x, 0.0).sum(dim=1)
        return torch.sigmoid(self.out(whole).squeeze(-1))
