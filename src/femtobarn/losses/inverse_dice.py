"""How badly two images overlap, on a scale that does not saturate."""

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError


def inverse_dice(
    output: Float[Tensor, "event *pixel"], target: Float[Tensor, "event *pixel"], *, smoothing: float = 1e-6
) -> Float[Tensor, "event"]:
    """1 / Dice - 1 of each image: 0 for equal images, without a bound for images that do not overlap.

    ``(sum y^2 + sum z^2 + s) / (2 sum y z + s) - 1`` over all pixels and channels, the loss of arXiv:2306.13595. It is
    computed as ``sum (y - z)^2 / (2 sum y z + s)``, which is the same and keeps its digits where the images
    are nearly equal. Sums are made in float32 or wider. Two empty images have 0; an overlap below 0, which images
    with negative pixels may have, counts as none.

    Args:
        output, target: Images, not negative, in one unit: it matters beside `smoothing`.
        smoothing: s above, which keeps images without overlap finite: the loss of arXiv:2306.13595 has 1e-6.

    Raises:
        InputError: Images of different shapes, or a smoothing that is not above 0.
    """
    if output.shape != target.shape or output.ndim < 2:
        raise InputError(f"expected images of one shape, got {tuple(output.shape)} and {tuple(target.shape)}")
    if not smoothing > 0:
        raise InputError(f"expected a smoothing above 0, got {smoothing}")
    wide = torch.promote_types(torch.promote_types(output.dtype, target.dtype), torch.float32)
    y, z = target.to(wide).flatten(1), output.to(wide).flatten(1)
    overlap = (y * z).sum(dim=1).clamp(min=0)
    return (y - z).square().sum(dim=1) / (2 * overlap + smoothing)
