"""EPiC-FM: flow matching with equivariant point-cloud layers (arXiv:2310.00049)."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from femtobarn.nn.epic import EpicLayer, pool
from femtobarn.nn.jet_generators import sets
from femtobarn.nn.jet_generators.sets import FEATURES, Jets, Scaling


class EpicVelocity(nn.Module):
    """How fast each particle moves at a time between noise (0) and jet (1)."""

    frequencies: Tensor

    def __init__(self, *, hidden: int = 128, layers: int = 6, whole: int = 10, frequencies: int = 16) -> None:
        super().__init__()
        time = 2 * frequencies
        self.register_buffer("frequencies", torch.pi * torch.arange(1, frequencies + 1))
        self.inward = weight_norm(nn.Linear(FEATURES + time, hidden))
        self.mix = weight_norm(nn.Linear(hidden, hidden))
        self.collect = weight_norm(nn.Linear(2 * hidden + time, hidden))
        self.whole = weight_norm(nn.Linear(hidden, whole))
        self.layers = nn.ModuleList(EpicLayer(hidden, whole=whole, context=time) for _ in range(layers))
        self.out = weight_norm(nn.Linear(hidden + time, FEATURES))

    def forward(
        self,
        x: Float[Tensor, "jet particle 3"],
        time: Float[Tensor, "jet"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet particle 3"]:
        """Velocity of each particle in network units; rows of padded ones mean nothing."""
        phase = time[:, None] * self.frequencies
        context = torch.cat((phase.cos(), phase.sin()), dim=-1)
        each = context.unsqueeze(1).expand(-1, x.shape[1], -1)
        h = F.leaky_relu(self.inward(torch.cat((x, each), dim=-1)))
        h = F.leaky_relu(h + self.mix(h))
        whole = F.leaky_relu(self.collect(torch.cat((pool(h, mask), context), dim=-1)))
        whole = F.leaky_relu(self.whole(whole))
        for layer in self.layers:
            h, whole = layer(h, whole, context, mask)
        return self.out(torch.cat((h, each), dim=-1))


class EpicFlow(nn.Module):
    """Generator that follows the velocity from Gaussian noise to jets in equal midpoint steps."""

    def __init__(
        self,
        scaling: Scaling,
        *,
        particles: int = 30,
        hidden: int = 128,
        layers: int = 6,
        whole: int = 10,
        steps: int = 100,
    ) -> None:
        super().__init__()
        self.scaling, self.particles, self.steps = scaling, particles, steps
        self.velocity = EpicVelocity(hidden=hidden, layers=layers, whole=whole)

    def noise(self, jets: int, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """N(0, 1) for every feature of every particle."""
        return (sets.normal(jets, self.particles, FEATURES, generator=generator),)

    def forward(self, multiplicity: Int[Tensor, "jet"], noise: Float[Tensor, "jet particle 3"]) -> Jets:
        """Raw jets; the first particles are the real ones. The velocity is called 2 x `steps` times."""
        mask = sets.first(self.particles, multiplicity)
        x, width = noise, 1.0 / self.steps
        clock = torch.zeros_like(noise[:, 0, 0])
        for step in range(self.steps):
            half = x + 0.5 * width * self.velocity(x, clock + step * width, mask)
            x = x + width * self.velocity(half, clock + (step + 0.5) * width, mask)
        return Jets(self.scaling.inverse(x), mask)

    def loss(self, batch: Mapping[str, Tensor], *, generator: torch.Generator) -> Float[Tensor, ""]:
        """`flow_matching_loss` of a batch of jets."""
        return flow_matching_loss(self, *Jets(**batch), generator=generator)


def flow_matching_loss(
    flow: EpicFlow,
    particles: Float[Tensor, "jet particle 3"],
    mask: Bool[Tensor, "jet particle"],
    *,
    generator: torch.Generator,
    smallest: float = 1e-4,
) -> Float[Tensor, ""]:
    """Mean squared error of the velocity at a random time on the straight path from noise to jet.

    ``x_t = (1 - (1 - s) t) x_0 + t x_1``, velocity ``x_1 - (1 - s) x_0`` (Lipman et al. 2022, arXiv:2210.02747,
    equations 22 and 23), over real particles and features.

    Args:
        flow: The generator whose velocity is trained.
        particles, mask: Jets, physical.
        generator: Source of noise and times.
        smallest: Width s of the path at its end.
    """
    target = flow.scaling(particles)
    (start,) = flow.noise(len(particles), generator=generator)
    start = start[:, : particles.shape[1]]
    time = torch.rand(len(particles), generator=generator, device=generator.device)
    t, rest = time[:, None, None], 1.0 - smallest
    velocity = flow.velocity((1 - rest * t) * start + t * target, time, mask)
    error = torch.where(mask.unsqueeze(-1), velocity - (target - rest * start), 0.0)
    return error.square().sum() / (FEATURES * mask.sum().clamp(min=1))
