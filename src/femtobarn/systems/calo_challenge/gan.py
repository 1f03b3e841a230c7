"""BoloGAN: a Wasserstein GAN with gradient penalty on small networks (arXiv:2210.06204, arXiv:2410.21611)."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.spline_flow import SplineFlow
from femtobarn.systems.calo_challenge.descent import Course
from femtobarn.systems.calo_challenge.model import Batch, normal
from femtobarn.systems.calo_challenge.preprocessing import Preprocessing

_UNIT = 0.5413  # softplus of it is 1
_DEEPEST = -4.0  # cut below which a voxel is never empty for the critic


class BoloGan(nn.Module):
    """Noise and layer energies through few small layers to voxels; below its cut a voxel is empty.

    Departing from the published one, which makes all energies itself with a network for each energy range, one
    generator is told the energies of the layers; a small flow makes these, and the layers are scaled to them. And
    each voxel gets noise of its own, of a width the network sets (as in arXiv:1812.04948): fifty numbers cannot
    make hundreds of voxels fluctuate.

    Args:
        preprocessing: Units.
        noise: Numbers drawn from N(0.5, 0.5^2).
        hidden: Widths of the generator.
        flow_blocks, flow_width: Of the flow of the energy split.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        noise: int = 50,
        hidden: tuple[int, ...] = (50, 100, 200),
        flow_blocks: int = 6,
        flow_width: int = 32,
    ) -> None:
        super().__init__()
        self.preprocessing, self.noise = preprocessing, noise
        geometry = preprocessing.geometry
        self.split = len(geometry.layers)
        widths = (noise + 1 + self.split, *hidden)
        layers = [part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.SiLU())]
        last = nn.Linear(widths[-1], 2 * geometry.voxels)
        nn.init.normal_(last.weight, std=1e-2)  # so that voxels start as normal numbers
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*layers, last)
        self.flow = SplineFlow(self.split, 1, blocks=flow_blocks, bins=10, width=flow_width, layers=3)

    def voxels(
        self, condition: Float[Tensor, "shower condition"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Voxels in network units."""
        noise = 0.5 + 0.5 * normal(len(condition), self.noise, generator=generator)
        mean, spread = self.network(torch.cat((noise, condition), dim=1)).chunk(2, dim=1)
        return mean + F.softplus(spread + _UNIT) * normal(*mean.shape, generator=generator)

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        energy = self.preprocessing.condition(energies)
        layers = self.flow.sample(energy, generator=generator)
        voxels = self.voxels(torch.cat((energy, layers), dim=1), generator=generator)
        return self.preprocessing.decode(energies, layers, voxels)


class Critic(nn.Module):
    """Score of voxels and condition: high for real showers."""

    def __init__(self, voxels: int, condition: int, *, width: int | None = None) -> None:
        super().__init__()
        width = width or voxels
        widths = (voxels + condition, width, width, width)
        layers = [part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
        self.network = nn.Sequential(*layers, nn.Linear(width, 1, bias=False))

    def forward(
        self, voxels: Float[Tensor, "shower voxel"], condition: Float[Tensor, "shower condition"]
    ) -> Float[Tensor, "shower"]:
        """Scores."""
        return self.network(torch.cat((voxels, condition), dim=1)).squeeze(1)


class Adversarial:
    """One step of a Wasserstein GAN: the critic once for each part of the batch, then the generator once.

    ``L_D = mean D(fake) - mean D(real) + lambda mean (|grad D| - 1)^2`` with the gradient at random points between
    real and fake voxels (Gulrajani et al. 2017, arXiv:1704.00028). The flow of the energy split learns beside.

    Args:
        generator, critic: The two players.
        course: Learning rate of both; the flow has its own, tenfold.
        critic_steps: Parts of a batch.
        penalty: lambda above.
    """

    def __init__(
        self,
        generator: BoloGan,
        critic: Critic,
        course: Course,
        *,
        critic_steps: int = 5,
        penalty: float = 10.0,
    ) -> None:
        self.generator, self.critic = generator, critic
        self.critic_steps, self.penalty = critic_steps, penalty
        self.networks = nn.ModuleDict({"generator": generator, "critic": critic})
        self.rates = {"generator": course.lr, "critic": course.lr, "flow": 10 * course.lr}
        weights = {"generator": generator.network, "critic": critic, "flow": generator.flow}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam(part.parameters(), lr=self.rates[name], betas=(0.55, 0.9))
            for name, part in weights.items()
        }

    def step(self, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve all networks; the losses."""
        model, units = self.generator, self.generator.preprocessing
        energy = units.condition(batch["energies"])
        layers, voxels = units.encode(batch["energies"], batch["showers"], generator=generator)
        condition = torch.cat((energy, layers), dim=1)
        cut = units.cut(batch["energies"], layers).clamp(min=_DEEPEST)
        density = -model.flow.log_density(layers, energy).mean() / model.split
        self._descend("flow", density)
        steps = min(self.critic_steps, len(voxels))
        for part in zip(*(x.tensor_split(steps) for x in (voxels, condition, cut)), strict=True):
            real, known, edge = part
            critic = self._critic_loss(real, known, edge, generator)
            self._descend("critic", critic)
        self.critic.requires_grad_(False)
        score = -self.critic(F.relu(model.voxels(known, generator=generator) - edge), known).mean()
        self.critic.requires_grad_(True)
        self._descend("generator", score)
        return {"critic": critic.detach(), "generator": score.detach(), "energy split": density.detach()}

    def _critic_loss(
        self, voxels: Tensor, condition: Tensor, cut: Tensor, generator: torch.Generator
    ) -> Tensor:
        with torch.no_grad():
            fake = F.relu(self.generator.voxels(condition, generator=generator) - cut)
        real = F.relu(voxels - cut)
        mix = torch.rand(len(real), 1, generator=generator, device=generator.device)
        between = (mix * real + (1 - mix) * fake).requires_grad_(True)
        score = self.critic(between, condition).sum()
        (slope,) = torch.autograd.grad(score, between, create_graph=True)
        steepness = (slope.square().sum(dim=1) + 1e-12).sqrt()
        wasserstein = self.critic(fake, condition).mean() - self.critic(real, condition).mean()
        return wasserstein + self.penalty * (steepness - 1).square().mean()

    def _descend(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimizers[name].step()
