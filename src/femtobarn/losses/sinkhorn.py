"""Entropic optimal transport: approximate Earth mover's distances by Sinkhorn's iteration."""

from typing import Any

import torch
from jaxtyping import Float, Real
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._shares import shares
from femtobarn.losses._types import refuse_gradient, result_type

_RANGE = 300.0  # two potentials as large as the largest cost: exp(2 x 300) is 1e260, within float64
_LONGEST_OVERSHOOT = 2.5  # in units of the plain update, see _relaxed
_SELF_STEPS = (
    12  # each halves the potential's error, if the kernel is positive; the value's goes as its square
)


def sinkhorn(
    a: Real[Tensor, "*batch n"],
    b: Real[Tensor, "*batch n"],
    cost: Real[Tensor, "n n"],
    *,
    blur: float = 0.5,
    iterations: int = 30,
) -> Float[Tensor, "*batch"]:
    """Debiased Sinkhorn divergence S = W(a, b) - W(a, a) / 2 - W(b, b) / 2 of two charge distributions.

    W(a, b) is the least `<T, cost> + blur KL(T | a b)` over plans T with row sums a and column sums b
    (Feydy et al., arXiv:1810.08278). S is 0 for a = b and, for a Euclidean distance as cost, positive
    otherwise. For a small blur it tends to the exact distance. Both sides are scaled to unit sum; a side
    without charge gives NaN with zero gradient. The gradient is made of the optimal potentials (envelope
    theorem) and costs nothing beyond the value; second derivatives are refused.

    Args:
        a, b: Charges >= 0 of the same n cells, in any unit.
        cost: Ground distance between cells, symmetric. It gets no gradient.
        blur: Distance below which transport is smeared out, in the unit of `cost`: `reg` of POT, and `blur`
            of geomloss for p = 1. The work is done in float64 with the kernel `exp(-cost / blur)`, which
            needs `blur >= cost.max() / 300`; below that use `emd`, the exact distance.
        iterations: Over-relaxed iterations. For near pairs, which converge last, each is worth five plain ones
            or more. The smaller the blur, the more are needed; what is missing lowers W(a, b).

    Raises:
        InputError: Negative or non-finite charge, shapes that do not match, a cost that is negative or not
            symmetric or requires a gradient, a blur out of range.

    Example:
        >>> cost = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
        >>> sinkhorn(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 5.0]), cost)
        tensor(2.)
    """
    p, q, valid = shares(a, b)
    cost, kernel = _kernel(cost, blur, iterations, p)
    if not torch.allclose(cost, cost.T):
        raise InputError("expected a symmetric cost, one distance for both ways between two cells")
    with torch.no_grad():
        u_self, v_self = _self_scaling(p, kernel), _self_scaling(q, kernel)
        u, v = _scalings(p, q, kernel, iterations, start=(u_self, v_self))
        f, g = blur * (u / u_self).log(), blur * (v / v_self).log()
    divergence: Tensor = _Dual.apply(p, q, f, g)  # type: ignore[no-untyped-call]
    return torch.where(valid, divergence, torch.nan).to(result_type(a, b))


def sinkhorn_cost(
    a: Real[Tensor, "*batch n"],
    b: Real[Tensor, "*batch n"],
    cost: Real[Tensor, "n n"],
    *,
    blur: float = 0.5,
    iterations: int = 30,
) -> Float[Tensor, "*batch"]:
    """Cost <T, cost> of the entropic transport plan T, an upper bound of the exact distance.

    T minimises `<T, cost> + blur KL(T | a b)`. It blurs also what need not move, so that the result is
    positive for a = b. What finite iterations leave wrong in the row sums of T is corrected to first order.

    The gradient is that of this value, not of the objective that T minimises (the "sharp" distance of Luise
    et al., arXiv:1805.11897). Both follow from `<T, cost> = dW / ds` for a cost scaled by s: the value is
    `<x, a> + <y, b>` and the gradient (x, y), where x and y are the rates at which the optimal potentials
    grow with s. Sinkhorn's iteration, linearised around its end, gives them at the price of a second run.

    Arguments, empty sides and errors as in `sinkhorn`, but the cost may be any matrix >= 0.
    """
    p, q, valid = shares(a, b)
    cost, kernel = _kernel(cost, blur, iterations, p)
    with torch.no_grad():
        ones = torch.ones_like(p)
        u, v = _scalings(p, q, kernel, iterations, start=(ones, ones))
        x, y = _rates(p * u, q * v, kernel, kernel * cost, iterations)
    plan_cost: Tensor = _Dual.apply(p, q, x, y)  # type: ignore[no-untyped-call]
    return torch.where(valid, plan_cost, torch.nan).to(result_type(a, b))


class _Dual(torch.autograd.Function):
    """Value <f, p> + <g, q> of given potentials, and its first derivatives f and g."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, q: Tensor, f: Tensor, g: Tensor) -> Tensor:
        ctx.save_for_backward(f, g)
        return (p * f).sum(dim=-1) + (q * g).sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        if torch.is_grad_enabled():  # create_graph=True; the potentials depend on p and q
            raise RuntimeError("the Sinkhorn distances have first derivatives only: use create_graph=False")
        f, g = ctx.saved_tensors
        return gradient[..., None] * f, gradient[..., None] * g, None, None


def _scalings(
    p: Tensor, q: Tensor, kernel: Tensor, iterations: int, *, start: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Factors u, v of the plan T = (p u) kernel (q v), with exact column sums q and row sums near p."""
    u, v = start[0].clone(), start[1].clone()
    for _ in range(iterations):
        u = _relaxed(u, (q * v) @ kernel.T)
        v = _relaxed(v, (p * u) @ kernel)
    u = ((q * v) @ kernel.T).reciprocal_()
    v = ((p * u) @ kernel).reciprocal_()
    return u, v


def _relaxed(u: Tensor, inverse: Tensor) -> Tensor:
    """The plain update `1 / inverse`, overshot by 3/4 of its change in the logarithm; overwrites u.

    With x = plain / u the dual objective grows by `blur p (1.75 log x + 1 / x - x^0.75)`, which is positive
    for x < 2.7 and, with the overshoot limited as here, for every x: no step can diverge (the idea of a
    guarded over-relaxation is Thibault et al., arXiv:1711.01851). 3/4 serves near pairs, which converge last.
    """
    x = u.mul_(inverse).reciprocal_().clamp_(1 / _LONGEST_OVERSHOOT, _LONGEST_OVERSHOOT)
    return x.sqrt().mul_(x).sqrt_().div_(inverse)


def _self_scaling(p: Tensor, kernel: Tensor) -> Tensor:
    """Factor w of the symmetric plan (p w) kernel (p w) with row and column sums p."""
    w = torch.ones_like(p)
    for _ in range(_SELF_STEPS):
        w = w.div_((p * w) @ kernel).sqrt_()
    return w


def _rates(
    row: Tensor, column: Tensor, kernel: Tensor, kernel_cost: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    """Rates of the potentials with the scale of the cost: x = E[cost - y | row], y = E[cost - x | column]."""
    row_sum, column_sum = column @ kernel.T, row @ kernel
    x_mean, y_mean = column @ kernel_cost.T / row_sum, row @ kernel_cost / column_sum
    x, y = torch.zeros_like(row), torch.zeros_like(column)
    for relaxation in [1.75] * iterations + [1.0]:
        x = x.lerp_(x_mean - (column * y) @ kernel.T / row_sum, relaxation)
        y = y.lerp_(y_mean - (row * x) @ kernel / column_sum, relaxation)
    return x, y


def _kernel(cost: Tensor, blur: float, iterations: int, p: Tensor) -> tuple[Tensor, Tensor]:
    """Cost and kernel in the type of the shares, where these are."""
    refuse_gradient("emd_points has gradients for positions, or cost.detach()", cost=cost, blur=blur)
    n = p.shape[-1]
    if cost.shape != (n, n) or not bool(((cost >= 0) & (cost < torch.inf)).all()):
        raise InputError(
            f"expected {n} x {n} finite costs >= 0, got {(*cost.shape,)} from {cost.min()} to {cost.max()}"
        )
    if iterations < 1:
        raise InputError(f"expected at least one iteration, got {iterations}")
    smallest = float(cost.max()) / _RANGE
    if blur <= 0 or not smallest <= blur < torch.inf:
        raise InputError(f"expected a blur of at least {smallest:.3g}, the largest cost / 300, got {blur}")
    cost = cost.detach().to(p)
    return cost, torch.exp(-cost / blur)
