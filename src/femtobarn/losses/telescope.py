"""Squared errors of a wafer weighted by occupancy: per cell, and through the "telescope" of three scales."""

from functools import cache

import torch
from jaxtyping import Float, Real
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._types import result_type
from femtobarn.physics import wafer
from femtobarn.physics._constant import constant

# 2x2 groups inside a rhombus (local index 4r+k) and across the seams, with the published weights.
_INSIDE = (
    ((0, 1, 4, 5), 0.375),
    ((2, 3, 6, 7), 0.25 + 1 / 12),
    ((8, 9, 12, 13), 0.5625),
    ((10, 11, 14, 15), 0.375),
    ((4, 5, 8, 9), 0.375),
    ((6, 7, 10, 11), 0.25),
    ((1, 2, 5, 6), 0.25),
    ((9, 10, 13, 14), 0.375),
    ((5, 6, 9, 10), 0.25),
)
_SEAMS = (
    ((0, 1, 27, 31), 0.375),
    ((1, 2, 23, 27), 0.25),
    ((2, 3, 19, 23), 0.25 + 1 / 6),
    ((3, 7, 34, 35), 0.25 + 1 / 6),
    ((7, 11, 33, 34), 0.25),
    ((11, 15, 32, 33), 0.375),
    ((16, 17, 43, 47), 0.375),
    ((17, 18, 39, 43), 0.25),
    ((18, 19, 35, 39), 0.25 + 1 / 6),
)

#: The 36 overlapping groups of four touching cells, and the weight of each.
GROUPS: tuple[tuple[tuple[int, ...], float], ...] = (
    *((tuple(16 * R + cell for cell in cells), weight) for R in range(3) for cells, weight in _INSIDE),
    *_SEAMS,
)


def weighted_mse(
    output: Real[Tensor, "*batch n"], target: Real[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    """Mean over the cells of `(target - output)^2 max(target, output)`, one value per image.

    A reference loss of arXiv:2306.04712 (code): an error weighs by the charge that is there or was invented.
    """
    output, target = _checked(output, target)
    return _weighted_square(output, target).mean(dim=-1)


def telescope_mse(
    output: Real[Tensor, "*batch 48"], target: Real[Tensor, "*batch 48"]
) -> Float[Tensor, "*batch"]:
    """Four times `weighted_mse` of the cells, twice of the 36 groups of four, once of the three rhombi.

    The loss of the first HGCAL encoder (arXiv:2105.01683 and the code of arXiv:2306.04712). A group or
    rhombus is the sum of its cells. The groups overlap, and have weights meant to count every cell alike: a
    quarter of the sum over their cells of 1 / (number of groups the cell is in). The published weights, used
    here, follow that rule except for the six groups with a cell in the middle of the wafer, where the code
    has 1 / 4 + x in place of (1 + x) / 4.

    Args:
        output, target: Charges of the 48 trigger cells, target >= 0, on one scale; published: divided by
            the largest power of two in the target's sum.
    """
    output, target = _checked(output, target)
    if output.shape[-1] != wafer.CELLS:
        raise InputError(f"expected the {wafer.CELLS} cells of a wafer, got {output.shape[-1]}")
    sums, weight = (constant(make, output.device, output.dtype) for make in (_sums, _weights))
    return _weighted_square(output @ sums, target @ sums) @ weight


def _weighted_square(output: Tensor, target: Tensor) -> Tensor:
    return (target - output).square() * torch.maximum(target, output)


def _sums() -> Tensor:
    return _scales()[0]


def _weights() -> Tensor:
    return _scales()[1]


@cache
def _scales() -> tuple[Tensor, Tensor]:
    """Matrix (48, 87) from cells to cells, groups and rhombi, and the weight of each of the 87."""
    group = torch.zeros(wafer.CELLS, len(GROUPS), dtype=torch.float64)
    for column, (cells, _) in enumerate(GROUPS):
        group[list(cells), column] = 1
    rhombus = torch.eye(3, dtype=torch.float64).repeat_interleave(16, dim=0)
    group_weight = torch.tensor([weight for _, weight in GROUPS], dtype=torch.float64)
    weights = (
        torch.full((wafer.CELLS,), 4 / wafer.CELLS, dtype=torch.float64),
        group_weight * 2 / len(GROUPS),
        torch.full((3,), 1 / 3, dtype=torch.float64),
    )
    return torch.cat((torch.eye(wafer.CELLS, dtype=torch.float64), group, rhombus), dim=1), torch.cat(weights)


def _checked(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one floating type, so that counts do not cut the weights to whole numbers."""
    if output.shape != target.shape or output.ndim == 0:
        raise InputError(
            f"expected output and target of one shape, got {(*output.shape,)} and {(*target.shape,)}"
        )
    dtype = result_type(output, target)
    return output.to(dtype), target.to(dtype)
