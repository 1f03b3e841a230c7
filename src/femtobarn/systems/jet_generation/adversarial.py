"""Two players: a generator that wants its jets taken for real, a discriminator that tells them apart."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from femtobarn.nn.jet_generators import Jets


class Adversarial:
    """One step of least-squares GAN training for both players, each with its RMSprop.

    ``L_D = mean (D(x) - 1)^2 + mean D(G(z))^2`` and ``L_G = mean (D(G(z)) - 1)^2`` on scores between 0 and 1
    (arXiv:2106.11535). Both players get fresh noise, and the multiplicities of the real jets in the batch.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *, lr_generator: float, lr_discriminator: float
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.networks = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
        self.rates = {"generator": lr_generator, "discriminator": lr_discriminator}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.RMSprop(self.networks[name].parameters(), lr=rate)
            for name, rate in self.rates.items()
        }

    def step(self, real: Mapping[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve the discriminator once, then the generator once; the losses of both."""
        jets = Jets(**real)
        with torch.no_grad():
            fake = self._fake(jets, generator)
        loss = (self.discriminator(*jets) - 1).square().mean() + self.discriminator(*fake).square().mean()
        self._descend("discriminator", loss)
        self.discriminator.requires_grad_(False)
        wanted = (self.discriminator(*self._fake(jets, generator)) - 1).square().mean()
        self.discriminator.requires_grad_(True)
        self._descend("generator", wanted)
        return {"discriminator": loss.detach(), "generator": wanted.detach()}

    def _fake(self, real: Jets, generator: torch.Generator) -> Jets:
        noise = self.generator.noise(len(real.mask), generator=generator)  # type: ignore[operator]
        return self.generator(real.mask.sum(dim=1), *noise)

    def _descend(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimizers[name].step()
