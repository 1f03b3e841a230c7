"""Equivariant point-cloud layers: particles speak to each other through one vector of the set alone.

The cost grows with the number of particles (EPiC-GAN, Buhmann et al. 2023, arXiv:2301.08128).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SUM_SCALE = 1e-2  #: of the sum beside the mean, arXiv:2301.08128 section 3


class EpicLayer(nn.Module):
    """Update the vector of the set from its particles, then each particle from that vector.

    Both are residual, both see the context (the time of a flow, a condition), and all layers are
    weight-normalised with LeakyReLU, as in EPiC-FM (arXiv:2310.00049).

    Args:
        width: Features of a particle.
        whole: Features of the vector of the set.
        context: Features of the context; none if 0.
    """

    def __init__(self, width: int, *, whole: int = 10, context: int = 0) -> None:
        super().__init__()
        self.collect = weight_norm(nn.Linear(2 * width + whole + context, width))
        self.update = weight_norm(nn.Linear(width, whole))
        self.spread = weight_norm(nn.Linear(width + whole + context, width))
        self.refine = weight_norm(nn.Linear(width, width))

    def forward(
        self,
        x: Float[Tensor, "event particle width"],
        whole: Float[Tensor, "event whole"],
        context: Float[Tensor, "event context"],
        mask: Bool[Tensor, "event particle"],
    ) -> tuple[Float[Tensor, "event particle width"], Float[Tensor, "event whole"]]:
        """The particles and the vector of the set; rows of padded particles mean nothing."""
        pooled = torch.cat((pool(x, mask), whole, context), dim=-1)
        whole = F.leaky_relu(whole + self.update(F.leaky_relu(self.collect(pooled))))
        # What is the same for all particles goes through its part of the layer once.
        weight, width = self.spread.weight, x.shape[-1]
        shared = F.linear(torch.cat((whole, context), dim=-1), weight[:, width:], self.spread.bias)
        hidden = F.leaky_relu(F.linear(x, weight[:, :width]) + shared.unsqueeze(1))
        return F.leaky_relu(x + self.refine(hidden)), whole


def pool(
    x: Float[Tensor, "event particle width"], mask: Bool[Tensor, "event particle"]
) -> Float[Tensor, "event twice"]:
    """Mean and scaled sum of the real particles, side by side; zeros for a set without any."""
    total = torch.where(mask.unsqueeze(-1), x, 0.0).sum(dim=1)
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.cat((total / count, SUM_SCALE * total), dim=-1)
