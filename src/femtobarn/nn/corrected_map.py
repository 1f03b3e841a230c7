"""A network of images that corrects a forecast which is already there."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.unet_2d import UNet2d

_START = 8.0  # steepness of the first guess: nearly yes or no, and light rain is no event
_QUICK = 5.0  # by which the shares of the windows are learned faster than weights
_LEAST = 1e-4  # probability of the first guess


class CorrectedMap(nn.Module):
    """Logits of "at least the threshold": those of a first guess, plus what a U-net makes of all that is known.

    The guess is a field in the unit of the threshold, such as rain moved on by the wind or the mean footprint of a
    shower. Its probability is the sigmoid of 8 ln((1 + x / scale) / (1 + threshold / scale)), averaged over windows of
    several sizes in shares that are learned for each output: what is wrong by a few pixels is right in a window. The
    U-net begins with zero, so that training starts from the blurred guess and not from nothing. Without the guess the
    last map of the past takes its place.

    Args:
        past, outputs: Maps that are known, and that are predicted.
        threshold: In the unit of the maps; the scale is a tenth of it.
        guided: Whether the first guess is used.
        windows: Half-widths of the windows, in pixels; they begin with equal shares.
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
        windows: tuple[int, ...] = (0, 2, 4, 8),
        channels: tuple[int, ...] = (8, 16, 32),
        azimuth: int | None = None,
    ) -> None:
        super().__init__()
        if not threshold > 0:
            raise ValueError(f"a threshold above 0 expected: got {threshold}")
        self.guided, self.windows = guided, windows
        self.network = UNet2d(past + outputs * guided, outputs, channels=channels, azimuth=azimuth)
        for weights in self.network.last.parameters():
            nn.init.zeros_(weights)
        self.shares = nn.Parameter(torch.zeros(outputs, len(windows)))
        self.register_buffer("scale", torch.tensor(threshold / 10))
        self.register_buffer("middle", torch.tensor(math.log1p(10)))

    def forward(
        self, past: Float[Tensor, "image past row column"], guess: Float[Tensor, "image output row column"]
    ) -> Float[Tensor, "image output row column"]:
        """Logits, for each output."""
        seen, moved = (torch.log1p(each / self.scale) for each in (past, guess))
        first = moved if self.guided else seen[:, -1:].expand_as(moved)
        x = torch.cat((seen, moved), dim=1) if self.guided else seen
        return self.network(x) + self._blurred(torch.sigmoid(_START * (first - self.middle)))

    def _blurred(self, probability: Tensor) -> Tensor:
        """Logit of the mean over the windows; at the edge over what there is of them."""
        share = (_QUICK * self.shares).softmax(dim=1)
        each = [
            F.avg_pool2d(probability, 2 * r + 1, stride=1, padding=r, count_include_pad=False)
            for r in self.windows
        ]
        weighted = [share[:, i, None, None] * blurred for i, blurred in enumerate(each)]
        mean = sum(weighted, torch.zeros_like(probability))
        return torch.logit(mean, eps=_LEAST)


@torch.no_grad()
def event_probabilities(
    model: CorrectedMap,
    past: Float[np.ndarray, "image past row column"],
    guess: Float[np.ndarray, "image output row column"],
) -> Float[np.ndarray, "image output row column"]:
    """Probabilities of a model in evaluation mode, image by image: whole maps, whatever the size of its tiles."""
    pairs = zip(torch.from_numpy(past), torch.from_numpy(guess), strict=True)
    return torch.stack([model(known[None], moved[None])[0].sigmoid() for known, moved in pairs]).numpy()
