"""Variational autoencoder whose latent is a share of few templates (Dillon et al., arXiv:2104.08291)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Mixed(NamedTuple):
    """What the network makes of images."""

    log_image: Float[Tensor, "event pixel"]
    """Logarithm of the share of each pixel."""
    mean: Float[Tensor, "event template"]
    """Of the logits of the shares."""
    log_variance: Float[Tensor, "event template"]


class DirichletVae(nn.Module):
    """Pixels to shares of a few templates, and back: a linear decoder without bias, softmax over pixels.

    The shares are the softmax of a normal distribution whose prior is the Laplace approximation of a Dirichlet
    distribution.

    Args:
        pixels: Of an image.
        width: Of the hidden layer.
        concentration: Of the Dirichlet prior, one number for each template.
    """

    def __init__(
        self, pixels: int = 72 * 58, *, width: int = 512, concentration: Sequence[float] = (1.0, 0.25, 0.1)
    ) -> None:
        super().__init__()
        alpha = torch.tensor(concentration, dtype=torch.float64)
        k = len(alpha)
        self.prior_mean: Tensor
        self.prior_variance: Tensor
        self.register_buffer("prior_mean", alpha.log() - alpha.log().mean())
        self.register_buffer("prior_variance", (1 - 2 / k) / alpha + (1 / alpha).sum() / k**2)
        self.body = nn.Sequential(nn.Linear(pixels, width), nn.SELU(), nn.BatchNorm1d(width))
        self.mean, self.log_variance = nn.Linear(width, k), nn.Linear(width, k)
        self.templates = nn.Linear(k, pixels, bias=False)
        self.double()

    def shares(self, x: Float[Tensor, "event pixel"]) -> Float[Tensor, "event template"]:
        """Share of each template, without noise."""
        return torch.softmax(self.mean(self.body(x)), dim=1)

    def forward(self, x: Float[Tensor, "event pixel"]) -> Mixed:
        """The images as mixtures; in training with the noise of the latent."""
        hidden = self.body(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        logits = mean
        if self.training:
            logits = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        image = torch.log_softmax(self.templates(torch.softmax(logits, dim=1)), dim=1)
        return Mixed(image, mean, log_variance)

    def loss(self, x: Float[Tensor, "event pixel"], *, weight: float = 0.1) -> Float[Tensor, "event"]:
        """KL divergence of the image of unit sum from its mixture, plus `weight` times that of the latent.

        An image without any pixel has the second term only.
        """
        found = self(x)
        share = x / x.sum(dim=1, keepdim=True).clamp(min=1e-12)
        image = torch.where(share > 0, share * (share.clamp(min=1e-300).log() - found.log_image), 0.0).sum(1)
        ratio = found.log_variance.exp() / self.prior_variance
        moved = (found.mean - self.prior_mean) ** 2 / self.prior_variance
        latent = (ratio + moved - 1 - ratio.log()).sum(1) / 2
        return image + weight * latent
