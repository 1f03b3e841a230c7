"""iGAPT: particles and one vector of the jet attend to each other in turn (arXiv:2312.04757)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.jet_generators import sets
from femtobarn.nn.jet_generators.sets import FEATURES, NOISE_WIDTH, Jets, Scaling
from femtobarn.nn.set_attention import IPAB, PMA


class IgaptGenerator(nn.Module):
    """Noise for the jet and for its particles, induced particle attention blocks, tanh.

    The paper's jet vector is noise of 128 features plus a linear map of the multiplicity; here both are mapped
    to the width of the blocks, which the paper leaves open.
    """

    def __init__(
        self,
        scaling: Scaling,
        *,
        particles: int = 30,
        width: int = 64,
        heads: int = 4,
        blocks: int = 4,
        jet_noise: int = 128,
        particle_noise: int = 16,
    ) -> None:
        super().__init__()
        self.scaling, self.particles = scaling, particles
        self.jet_noise, self.particle_noise = jet_noise, particle_noise
        self.jet, self.multiplicity = nn.Linear(jet_noise, width), nn.Linear(1, width)
        self.inward = nn.Linear(particle_noise, width)
        self.blocks = nn.ModuleList(IPAB(width, heads=heads) for _ in range(blocks))
        self.out = nn.Linear(width, FEATURES)

    def noise(self, jets: int, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """N(0, 0.2^2): 16 features for every particle, 128 for the jet."""
        shapes = (jets, self.particles, self.particle_noise), (jets, self.jet_noise)
        return tuple(sets.normal(*shape, generator=generator, width=NOISE_WIDTH) for shape in shapes)

    def forward(
        self,
        multiplicity: Int[Tensor, "jet"],
        noise: Float[Tensor, "jet particle feature"],
        jet_noise: Float[Tensor, "jet jet_feature"],
    ) -> Jets:
        """Raw jets; the particles with the lowest first noise feature are the real ones."""
        mask = sets.lowest(noise[..., 0], multiplicity)
        share = multiplicity[:, None] / self.particles
        whole = F.leaky_relu(self.jet(jet_noise) + self.multiplicity(share), 0.2)
        x = F.leaky_relu(self.inward(noise), 0.2)
        for block in self.blocks:
            x, whole = block(x, whole, mask)
        return Jets(self.scaling.inverse(torch.tanh(self.out(x))), mask)


class IgaptDiscriminator(nn.Module):
    """The multiplicity as vector of the jet, induced particle attention blocks, attention pooling."""

    def __init__(
        self, scaling: Scaling, *, width: int = 64, heads: int = 4, blocks: int = 8, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.multiplicity, self.inward = nn.Linear(1, width), nn.Linear(FEATURES, width)
        self.blocks = nn.ModuleList(
            IPAB(width, heads=heads, dropout=dropout, layer_norm=True) for _ in range(blocks)
        )
        self.pool = PMA(width, heads=heads, dropout=dropout, layer_norm=True)
        self.out = nn.Linear(width, 1)

    def forward(
        self, particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet"]:
        """How real each jet looks."""
        # Over a fixed number, not the slots there are: more padding must not change the score.
        count = mask.sum(dim=1, keepdim=True).to(particles.dtype) / 30
        whole = F.leaky_relu(self.multiplicity(count), 0.2)
        x = F.leaky_relu(self.inward(self.scaling(particles)), 0.2)
        for block in self.blocks:
            x, whole = block(x, whole, mask)
        return torch.sigmoid(self.out(self.pool(x, mask)).squeeze(-1))
