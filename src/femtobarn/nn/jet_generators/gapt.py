"""GAPT: generator and discriminator of self-attention blocks (arXiv:2211.10295, section V)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.jet_generators import sets
from femtobarn.nn.jet_generators.sets import FEATURES, NOISE_WIDTH, Jets, Scaling
from femtobarn.nn.set_attention import PMA, SAB


class GaptGenerator(nn.Module):
    """Noise as particle embeddings, self-attention blocks, one linear layer and tanh."""

    def __init__(
        self, scaling: Scaling, *, particles: int = 30, width: int = 128, heads: int = 8, blocks: int = 4
    ) -> None:
        super().__init__()
        self.scaling, self.particles, self.width = scaling, particles, width
        self.blocks = nn.ModuleList(SAB(width, heads=heads) for _ in range(blocks))
        self.out = nn.Linear(width, FEATURES)

    def noise(self, jets: int, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """N(0, 0.2^2) for every feature of every particle."""
        return (sets.normal(jets, self.particles, self.width, generator=generator, width=NOISE_WIDTH),)

    def forward(self, multiplicity: Int[Tensor, "jet"], noise: Float[Tensor, "jet particle width"]) -> Jets:
        """Raw jets; the particles with the lowest first noise feature are the real ones."""
        mask = sets.lowest(noise[..., 0], multiplicity)
        x = noise
        for block in self.blocks:
            x = block(x, mask)
        return Jets(self.scaling.inverse(torch.tanh(self.out(x))), mask)


class GaptDiscriminator(nn.Module):
    """Embedding, self-attention blocks, attention pooling, and the score of a jet between 0 and 1."""

    def __init__(
        self, scaling: Scaling, *, width: int = 128, heads: int = 8, blocks: int = 2, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.inward = nn.Linear(FEATURES, width)
        self.blocks = nn.ModuleList(SAB(width, heads=heads, dropout=dropout) for _ in range(blocks))
        self.pool = PMA(width, heads=heads, dropout=dropout)
        self.out = nn.Linear(width, 1)

    def forward(
        self, particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet"]:
        """How real each jet looks."""
        x = F.leaky_relu(self.inward(self.scaling(particles)), 0.2)
        for block in self.blocks:
            x = block(x, mask)
        return torch.sigmoid(self.out(self.pool(x, mask)).squeeze(-1))
