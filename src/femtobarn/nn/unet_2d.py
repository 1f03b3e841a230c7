"""U-net for images: a map of the size of the input for each output (Ronneberger et al. 2015, arXiv:1505.04597)."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.circular_conv import CircularConv2d


class UNet2d(nn.Module):
    """Two convolutions of 3 x 3 at each scale, with batch norm and ReLU, halved by maxima and enlarged by copies.

    On the way up the finer maps of the way down stand beside the enlarged ones. The network of arXiv:2203.11141 has
    the channels (16, 24, 32, 48, 64, 96), its halvings are rounded down. Images may have any size, also another one
    than in training, if no side becomes empty. Outputs are raw: apply a sigmoid for probabilities.

    Args:
        inputs, outputs: Channels.
        channels: Of each scale, finest first.
        azimuth: Axis of (image, channel, row, column) that closes on itself, 2 or 3; None for zeros on all sides.
    """

    def __init__(
        self, inputs: int, outputs: int, *, channels: Sequence[int] = (8, 16, 32), azimuth: int | None = None
    ) -> None:
        super().__init__()
        widths = [inputs, *channels]
        self.down = nn.ModuleList(_Pair(a, b, azimuth) for a, b in itertools.pairwise(widths))
        ups = list(itertools.pairwise(reversed(channels)))
        self.up = nn.ModuleList(_Pair(coarse + fine, fine, azimuth) for coarse, fine in ups)
        self.last = nn.Conv2d(channels[0], outputs, 1)

    def forward(
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image output row column"]:
        """A map for each output.

        Raises:
            InputError: A side would be halved to nothing.
        """
        least = 2 ** (len(self.down) - 1)
        if min(x.shape[-2:]) < least:
            raise InputError(f"expected images of {least} pixels a side or more, got {tuple(x.shape[-2:])}")
        skips = []
        for place, pair in enumerate(self.down):
            x = pair(x if place == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for pair, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = pair(torch.cat((F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip), dim=1))
        return self.last(x)


class _Pair(nn.Module):
    def __init__(self, inputs: int, outputs: int, azimuth: int | None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (inputs, outputs):
            conv = (
                nn.Conv2d(width, outputs, 3, padding=1)
                if azimuth is None
                else CircularConv2d(width, outputs, azimuth=azimuth)
            )
            layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
