"""Autoencoder of whole-event images: strided convolutions to a small latent image and back (arXiv:2306.13595)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.losses.inverse_dice import inverse_dice
from femtobarn.nn.circular_conv import CircularConv2d
from femtobarn.physics.event_images import COARSE

Stride = tuple[int, int]
Energies = Literal["linear", "log"]
Slopes = Literal["channel", "pixel"]
Azimuth = Literal["circular", "zeros"]

SCALE = 2000.0  #: GeV by which energies are divided
#: Of the published network, from 288 (eta) x 360 (phi) pixels down to 6 x 5 x 8 = 240 numbers.
CHANNELS, STRIDES = (128, 64, 32, 16, 8), ((3, 3), (2, 2), (2, 2), (2, 2), (2, 3))


def network_input(image: Float32[np.ndarray, "event a b 3"]) -> Float32[Tensor, "event 3 eta phi"]:
    """Fine images (eta, phi, channel) or coarse ones (phi, eta, channel) as the network takes them."""
    axes = (0, 3, 2, 1) if image.shape[1:] == COARSE else (0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(image.transpose(axes)))


class ImageAutoencoder(nn.Module):
    """Encoder and decoder of images (event, channel, eta, phi) of energies in GeV; its score is `inverse_dice`.

    Each stage is a 3 x 3 convolution, or its transpose on the way back, batch normalisation and a PReLU; the last one
    ends in a ReLU, since energies are not negative. Rows of zeros complete the image in eta.

    Args:
        grid: Rows in eta and columns in phi of the completed image; the products of the strides divide them.
        channels: Of the stages of the encoder.
        strides: Of these, in eta and phi.
        inputs: Channels of the images.
        energies: linear divides by 2000 GeV as published, log takes log(1 + E / GeV).
        slopes: Of the PReLU: one a channel, or one a pixel and channel as published, which ties the network to places
            in the detector.
        azimuth: circular closes the image in phi, zeros leaves a seam, as published.
    """

    def __init__(
        self,
        grid: tuple[int, int] = (288, 360),
        channels: Sequence[int] = CHANNELS,
        strides: Sequence[Stride] = STRIDES,
        *,
        inputs: int = 3,
        energies: Energies = "linear",
        slopes: Slopes = "channel",
        azimuth: Azimuth = "circular",
    ) -> None:
        super().__init__()
        self.grid, self.energies = grid, energies
        sizes, widths = [grid], [inputs, *channels]
        for stride in strides:
            if sizes[-1][0] % stride[0] or sizes[-1][1] % stride[1]:
                raise ValueError(f"strides {tuple(strides)} do not divide a grid of {grid}")
            sizes.append((sizes[-1][0] // stride[0], sizes[-1][1] // stride[1]))
        down, up = [], []
        for i, stride in enumerate(strides):
            conv = _down(widths[i], widths[i + 1], stride, azimuth)
            down += [conv, nn.BatchNorm2d(widths[i + 1]), _prelu(widths[i + 1], sizes[i + 1], slopes)]
        for i, stride in reversed(list(enumerate(strides))):
            up += [_Up(widths[i + 1], widths[i], stride, azimuth), nn.BatchNorm2d(widths[i])]
            up.append(_prelu(widths[i], sizes[i], slopes) if i else nn.ReLU())
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)

    def prepared(
        self, images: Float[Tensor, "event channel eta phi"]
    ) -> Float[Tensor, "event channel rows phi"]:
        """The images as the network sees and returns them: completed in eta, in its unit.

        Raises:
            InputError: Images of another size.
        """
        missing = self.grid[0] - images.shape[2]
        if images.shape[3] != self.grid[1] or not 0 <= missing <= 2:
            rows, columns = images.shape[2:]
            wanted = f"{self.grid[0]} (eta) x {self.grid[1]} (phi) pixels, or up to two rows fewer"
            raise InputError(f"expected images of {wanted}, got {rows} x {columns}")
        x = F.pad(images, (0, 0, missing // 2, missing - missing // 2))
        return torch.log1p(x) if self.energies == "log" else x / SCALE

    def forward(
        self, images: Float[Tensor, "event channel eta phi"]
    ) -> Float[Tensor, "event channel rows phi"]:
        """What the network makes of the images, in the unit of `prepared`."""
        restored: Tensor = self.decoder(self.encoder(self.prepared(images)))
        return restored

    def score(self, images: Float[Tensor, "event channel eta phi"]) -> Float[Tensor, "event"]:
        """Inverse Dice of input and output, larger for images that are restored badly."""
        x = self.prepared(images)
        return inverse_dice(self.decoder(self.encoder(x)), x)


class _Up(nn.Module):
    """Transpose of a strided 3 x 3 convolution, which enlarges the image by the stride."""

    def __init__(self, inputs: int, outputs: int, stride: Stride, azimuth: Azimuth) -> None:
        super().__init__()
        if not set(stride) <= {2, 3}:
            raise ValueError(f"expected strides of 2 or 3, got {stride}")
        fill = 3 - stride[0], 3 - stride[1]  # a stride of 2 makes one cell too many at either end
        self.conv = nn.ConvTranspose2d(inputs, outputs, 3, stride=stride, padding=fill, output_padding=fill)
        self.step = stride[1] if azimuth == "circular" else 0

    def forward(self, x: Float[Tensor, "event channel a b"]) -> Float[Tensor, "event output c d"]:
        """The enlarged channels."""
        if not self.step:
            out: Tensor = self.conv(x)
            return out
        return self.conv(torch.cat((x[..., -1:], x, x[..., :1]), dim=3))[..., self.step : -self.step]


def _down(inputs: int, outputs: int, stride: Stride, azimuth: Azimuth) -> nn.Module:
    if azimuth == "circular":
        return CircularConv2d(inputs, outputs, stride=stride)
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


class PixelPReLU(nn.Module):
    """PReLU with a slope for every channel and pixel, as the Keras layer has it; all start at 0."""

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(channels, *size))

    def forward(self, x: Float[Tensor, "event channel a b"]) -> Float[Tensor, "event channel a b"]:
        """x where it is positive, slope times x elsewhere."""
        return torch.where(x > 0, x, self.slope * x)


def _prelu(channels: int, size: tuple[int, int], slopes: Slopes) -> nn.Module:
    return nn.PReLU(channels, init=0.0) if slopes == "channel" else PixelPReLU(channels, size)
