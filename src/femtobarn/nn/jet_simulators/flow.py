"""Flow matching from noise to the reconstructed particles, given the generated ones (the idea of arXiv:2406.01620)."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from femtobarn.nn.epic import EpicLayer, pool
from femtobarn.nn.flow_matching import follow
from femtobarn.nn.jet_generators import FEATURES, Scaling
from femtobarn.nn.jet_simulators import momenta
from femtobarn.nn.jet_simulators.momenta import Particles
from femtobarn.nn.jet_simulators.multiplicity import count_loss, draw_count
from femtobarn.nn.time_features import TimeFeatures

_TIME = 16  # features of a time
_JET = 3  # numbers that describe the generated jet: ln(pT / 200 GeV), eta, share of the slots taken


class FlowSimulator(nn.Module):
    """Number of particles, then their (eta, phi, ln pT) relative to the generated jet by an EPiC flow.

    A particle of the flow sees the generated particle of its rank, and all see a summary of the generated
    jet. Hence the order counts, on both sides: hardest first.

    Args:
        scaling: Units of the particles relative to the jet.
        particles: Length of the lists.
        hidden: Features of a particle inside the network.
        layers: EPiC layers.
        whole: Features of a jet inside the network.
        steps: Midpoint steps from noise to jets, two calls of the network each.
    """

    def __init__(
        self,
        scaling: Scaling,
        *,
        particles: int = 50,
        hidden: int = 64,
        layers: int = 3,
        whole: int = 16,
        steps: int = 10,
    ) -> None:
        super().__init__()
        self.scaling, self.particles, self.steps = scaling, particles, steps
        summary, context = whole + _JET, whole + _JET + _TIME
        self.look = weight_norm(nn.Linear(FEATURES, hidden))
        self.sum_up = weight_norm(nn.Linear(2 * hidden + _JET, whole))
        self.read = EpicLayer(hidden, whole=whole, context=_JET)
        self.count = nn.Sequential(nn.Linear(summary, hidden), nn.LeakyReLU(), nn.Linear(hidden, particles))
        self.time = TimeFeatures(_TIME, highest=100.0)
        self.inward = weight_norm(nn.Linear(FEATURES + hidden + context, hidden))
        self.begin = weight_norm(nn.Linear(2 * hidden + context, whole))
        self.layers = nn.ModuleList(EpicLayer(hidden, whole=whole, context=context) for _ in range(layers))
        self.out = weight_norm(nn.Linear(hidden + context, FEATURES))

    def draw(
        self,
        generated: Float[Tensor, "jet particle 3"],
        mask: Bool[Tensor, "jet particle"],
        *,
        generator: torch.Generator,
    ) -> Particles:
        """Reconstructed particles; the network is called 2 x `steps` times."""
        to = momenta.axis(generated, mask)
        seen, summary = self._condition(generated, mask, to)
        there = draw_count(self.count(summary), generator=generator)
        shape = (len(mask), self.particles, FEATURES)
        noise = torch.randn(shape, generator=generator, device=generator.device)

        def velocity(x: Tensor, time: Tensor) -> Tensor:
            return self._velocity(x.view(shape), time, there, seen, summary).flatten(1)

        end = follow(velocity, noise.flatten(1), steps=self.steps).view(shape)
        return Particles(momenta.absolute(self.scaling.inverse(end), to), there)

    def loss(self, batch: Mapping[str, Tensor], *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Mean squared error of the velocity on the straight paths (arXiv:2210.02747), and the loss of the number.

        The batch has ``generated``, ``generated_mask``, ``reconstructed``, ``reconstructed_mask``.
        """
        mask, to = batch["reconstructed_mask"], momenta.axis(batch["generated"], batch["generated_mask"])
        seen, summary = self._condition(batch["generated"], batch["generated_mask"], to)
        end = self.scaling(momenta.relative(batch["reconstructed"], to))
        begin = torch.randn(end.shape, generator=generator, device=generator.device)
        time = torch.rand(len(end), generator=generator, device=generator.device)
        t = time[:, None, None]
        error = self._velocity((1 - t) * begin + t * end, time, mask, seen, summary) - (end - begin)
        error = torch.where(mask.unsqueeze(-1), error, 0.0).square().sum() / (
            FEATURES * mask.sum().clamp(min=1)
        )
        return error + count_loss(self.count(summary), mask) / self.particles

    def _condition(self, generated: Tensor, mask: Tensor, to: momenta.Axis) -> tuple[Tensor, Tensor]:
        """Features of each generated particle, zeros where there is none, and the summary of the jet."""
        x = torch.where(mask.unsqueeze(-1), self.scaling(momenta.relative(generated, to)), 0.0)
        jet = torch.stack(((to.pt / 200).log(), to.eta, mask.to(x.dtype).mean(dim=1)), dim=1)
        hidden = F.leaky_relu(self.look(x))
        whole = F.leaky_relu(self.sum_up(torch.cat((pool(hidden, mask), jet), dim=1)))
        hidden, whole = self.read(hidden, whole, jet, mask)
        return torch.where(mask.unsqueeze(-1), hidden, 0.0), torch.cat((whole, jet), dim=1)

    def _velocity(self, x: Tensor, time: Tensor, mask: Tensor, seen: Tensor, summary: Tensor) -> Tensor:
        context = torch.cat((self.time(time), summary), dim=1)
        each = context.unsqueeze(1).expand(-1, x.shape[1], -1)
        hidden = F.leaky_relu(self.inward(torch.cat((x, seen, each), dim=-1)))
        whole = F.leaky_relu(self.begin(torch.cat((pool(hidden, mask), context), dim=1)))
        for layer in self.layers:
            hidden, whole = layer(hidden, whole, context, mask)
        found: Tensor = self.out(torch.cat((hidden, each), dim=-1))
        return found
