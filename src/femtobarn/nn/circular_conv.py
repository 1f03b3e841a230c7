"""Convolution on a cylinder: what leaves on one side of the azimuth comes in on the other."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class CircularConv3d(nn.Module):
    """Convolution over (layer, azimuth, ring) with zeros beyond the first and last layer and ring.

    A turn of the input by whole azimuthal cells turns the output alike, for a stride of 1 (CaloDiffusion,
    arXiv:2308.03876, section III).

    Args:
        inputs, outputs: Channels.
        kernel: Cells along each axis, odd.
        stride: Step along each axis.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"an odd kernel has a middle: got {kernel}")
        self.pad = kernel // 2
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=(self.pad, 0, self.pad))

    def forward(
        self, x: Float[Tensor, "shower channel layer azimuth ring"]
    ) -> Float[Tensor, "shower output layers azimuths rings"]:
        """The convolved channels."""
        if self.pad == 0:
            return self.conv(x)
        # By an index: the azimuth may have fewer cells than the padding takes, where F.pad refuses.
        cells = x.shape[3]
        around = torch.arange(-self.pad, cells + self.pad, device=x.device) % cells
        return self.conv(x.index_select(3, around))


class CircularUpsample3d(nn.Module):
    """Enlarge a grid to a given size by copying cells, then convolve."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = CircularConv3d(inputs, outputs)

    def forward(
        self, x: Float[Tensor, "shower channel layer azimuth ring"], size: tuple[int, int, int]
    ) -> Float[Tensor, "shower output layers azimuths rings"]:
        """The grid with so many (layers, azimuths, rings)."""
        return self.conv(F.interpolate(x, size=size, mode="nearest"))
