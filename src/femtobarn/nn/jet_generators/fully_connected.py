"""The baseline that knows nothing of sets: one fully connected network makes all particles of a jet."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from femtobarn.nn.jet_generators import sets
from femtobarn.nn.jet_generators.sets import FEATURES, NOISE_WIDTH, Jets, Scaling


class FullyConnectedGenerator(nn.Module):
    """Jet noise and multiplicity through hidden layers to a fixed list of particles, then tanh."""

    def __init__(
        self, scaling: Scaling, *, particles: int = 30, width: int = 256, layers: int = 2, features: int = 128
    ) -> None:
        super().__init__()
        self.scaling, self.particles, self.features = scaling, particles, features
        hidden = [nn.Linear(width if i else features + 1, width) for i in range(layers)]
        self.net = nn.Sequential(*(part for layer in hidden for part in (layer, nn.LeakyReLU(0.2))))
        self.out = nn.Linear(width, particles * FEATURES)

    def noise(self, jets: int, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """N(0, 0.2^2) for every feature of the jet."""
        return (sets.normal(jets, self.features, generator=generator, width=NOISE_WIDTH),)

    def forward(self, multiplicity: Int[Tensor, "jet"], noise: Float[Tensor, "jet feature"]) -> Jets:
        """Raw jets; the first particles are the real ones."""
        share = multiplicity[:, None] / self.particles
        x = self.out(self.net(torch.cat((noise, share), dim=1))).unflatten(1, (self.particles, FEATURES))
        return Jets(self.scaling.inverse(torch.tanh(x)), sets.first(self.particles, multiplicity))
