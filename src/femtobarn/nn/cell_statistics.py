"""A few numbers of each small cell of an image: how bright it is, how it varies, how steep it is."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.nn.patches import cut_patches

STATISTICS = ("mean", "deviation", "largest", "smallest", "steepest", "steepness", "across", "along")
_AROUND = 25  # pixels over which the light is taken to be even
_OFFSET = 0.05  # of the brightness, lest dark places become all noise


def cell_statistics(
    images: Float[Tensor, "image height width"], cell: int
) -> Float[Tensor, "image 8 row column"]:
    """`STATISTICS` of each square cell of images with values from 0 to 1, relative to the brightness around.

    The last four are of the gradient of the image averaged over 3 x 3 pixels: its largest and mean size, and the mean
    sizes of its two components.

    Raises:
        InputError: The sides are no multiples of the cell.
    """
    even = images / (_averaged(images, _AROUND) + _OFFSET)
    smooth = _averaged(even, 3)
    across = F.pad(smooth.diff(dim=2), (0, 1))
    along = F.pad(smooth.diff(dim=1), (0, 0, 0, 1))
    value, steep, dx, dy = (
        cut_patches(each, cell).flatten(3)
        for each in (even, torch.hypot(across, along), across.abs(), along.abs())
    )
    found = (
        value.mean(dim=3), value.std(dim=3), value.amax(dim=3), value.amin(dim=3),
        steep.amax(dim=3), steep.mean(dim=3), dx.mean(dim=3), dy.mean(dim=3),
    )  # fmt: skip
    return torch.stack(found, dim=1)


def _averaged(images: Tensor, size: int) -> Tensor:
    """Mean of the square around each pixel, as far as the image goes."""
    half, x = size // 2, images[:, None]
    x = F.avg_pool2d(x, (1, size), 1, (0, half), count_include_pad=False)
    return F.avg_pool2d(x, (size, 1), 1, (half, 0), count_include_pad=False)[:, 0]
