"""Exact Earth mover's distance of weighted point clouds, such as jets, batched and differentiable."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Real
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._arrays import array, first_derivatives_only, masses
from femtobarn.losses._threads import in_threads
from femtobarn.losses._transport import LARGEST, move_points
from femtobarn.losses._types import refuse_gradient, result_type

_FARTHEST = 1e100  # its square is still a finite number


def emd_points(
    x: Real[Tensor, "*batch n dim"],
    y: Real[Tensor, "*batch m dim"],
    x_weight: Real[Tensor, "*batch n"],
    y_weight: Real[Tensor, "*batch m"],
    *,
    penalty: float | None = None,
    period: tuple[float | None, ...] | None = None,
    threads: int = 1,
) -> Float[Tensor, "*batch"]:
    """Least work that turns one set of weighted points into another: the exact Wasserstein-1 distance.

    `min sum_ij T_ij |x_i - y_j|` over plans T >= 0 whose row and column sums are the weights, scaled to unit
    sum. With `penalty=R` they keep their sums, as much as the lighter set has is moved, and each unit of the
    difference costs R: R times the energy mover's distance of eq. (1) in arXiv:1902.02346, where x are (eta,
    phi) or (y, phi) and the weights transverse momenta. That is a metric if 2 R is at least the largest
    distance.

    Differentiable in weights and positions. The gradient is exact, from the optimal potentials and plan, and
    includes the scaling to unit sum; where the optimum is not unique it is a subgradient. For a weight of 0
    it is the derivative for adding some. Points that coincide do not pull at each other. Second derivatives
    are refused.

    Args:
        x, y: Positions. Memory and time grow as n m per pair of sets; a few hundred points are no problem.
        x_weight, y_weight: Weights >= 0, in any one unit. A weight of 0 is padding; its position must still
            be finite. A set without weight gives NaN and a gradient of 0; with `penalty` it is a set like
            others.
        penalty: Cost R > 0 per unit of surplus; `None` scales to unit sum.
        period: Length of each axis that closes, `None` for one that does not: `(None, 2 * math.pi)`
            for (eta, phi).
        threads: Number of threads that share the batch. Leave it at 1 where torch itself uses all cores.

    Returns:
        One distance per pair of sets in the unit of the positions (times that of the weights if there is a
        penalty), computed in float64 and returned in the type of the arguments, or torch's default one if all
        are integers.

    Raises:
        InputError: Negative or non-finite weight, non-finite position, shapes that do not match, a penalty or
            period that is not above zero.

    Example:
        >>> eta_phi = torch.tensor([[[0.0, 3.0]]])
        >>> one = torch.ones(1, 1)
        >>> emd_points(eta_phi, -eta_phi, one, one, period=(None, 2 * torch.pi))
        tensor([0.2832])
    """
    _check_shapes(x, y, x_weight, y_weight)
    refuse_gradient("its gradient is not computed, use detach()", penalty=penalty)
    for name, points in (("x", x), ("y", y)):
        if not bool((points.double().abs() <= _FARTHEST).all()):
            raise InputError(f"expected finite positions, also where the weight is 0: {name} has others")
    if penalty is not None and not 0 < penalty <= LARGEST:
        raise InputError(f"expected a penalty above zero, got {penalty}")
    turns = (None,) * x.shape[-1] if period is None else period
    if len(turns) != x.shape[-1] or any(turn is not None and not 0 < turn <= LARGEST for turn in turns):
        raise InputError(f"expected for each of {x.shape[-1]} axes a period above zero or None, got {period}")
    value: Tensor = _EmdPoints.apply(  # type: ignore[no-untyped-call]
        x, y, x_weight, y_weight, np.array([turn or 0.0 for turn in turns]), penalty, threads
    )
    return value


def _check_shapes(x: Tensor, y: Tensor, x_weight: Tensor, y_weight: Tensor) -> None:
    shapes = [tuple(t.shape) for t in (x, y, x_weight, y_weight)]
    if x.ndim < 2 or y.ndim != x.ndim or (*x.shape[:-2], x.shape[-1]) != (*y.shape[:-2], y.shape[-1]):
        raise InputError(f"expected points (..., n, dim) and (..., m, dim), got {shapes[0]} and {shapes[1]}")
    if x.shape[:-1] != x_weight.shape or y.shape[:-1] != y_weight.shape:
        raise InputError(f"expected one weight per point, got x, y, x_weight, y_weight of shapes {shapes}")


class _EmdPoints(torch.autograd.Function):
    """The derivatives come with the value and wait for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        y: Tensor,
        x_weight: Tensor,
        y_weight: Tensor,
        period: Float[np.ndarray, " dim"],
        penalty: float | None,
        threads: int,
    ) -> Tensor:
        inputs = (x_weight, y_weight, x, y)
        weights = [masses(x_weight, "x_weight"), masses(y_weight, "y_weight")]
        points = [array(side).reshape(len(weights[0]), *side.shape[-2:]) for side in (x, y)]
        derive = any(ctx.needs_input_grad)
        value = np.empty(len(weights[0]))
        slopes = [np.empty_like(side) for side in (*weights, *points)]
        in_threads(
            move_points,
            threads,
            (*points, *weights, value, *slopes),
            *(period, -1.0 if penalty is None else penalty, derive),
        )
        if derive:
            ctx.save_for_backward(
                *(torch.from_numpy(s).reshape(i.shape).to(i) for s, i in zip(slopes, inputs, strict=True))
            )
        return torch.from_numpy(value).reshape(x.shape[:-2]).to(x.device, result_type(*inputs))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first_derivatives_only()
        x_weight, y_weight, x, y = ctx.saved_tensors
        g = gradient[..., None]
        return x * g[..., None], y * g[..., None], x_weight * g, y_weight * g, None, None, None
