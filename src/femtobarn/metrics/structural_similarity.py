"""How alike two images look: structural similarity, SSIM."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_SIDE, _SIGMA = 11, 1.5  # of the window, as published
_C1, _C2 = 0.01**2, 0.03**2  # for images between 0 and 1


def structural_similarity(
    one: Float[Tensor, "event 1 a b"], other: Float[Tensor, "event 1 a b"]
) -> Float[Tensor, "event"]:
    """Mean structural similarity of images with values between 0 and 1; 1 for equal ones.

    Means, variances and covariance are taken in a Gaussian window of 11 by 11 pixels and 1.5 pixels width, where it
    lies whole inside the image (Wang et al. 2004, doi:10.1109/TIP.2003.819861).

    Raises:
        ValueError: Images of different shape, or smaller than the window.
    """
    if one.shape != other.shape or min(one.shape[2:]) < _SIDE:
        raise ValueError(f"images of one shape, 11 by 11 or more: got {one.shape} and {other.shape}")
    line = torch.arange(_SIDE, dtype=one.dtype, device=one.device) - _SIDE // 2
    bell = torch.exp(-(line**2) / (2 * _SIGMA**2))
    bell = bell / bell.sum()

    def blurred(x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1))

    a, b = blurred(one), blurred(other)
    variance_a, variance_b = blurred(one**2) - a**2, blurred(other**2) - b**2
    covariance = blurred(one * other) - a * b
    likeness = (2 * a * b + _C1) * (2 * covariance + _C2)
    likeness = likeness / ((a**2 + b**2 + _C1) * (variance_a + variance_b + _C2))
    return likeness.mean(dim=(1, 2, 3))
