"""A number such as a time as sines and cosines of many frequencies."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class TimeFeatures(nn.Module):
    """Sines and cosines of ``frequency * t``, the frequencies rising geometrically from 1 to `highest`.

    As the positions of arXiv:1706.03762; for times in [0, 1] and noise levels of order one.
    """

    frequencies: Tensor

    def __init__(self, features: int, *, highest: float = 1000.0) -> None:
        super().__init__()
        if features < 4 or features % 2:
            raise ValueError(f"an even number of at least 4 features expected: got {features}")
        steps = torch.linspace(0, 1, features // 2)
        self.register_buffer("frequencies", torch.exp(steps * math.log(highest)))

    def forward(self, t: Float[Tensor, "row"]) -> Float[Tensor, "row feature"]:
        """Features of each number."""
        phase = t.unsqueeze(1) * self.frequencies
        return torch.cat((phase.sin(), phase.cos()), dim=1)
