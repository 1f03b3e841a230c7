"""Inputs of a network by their means and spreads in a sample, so that the network takes physical numbers."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class InputScale(nn.Module):
    """Each feature less a mean, over a spread; as they are until `fit` has seen a sample.

    Both are buffers: they are saved, moved and exported with the network that has this as a part.

    >>> scale = InputScale(1)
    >>> scale.fit(torch.tensor([[1.0], [3.0]]))
    >>> scale(torch.tensor([[2.0]]))
    tensor([[0.]])
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "row feature"]) -> None:
        """Take means and standard deviations from a sample; of a single row nothing is taken."""
        if len(x) > 1:
            self.mean.copy_(x.mean(dim=0))
            self.spread.copy_(x.std(dim=0).clamp(min=1e-6))

    def forward(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
        """The features scaled."""
        scaled: Tensor = (x - self.mean) / self.spread
        return scaled
