"""All numbers of a shower as one vector, with a little network for each."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.modulated import ModulatedMlp
from femtobarn.nn.shower_generators.context import Context


class FlatNet(nn.Module):
    """All numbers as one vector through residual blocks, which then steer a little network for each number.

    The little networks have weights of their own, one input and one hidden layer; so each number can have the
    distribution it needs without a width of the large network for each.

    Args:
        numbers, condition: How many there are.
        width, blocks: Of the residual blocks.
        each: Hidden width of the network of one number.
        context: Width of the vector of time and condition.
    """

    def __init__(
        self,
        numbers: int,
        condition: int,
        *,
        width: int = 512,
        blocks: int = 4,
        each: int = 4,
        context: int = 128,
    ) -> None:
        super().__init__()
        self.context = Context(condition, context)
        self.steer = ModulatedMlp(
            numbers + condition, numbers * each, context=context, width=width, blocks=blocks
        )
        self.inward = nn.Parameter(torch.randn(numbers, each))
        self.middle = nn.Parameter(torch.randn(numbers, each))
        self.outward = nn.Parameter(torch.zeros(numbers, each))

    def forward(
        self,
        x: Float[Tensor, "shower number"],
        time: Float[Tensor, "shower"],
        condition: Float[Tensor, "shower condition"],
    ) -> Float[Tensor, "shower number"]:
        """As many numbers as there are in `x`; all 0 before any training."""
        steered = self.steer(torch.cat((x, condition), dim=1), self.context(time, condition))
        hidden = self.inward * x.unsqueeze(2) + self.middle + steered.view(*x.shape, -1)
        return (F.silu(hidden) * self.outward).sum(dim=2)
