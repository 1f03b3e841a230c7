"""Spatial verification scores of maps of probabilities, differentiable: those of forecasts, for any image.

The scores of Lagerquist and Ebert-Uphoff 2022 (DOI 10.1175/AIES-D-22-0021.1) with a neighbourhood filter. Every score
takes the same arguments:

    prediction, target: Maps in [0, 1], (image, row, column) or (image, channel, row, column); the target may be soft.
    mask: True where a pixel counts, (row, column), (image, row, column), or as the maps; what else is there changes
        nothing, NaN included. With a radius, windows that cross the edge of the mask do not count either.
    radius: Half-width of the neighbourhood in pixels; 0 compares pixel by pixel.
    circular: Axes that close on themselves, -2 or -1.
    per_image: A mean over maps, each channel a map of its own, or one number from the sums over all of them. Without
        events a ratio has nothing to divide by: denominators are at least 1e-7, and scores of a whole batch are safer.

With the soft contingency table a = sum yp (hits), b = sum (1-y)p (false alarms), c = sum y(1-p) (misses),
d = sum (1-y)(1-p), and N their sum. `losses.SpatialScore` joins a score and a filter and says which way is better.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._types import true_or_false
from femtobarn.losses.spatial_filters import (
    FourierBand,
    eroded,
    fourier_coefficients,
    max_filter,
    mean_filter,
)

Maps = Float[Tensor, "*map row column"]
Target = Shaped[Tensor, "*map row column"]  # probabilities, or true and false, or 1 and 0
Mask = Bool[Tensor, "*place row column"] | None
Value = Float[Tensor, ""]

_FLOOR = 1e-7  # of denominators
_SMALLEST = 1e-6  # probability in a logarithm


def brier(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = True,
) -> Value:  # fmt: skip
    """Mean squared difference; with a radius the target is the largest in the neighbourhood. Less is better."""
    p, y, inside = _dilated(prediction, target, mask, radius, circular)
    return _mean(_ratio(_sum((p - y) ** 2, inside, per_image), _sum(torch.ones_like(p), inside, per_image)))


def cross_entropy(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = True,
) -> Value:  # fmt: skip
    """Mean cross entropy in bits, probabilities at least 1e-6; the target as in `brier`. Less is better."""
    p, y, inside = _dilated(prediction, target, mask, radius, circular)
    bits = -y * torch.log2(p.clamp(min=_SMALLEST)) - (1 - y) * torch.log2((1 - p).clamp(min=_SMALLEST))
    return _mean(_ratio(_sum(bits, inside, per_image), _sum(torch.ones_like(p), inside, per_image)))


def fss(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = False,
) -> Value:  # fmt: skip
    """Fractions skill score, 1 - sum (y-p)^2 / sum (y^2+p^2) of means over neighbourhoods.

    It rewards smooth maps and, at a large radius, forgives too many events: print `bias` beside it (arXiv:2603.15247).
    Reference: Roberts and Lean 2008, DOI 10.1175/2007MWR2123.1.
    """
    p, y, inside = _filled(prediction, target, mask)
    p, y = (mean_filter(each, radius, circular=circular) for each in (p, y))
    inside = eroded(inside, radius, circular=circular)
    off, all_ = _sum((p - y) ** 2, inside, per_image), _sum(p**2 + y**2, inside, per_image)
    return _mean(1 - _ratio(off, all_))


def csi(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = False,
) -> Value:  # fmt: skip
    """Critical success index a / (a + b + c); with a radius 1 / (1/POD + 1/SR - 1), see `bias`."""
    if radius == 0:
        a, b, c, _ = _table(*_filled(prediction, target, mask), per_image)
        return _mean(_ratio(a, a + b + c))
    pod, ratio = _found_and_right(prediction, target, mask, radius, circular, per_image)
    return _mean(_ratio(pod * ratio, pod + ratio - pod * ratio))


def bias(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = False,
) -> Value:  # fmt: skip
    """Frequency bias POD / SR: events predicted for each that there is; 1 is right, and it is no loss.

    POD = a / (a + c), the probability of detection, counts an event as found where the largest prediction in its
    neighbourhood is 1; SR = a / (a + b), the success ratio, a predicted event as right where the largest target is.
    """
    pod, ratio = _found_and_right(prediction, target, mask, radius, circular, per_image)
    return _mean(_ratio(pod, ratio))


def iou(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = True,
) -> Value:  # fmt: skip
    """Intersection over union; of one map without a radius it is `csi`. The target as in `brier`."""
    return _mean(_overlap(*_dilated(prediction, target, mask, radius, circular), per_image))


def all_class_iou(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = True,
) -> Value:  # fmt: skip
    """Mean of the intersections over union of events and of what is none."""
    p, y, inside = _dilated(prediction, target, mask, radius, circular)
    return _mean((_overlap(p, y, inside, per_image) + _overlap(1 - p, 1 - y, inside, per_image)) / 2)


def dice(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = True,
) -> Value:  # fmt: skip
    """Sørensen-Dice coefficient 2a / (2a + b + c). The target as in `brier`."""
    a, b, c, _ = _table(*_dilated(prediction, target, mask, radius, circular), per_image)
    return _mean(_ratio(2 * a, 2 * a + b + c))


def dice_ref(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = True,
) -> Value:  # fmt: skip
    """(a + d) / N, what the reference calls the Dice coefficient: of a hard target one less the mean |y - p|."""
    a, b, c, d = _table(*_dilated(prediction, target, mask, radius, circular), per_image)
    return _mean(_ratio(a + d, a + b + c + d))


def heidke(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = False,  # noqa: ARG001, as the others
) -> Value:  # fmt: skip
    """Heidke skill score: (a + d) beyond chance, over what is possible beyond chance; pixel by pixel."""
    a, b, c, d = _pixelwise(prediction, target, mask, radius, per_image)
    total = a + b + c + d
    chance = _ratio((a + b) * (a + c) + (c + d) * (b + d), total)
    return _mean(_ratio(a + d - chance, total - chance))


def peirce(
    prediction: Maps, target: Target, mask: Mask = None, *,
    radius: int = 0, circular: Sequence[int] = (), per_image: bool = False,  # noqa: ARG001, as the others
) -> Value:  # fmt: skip
    """Peirce skill score: found among the events less called so among the others; pixel by pixel.

    For two classes the Gerrity score is the same number, also for soft maps: `gerrity` is another name for it.
    """
    a, b, c, d = _pixelwise(prediction, target, mask, radius, per_image)
    return _mean(_ratio(a, a + c) - _ratio(b, b + d))


gerrity = peirce


def fourier_error(
    prediction: Maps, target: Target, mask: Mask = None, *, band: FourierBand, part: str = "complex",
    circular: Sequence[int] = (),
) -> Value:  # fmt: skip
    """Mean squared difference of the Fourier coefficients of a band; of their real or imaginary parts if asked.

    Pixels outside the mask count as zero in both maps.
    """
    if part not in ("complex", "real", "imaginary"):
        raise InputError(f"expected complex, real or imaginary, got {part!r}")
    p, y, _ = _filled(prediction, target, mask)
    off = fourier_coefficients(p - y, band, circular=circular)
    if part == "complex":
        return (off.real**2 + off.imag**2).mean()
    return ((off.real if part == "real" else off.imag) ** 2).mean()


def placed(mask: Shaped[Tensor, "*place row column"], maps: Target) -> Bool[Tensor, "*map row column"]:
    """The mask in the shape of the maps; of (image, row, column) every channel of an image has the same.

    Raises:
        InputError: It does not fit, or is of numbers.
    """
    true_or_false(mask=mask)
    shape = maps.shape
    if mask.ndim == 3 and maps.ndim == 4 and mask.shape[0] == shape[0]:
        mask = mask.unsqueeze(1)  # broadcasting would take the images for channels
    try:
        return mask.expand(shape)
    except RuntimeError as error:
        got = f"{tuple(mask.shape)} for maps {tuple(shape)}"
        raise InputError(
            f"expected a mask (row, column), (image, row, column) or as the maps, got {got}"
        ) from error


def filled(maps: Maps, inside: Bool[Tensor, "*map row column"]) -> Maps:
    """The maps with zeros outside."""
    return torch.where(inside, maps, torch.zeros((), dtype=maps.dtype, device=maps.device))


class _Prepared(NamedTuple):
    prediction: Tensor
    target: Tensor
    inside: Tensor


def _filled(prediction: Tensor, target: Tensor, mask: Tensor | None) -> _Prepared:
    """Maps with zeros outside the mask, and a mask of their shape."""
    if prediction.shape != target.shape or prediction.ndim < 2:
        got = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        raise InputError(f"expected a prediction and a target of one shape (..., row, column), got {got}")
    if not target.is_floating_point():
        target = target.to(prediction.dtype)
    inside = torch.ones_like(target, dtype=torch.bool) if mask is None else placed(mask, target)
    return _Prepared(filled(prediction, inside), filled(target, inside), inside)


def _dilated(
    prediction: Tensor, target: Tensor, mask: Tensor | None, radius: int, circular: Sequence[int]
) -> _Prepared:
    """As `_filled`, the target replaced by the largest in its neighbourhood, the mask without its edge."""
    p, y, inside = _filled(prediction, target, mask)
    return _Prepared(p, max_filter(y, radius, circular=circular), eroded(inside, radius, circular=circular))


def _sum(x: Tensor, inside: Tensor, per_image: bool) -> Tensor:
    return torch.where(inside, x, 0.0).sum(dim=(-2, -1) if per_image else None)


def _table(p: Tensor, y: Tensor, inside: Tensor, per_image: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    cells = (y * p, (1 - y) * p, y * (1 - p), (1 - y) * (1 - p))
    a, b, c, d = (_sum(cell, inside, per_image) for cell in cells)
    return a, b, c, d


def _overlap(p: Tensor, y: Tensor, inside: Tensor, per_image: bool) -> Tensor:
    both = _sum(y * p, inside, per_image)
    return _ratio(both, _sum(y, inside, per_image) + _sum(p, inside, per_image) - both)


def _found_and_right(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None,
    radius: int,
    circular: Sequence[int],
    per_image: bool,
) -> tuple[Tensor, Tensor]:
    """Probability of detection and success ratio, each with the other map's largest in the neighbourhood."""
    p, y, inside = _filled(prediction, target, mask)
    near_p, near_y = (max_filter(each, radius, circular=circular) for each in (p, y))
    inside = eroded(inside, radius, circular=circular)
    pod = _ratio(_sum(y * near_p, inside, per_image), _sum(y, inside, per_image))
    return pod, _ratio(_sum(p * near_y, inside, per_image), _sum(p, inside, per_image))


def _pixelwise(
    prediction: Tensor, target: Tensor, mask: Tensor | None, radius: int, per_image: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if radius:
        raise InputError(
            f"this score compares pixel by pixel, it has no neighbourhood: got a radius of {radius}"
        )
    return _table(*_filled(prediction, target, mask), per_image)


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    return above / below.clamp(min=_FLOOR)


def _mean(x: Tensor) -> Tensor:
    return x.mean()
