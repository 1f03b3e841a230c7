"""Two players: BoloGAN's generator, and a critic that measures how far its showers are from real ones."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.shower_generators import Batch, BoloGan, Critic

_DEEPEST = -4.0  # cut below which a voxel is never empty for the critic


class Adversarial:
    """One step of a Wasserstein GAN: the critic once for each part of the batch, then the generator once.

    ``L_D = mean D(fake) - mean D(real) + lambda mean (|grad D| - 1)^2`` with the gradient at random points between
    real and fake voxels (Gulrajani et al. 2017, arXiv:1704.00028). The flow of the energy split learns beside.

    Args:
        generator, critic: The two players.
        lr: Learning rate of both; the flow has its own, tenfold.
        critic_steps: Parts of a batch.
        penalty: lambda above.
    """

    def __init__(
        self,
        generator: BoloGan,
        critic: Critic,
        *,
        lr: float,
        critic_steps: int = 5,
        penalty: float = 10.0,
    ) -> None:
        self.generator, self.critic = generator, critic
        self.critic_steps, self.penalty = critic_steps, penalty
        self.networks = nn.ModuleDict({"generator": generator, "critic": critic})
        self.rates = {"generator": lr, "critic": lr, "flow": 10 * lr}
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
