"""A network of images that corrects a forecast which is already there."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.unet_2d import UNet2d

_START = 2.0  # steepness of the first guess: twice the threshold has a probability of 0.8


class CorrectedMap(nn.Module):
    """Logits of "at least the threshold": those of a first guess, plus what a U-net makes of all that is known.

    The guess is a field in the same unit as the threshold, such as rain moved on by the wind or the mean footprint of a
    shower. Its logit is the logarithm log(1 + x / scale) less that of the threshold, times a steepness that is learned;
    the U-net begins with zero, so that training starts from the guess and not from nothing. Without the guess the
    last map of the past takes its place.

    Args:
        past, outputs: Maps that are known, and that are predicted.
        threshold: In the unit of the maps; the scale is a tenth of it.
        guided: Whether the first guess is used.
        channels, azimuth: See `UNet2d`.
    """

    scale: Tensor
    middle: Tensor

    def __init__(
        self,
        past: int,
        outputs: int,
        *,
        threshold: float,
        guided: bool = True,
        channels: tuple[int, ...] = (8, 16, 32),
        azimuth: int | None = None,
    ) -> None:
        super().__init__()
        if not threshold > 0:
            raise ValueError(f"a threshold above 0 expected: got {threshold}")
        self.guided = guided
        self.network = UNet2d(past + outputs * guided, outputs, channels=channels, azimuth=azimuth)
        for weights in self.network.last.parameters():
            nn.init.zeros_(weights)
        self.steepness = nn.Parameter(torch.full((outputs, 1, 1), _START))
        self.register_buffer("scale", torch.tensor(threshold / 10))
        self.register_buffer("middle", torch.tensor(math.log1p(10)))

    def forward(
        self, past: Float[Tensor, "image past row column"], guess: Float[Tensor, "image output row column"]
    ) -> Float[Tensor, "image output row column"]:
        """Logits, for each output."""
        seen, moved = (torch.log1p(each / self.scale) for each in (past, guess))
        first = moved if self.guided else seen[:, -1:].expand_as(moved)
        x = torch.cat((seen, moved), dim=1) if self.guided else seen
        return self.network(x) + self.steepness * (first - self.middle)


@torch.no_grad()
def event_probabilities(
    model: CorrectedMap,
    past: Float[np.ndarray, "image past row column"],
    guess: Float[np.ndarray, "image output row column"],
) -> Float[np.ndarray, "image output row column"]:
    """Probabilities of a model in evaluation mode, image by image: whole maps, whatever the size of its tiles."""
    pairs = zip(torch.from_numpy(past), torch.from_numpy(guess), strict=True)
    return torch.stack([model(known[None], moved[None])[0].sigmoid() for known, moved in pairs]).numpy()
