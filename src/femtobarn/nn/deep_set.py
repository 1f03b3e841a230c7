"""Deep Set: a network on each particle, a weighted sum, a network on the sum (arXiv:1703.06114, 1810.05165)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class DeepSet(nn.Module):
    """Scores of each class for a set of particles, with the layers of arXiv:2311.14160.

    ``rho(norm(sum_i w_i phi(x_i)))``; each hidden layer is linear, LeakyReLU, batch norm. With momentum
    shares as weights a particle without momentum does not count.

    Args:
        features: Numbers per particle.
        classes: Scores that come out, without softmax.
        width: Of all hidden layers and of the sum.
        leak: Slope of LeakyReLU below 0.
    """

    def __init__(self, features: int = 4, classes: int = 2, *, width: int = 128, leak: float = 0.01) -> None:
        super().__init__()
        self.phi = nn.Sequential(
            *_hidden(features, width, leak), *_hidden(width, width, leak), nn.Linear(width, width)
        )
        self.norm = nn.BatchNorm1d(width)
        self.rho = nn.Sequential(
            *_hidden(width, width, leak), *_hidden(width, width, leak), nn.Linear(width, classes)
        )

    def forward(
        self,
        x: Float[Tensor, "jet particle feature"],
        mask: Bool[Tensor, "jet particle"],
        weight: Float[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Scores of each jet; only real particles enter sums and batch norms."""
        real = mask.flatten().nonzero()[:, 0]
        each = self.phi(x.flatten(0, 1).index_select(0, real))
        table = each.new_zeros((mask.numel(), each.shape[-1])).index_copy(0, real, each)
        weight = torch.where(mask, weight, 0).to(table)
        pooled = (weight[:, None, :] @ table.view(*mask.shape, table.shape[-1]))[:, 0]
        return self.rho(self.norm(pooled))


def _hidden(inputs: int, outputs: int, leak: float) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, outputs), nn.LeakyReLU(leak), nn.BatchNorm1d(outputs)
