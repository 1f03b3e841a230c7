"""How far two sets of points are apart if each point looks for its nearest partner."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._types import true_or_false


def chamfer(
    cost: Float[Tensor, "event n m"],
    x_mask: Bool[Tensor, "event n"],
    y_mask: Bool[Tensor, "event m"],
    *,
    unmatched: float = math.inf,
) -> Float[Tensor, "event"]:
    """Half of the sum of the cheapest partners of all points of either set.

    1/2 [sum_i min_j c_ij + sum_j min_i c_ij] for the cost c_ij of moving point i of one set to point j of the
    other. Many points may have the same partner, so for sets of equal size it is never more than the cost of the
    best one-to-one assignment, and a set that collapses onto a few points can have a small one: look at an
    assignment too. Divided by the number of points it is the reconstruction loss of arXiv:2311.17162, with
    squared distances as cost and without the half that of arXiv:2203.00520.

    Partners of equal cost share the gradient. What stands in the cost of padded points has no effect. An event
    without points in either set has 0.

    Args:
        cost: Of every pair, differentiable; infinite for a pair that must not be.
        x_mask, y_mask: True for real points.
        unmatched: Cost of a point whose partners are all padded or forbidden.

    Raises:
        InputError: Shapes that do not match, or masks of numbers.
    """
    if cost.ndim != 3 or cost.shape[:2] != x_mask.shape or (len(cost), cost.shape[2]) != y_mask.shape:
        shapes = f"{tuple(cost.shape)}, {tuple(x_mask.shape)} and {tuple(y_mask.shape)}"
        raise InputError(f"expected a cost (event, n, m) with masks (event, n) and (event, m), got {shapes}")
    true_or_false(x_mask=x_mask, y_mask=y_mask)
    pairs = x_mask[:, :, None] & y_mask[:, None, :]
    cost = torch.where(pairs, cost, math.inf)
    total = cost.new_zeros(len(cost))
    for axis, mask in ((2, x_mask), (1, y_mask)):
        alone = torch.full_like(mask, math.inf, dtype=cost.dtype)
        nearest = cost.amin(dim=axis) if cost.shape[axis] else alone
        nearest = torch.where(nearest.isposinf(), unmatched, nearest)
        total = total + torch.where(mask, nearest, 0.0).sum(dim=1)
    return total / 2


def point_chamfer(
    x: Float[Tensor, "event n feature"], y: Float[Tensor, "event m feature"]
) -> Float[Tensor, "event"]:
    """`chamfer` of two clouds in squared Euclidean distances; every point is real.

    The loss and the score of arXiv:2212.07347, where padding is a point at 0 like any other.

    Raises:
        InputError: Clouds of other events, or points of another number of coordinates.
    """
    if x.ndim != 3 or y.ndim != 3 or x.shape[::2] != y.shape[::2]:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise InputError(f"expected clouds (event, point, feature) of the same events, got {shapes}")
    cost = (x[:, :, None] - y[:, None]).square().sum(dim=-1)
    return chamfer(
        cost,
        torch.ones(x.shape[:2], dtype=torch.bool, device=x.device),
        torch.ones(y.shape[:2], dtype=torch.bool, device=x.device),
    )
