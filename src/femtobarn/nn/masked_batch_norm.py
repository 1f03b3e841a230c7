"""Batch normalisation of sets of different size, in which padding does not count and every event counts alike."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class MaskedBatchNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps), times a trained gain, plus a trained bias, per feature.

    Mean and variance are those of the particles of an event, averaged over the events, and follow the batches
    slowly. As in the deep sets of arXiv:2311.17162 the running values are what normalises, in training too, so an
    event is never judged by its neighbours in a batch and no gradient flows through them. Departure: they start as
    those of the first batch rather than as 0 and 1, from where a share of 1 % a step takes hundreds of steps to come.

    Args:
        features: Numbers per particle.
        momentum: Share of a batch in the running values.
        first_batch: False starts at 0 and 1, as published.
        eps: Added to the variance.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(
        self, features: int, *, momentum: float = 0.01, first_batch: bool = True, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.momentum, self.first_batch, self.eps = momentum, first_batch, eps
        self.gain, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))
        self.register_buffer("batches", torch.tensor(0))

    def forward(
        self, x: Float[Tensor, "event particle feature"], mask: Bool[Tensor, "event particle"]
    ) -> Float[Tensor, "event particle feature"]:
        """Normalised particles, zeros where there is none. A batch without particles leaves the statistics alone."""
        if self.training:
            self._follow(x.detach(), mask)
        scale = self.gain * (self.variance + self.eps).rsqrt()
        return torch.where(mask.unsqueeze(-1), (x - self.mean) * scale + self.bias, 0.0)

    @torch.no_grad()
    def _follow(self, x: Tensor, mask: Tensor) -> None:
        count = mask.sum(dim=1)
        events = (count > 0).sum()
        # Of all particles, such that those of an event have a total weight of one event.
        weight = torch.where(mask, 1 / (count * events).clamp(min=1)[:, None], 0.0).to(x).unsqueeze(-1)
        real = torch.where(mask.unsqueeze(-1), x, 0.0)
        mean = (weight * real).sum(dim=(0, 1))
        variance = (weight * (real - mean).square()).sum(dim=(0, 1))
        share = torch.where(self.batches == 0, 1.0, self.momentum) if self.first_batch else self.momentum
        share = torch.where(events > 0, share, 0.0).to(self.mean)
        self.mean.lerp_(mean.to(self.mean), share)
        self.variance.lerp_(variance.to(self.variance), share)
        self.batches += events > 0
