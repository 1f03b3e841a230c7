"""Autoencoder of a few features whose reconstruction error is the energy of a density: WNAE.

A plain autoencoder may restore what it never saw, above all what is simpler than its training events. The Wasserstein
normalised autoencoder (CMS-PAS-MLG-24-002, cds.cern.ch/record/2911111; after Yoon, Noh, Park, arXiv:2105.05735)
draws events from the density proportional to exp(-energy / temperature) and learns to make these like the training
events; so what it restores is what it saw.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.losses.emd_points import emd_points

Rows = Float[Tensor, "event feature"]


class FeatureAutoencoder(nn.Module):
    """Fully connected autoencoder of standardised features.

    Args:
        features: Numbers of an event.
        hidden: Widths of the encoder's layers; the decoder has them in reverse.
        latent: Numbers in the middle.
    """

    def __init__(self, features: int, hidden: Sequence[int] = (32, 16), latent: int = 4) -> None:
        super().__init__()
        widths = (features, *hidden, latent)
        self.encoder = _layers(widths)
        self.decoder = _layers(widths[::-1])

    def forward(self, x: Rows) -> Rows:
        """The features restored."""
        restored: Tensor = self.decoder(self.encoder(x))
        return restored

    def energy(self, x: Rows) -> Float[Tensor, "event"]:
        """Mean squared error of the features of each event."""
        return (x - self(x)).square().mean(dim=1)


def langevin(
    energy: Callable[[Rows], Float[Tensor, "event"]],
    start: Rows,
    *,
    steps: int = 10,
    step: float = 5.0,
    noise: float = 0.1,
    reach: float = 6.0,
    generator: torch.Generator | None = None,
) -> Rows:
    """Events after some steps of Langevin Monte Carlo from `start`, differentiable in the weights of `energy`.

    Each step is `x - step * gradient of the energy + noise * normal`, kept within `reach` on each axis. The
    temperature of the density is noise^2 / (2 step), which the published code sets by both as well.

    Args:
        energy: Energy of each event, differentiable twice.
        start: First events of the chains.
        steps: Of a chain.
        step: Learning rate of the descent in energy.
        noise: Standard deviation of the noise of a step.
        reach: Largest absolute value of a feature.
        generator: Source of the noise.
    """
    x = start.detach().requires_grad_()
    for _ in range(steps):
        (slope,) = torch.autograd.grad(energy(x).sum(), x, create_graph=True)
        kick = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = (x - step * slope + noise * kick).clamp(-reach, reach)
    return x


class Chains:
    """Persistent Langevin chains: most go on from where they ended, some begin anew from normal numbers.

    Args:
        features: Numbers of an event.
        kept: Chains that are remembered.
        renewed: Share that begins anew at each call.
    """

    def __init__(self, features: int, *, kept: int = 4096, renewed: float = 0.05) -> None:
        self.ends, self.kept, self.renewed = torch.empty(0, features), kept, renewed

    def starts(self, count: int, generator: torch.Generator) -> Rows:
        """Beginnings of `count` chains."""
        fresh = torch.randn(count, self.ends.shape[1], generator=generator)
        if not len(self.ends):
            return fresh
        old = self.ends[torch.randint(len(self.ends), (count,), generator=generator)]
        anew = torch.rand(count, 1, generator=generator) < self.renewed
        return torch.where(anew, fresh, old)

    def push(self, ends: Rows) -> None:
        """Remember where chains ended; the oldest are forgotten."""
        self.ends = torch.cat((self.ends, ends.detach()))[-self.kept :]


def wasserstein_loss(x: Rows, drawn: Rows) -> Float[Tensor, ""]:
    """Exact Earth mover's distance between training events and drawn ones, all of one weight."""
    weight = torch.ones(len(x), dtype=x.dtype)
    return emd_points(x, drawn, weight, torch.ones(len(drawn), dtype=x.dtype))


def _layers(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
