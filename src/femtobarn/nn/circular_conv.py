"""Convolution on a cylinder: what leaves on one side of the azimuth comes in on the other."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class CircularConv2d(nn.Module):
    """Convolution over an image of (eta, phi), or (phi, eta), with zeros beyond its ends in eta.

    A turn of the input by whole cells in phi turns the output alike, for a stride of 1 in phi. Zeros beyond the
    ends in phi, the usual padding, would make a seam where the detector has none.

    Args:
        inputs, outputs: Channels.
        kernel: Cells along each axis, odd.
        stride: Step along the two axes, in their order.
        azimuth: The axis of phi in (event, channel, ., .): 2 or 3.
        groups: Of channels that see each other, as in `torch.nn.Conv2d`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        azimuth: int = 3,
        groups: int = 1,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"an odd kernel has a middle: got {kernel}")
        if azimuth not in (2, 3):
            raise ValueError(f"the axis of phi is 2 or 3: got {azimuth}")
        self.pad, self.azimuth = kernel // 2, azimuth
        padding = (self.pad, 0) if azimuth == 3 else (0, self.pad)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups)

    def forward(self, x: Float[Tensor, "event channel a b"]) -> Float[Tensor, "event output c d"]:
        """The convolved channels."""
        return self.conv(_wrapped(x, self.azimuth, self.pad))


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
        return self.conv(_wrapped(x, 3, self.pad))


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


def _wrapped(x: Tensor, axis: int, pad: int) -> Tensor:
    """So many cells more on both sides, those of the other side.

    By an index: the axis may have fewer cells than the padding takes, where `F.pad` refuses.
    """
    if pad == 0:
        return x
    cells = x.shape[axis]
    around = torch.arange(-pad, cells + pad, device=x.device) % cells
    return x.index_select(axis, around)
