"""Exact Earth mover's distance of histograms on fixed points, batched and differentiable."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Real, UInt32
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._arrays import array, first_derivatives_only, masses
from femtobarn.losses._threads import in_threads
from femtobarn.losses._transport import LARGEST, cost_unit, move_histograms, order_of_joining
from femtobarn.losses._types import refuse_gradient, result_type


class Transport(NamedTuple):
    """Earth mover's distance and the potential that proves it."""

    value: Tensor  #: (*batch,) differentiable
    potential: Tensor  #: (*batch, n) detached; dvalue/da is `potential`, and dvalue/db is `-potential`


def emd(
    a: Real[Tensor, "*batch n"],
    b: Real[Tensor, "*batch n"],
    cost: Real[Tensor, "n n"],
    *,
    penalty: float | None = None,
    warm: Real[Tensor, "*batch n"] | None = None,
    threads: int = 1,
) -> Float[Tensor, "*batch"]:
    """Least work that turns one histogram into another, each of unit sum: the exact Wasserstein-1 distance.

    `W(a, b) = min sum_ij T_ij cost_ij` over plans T >= 0 with row sums a / sum(a) and column sums b / sum(b).

    With `penalty=R` the histograms keep their sums: as much as the smaller one has is moved, and each unit of
    the difference costs R. Divided by R this is the energy mover's distance, eq. (1) of arXiv:1902.02346. It
    is a metric because 2 R must be at least the largest cost.

    The gradient is exact (Danskin's theorem, with the optimal potentials) and includes the scaling to unit
    sum. Where the optimal potential is not unique it is a subgradient: for cells equal in a and b the middle
    of what is possible. Second derivatives are refused.

    Args:
        a, b: Masses >= 0, in any one unit. A row without mass in a or b gives NaN and a gradient of 0; with
            `penalty` it is a histogram like others.
        cost: Ground distance between the points: symmetric, 0 on the diagonal, triangle inequality holds. It
            gets no gradient; positions do in `emd_points`.
        penalty: Cost R per unit of surplus, at least half the largest cost; `None` scales to unit sum.
        warm: Potentials of an earlier `emd_potentials` of the same rows, where 0 stands for not known. They
            save up to 40 % of the time if the rows have changed by less than about 10 %, and never alter the
            value.
        threads: Number of threads that share the rows. Leave it at 1 where torch itself uses all cores.

    Returns:
        One distance per row, in the unit of `cost` (times that of the masses if there is a penalty). It is
        computed in float64 and returned in the type of a and b, or torch's default one if both are counts.

    Raises:
        InputError: Negative or non-finite mass, `cost` not a metric or one that requires a gradient, shapes
            that do not match, a penalty too small.

    Example:
        >>> cost = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
        >>> emd(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 2.0]), cost)
        tensor(1.)
        >>> emd(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 2.0]), cost, penalty=1.5)
        tensor(4.5000)
    """
    return emd_potentials(a, b, cost, penalty=penalty, warm=warm, threads=threads).value


def emd_potentials(
    a: Real[Tensor, "*batch n"],
    b: Real[Tensor, "*batch n"],
    cost: Real[Tensor, "n n"],
    *,
    penalty: float | None = None,
    warm: Real[Tensor, "*batch n"] | None = None,
    threads: int = 1,
) -> Transport:
    """The distance of `emd`, and an optimal potential f, to learn from or to start from the next time.

    `|f_i - f_j| <= cost_ij` for all cells, and `sum f (a - b)` is the distance (a and b of unit sum, unless
    there is a penalty). Without penalty the mean of f is 0; with it, `|f_i| <= penalty`. A row without mass
    has f = 0. Arguments and errors as for `emd`.
    """
    if a.shape != b.shape or a.ndim == 0:
        raise InputError(f"expected masses of one shape (..., n), got {(*a.shape,)} and {(*b.shape,)}")
    n = a.shape[-1]
    if n == 0 or cost.shape != (n, n):
        raise InputError(f"expected a cost of shape (n, n) for n > 0 cells, got {(*cost.shape,)} for {n}")
    if warm is not None and (warm.shape != a.shape or not bool(warm.isfinite().all())):
        raise InputError(f"expected finite warm potentials of shape {(*a.shape,)}, got {(*warm.shape,)}")
    refuse_gradient("emd_points has gradients for positions, or cost.detach()", cost=cost, penalty=penalty)
    ground = _ground(cost, penalty)
    return Transport(*_Emd.apply(a, b, ground, warm, threads))  # type: ignore[no-untyped-call]


class _Ground(NamedTuple):
    """The last arguments of the solver. With a penalty there is one more point, as far from all others."""

    cost: Float[np.ndarray, "n n"]
    rounded: Float[np.ndarray, "n n"]
    order: UInt32[np.ndarray, "pair 2"]
    normalise: bool


def _ground(cost: Tensor, penalty: float | None) -> _Ground:
    exact = cost.dtype if cost.is_floating_point() else torch.float64
    tolerance = 16 * torch.finfo(exact).eps  # distances come with a few roundings each
    return _checked_ground(array(cost).tobytes(), len(cost), tolerance, penalty)


@lru_cache(maxsize=8)
def _checked_ground(content: bytes, n: int, tolerance: float, penalty: float | None) -> _Ground:
    cost = np.frombuffer(content).reshape(n, n).copy()  # writable, as numba compiles anew for one that is not
    _check_metric(cost, tolerance)
    if penalty is not None:
        if not cost.max(initial=0.0) / 2 * (1 - tolerance) <= penalty <= LARGEST:
            raise InputError(
                f"expected a penalty of at least half the largest cost, {cost.max()}, got {penalty}"
            )
        cost = np.pad(cost, (0, 1), constant_values=penalty)
        cost[n, n] = 0.0
    unit = cost_unit(cost.max(initial=0.0), len(cost))
    return _Ground(cost, np.rint(cost / unit) * unit, order_of_joining(cost), penalty is None)


def _check_metric(cost: Float[np.ndarray, "n n"], tolerance: float) -> None:
    """Raise unless the matrix is a (pseudo-)metric up to rounding."""
    if not ((cost >= 0) & (cost <= LARGEST)).all():
        raise InputError(f"expected a cost that is finite and >= 0, got from {cost.min()} to {cost.max()}")
    if cost.diagonal().any():
        raise InputError("expected a cost with zeros on the diagonal: the way from a cell to itself")
    margin = tolerance * cost.max(initial=0.0)
    if (np.abs(cost - cost.T) > margin).any():
        raise InputError("expected a symmetric cost: one distance for both ways between two cells")
    for k in range(len(cost)):
        i, j = np.unravel_index(np.argmax(cost - cost[:, k, None] - cost[k]), cost.shape)
        if cost[i, j] > cost[i, k] + cost[k, j] + margin:
            raise InputError(
                f"expected a cost that is a metric: the way {i}-{j} ({cost[i, j]:g}) is longer than over {k}"
                f" ({cost[i, k]:g} + {cost[k, j]:g})"
            )


class _Emd(torch.autograd.Function):
    """Value and potential; the derivatives come with the value and wait for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, ground: _Ground, warm: Tensor | None, threads: int
    ) -> tuple[Tensor, Tensor]:
        a_rows, b_rows = masses(a, "a"), masses(b, "b")
        guess = np.empty((len(a_rows), 0)) if warm is None else array(warm).reshape(a_rows.shape)
        if warm is not None and not ground.normalise:
            guess = np.pad(guess, ((0, 0), (0, 1)))
        value = np.empty(len(a_rows))
        potential, slope_a, slope_b = (np.empty_like(a_rows) for _ in range(3))
        in_threads(
            move_histograms, threads, (a_rows, b_rows, guess, value, potential, slope_a, slope_b), *ground
        )
        ctx.save_for_backward(
            torch.from_numpy(slope_a).reshape(a.shape).to(a), torch.from_numpy(slope_b).reshape(b.shape).to(b)
        )
        potentials = torch.from_numpy(potential).reshape(a.shape).to(a.device, result_type(a, b))
        ctx.mark_non_differentiable(potentials)
        return torch.from_numpy(value).reshape(a.shape[:-1]).to(a.device, result_type(a, b)), potentials

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        first_derivatives_only()
        slope_a, slope_b = ctx.saved_tensors
        return slope_a * gradient[..., None], slope_b * gradient[..., None], None, None, None
