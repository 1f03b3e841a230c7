"""Rounding to a grid whose fineness is trained: the gradient that the method rests on."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from femtobarn.hardware.fixed_point import Rounding

LARGEST = 24  #: bits before or after the point; float32 holds no more


def rounded(
    x: Float[Tensor, "*event_shape"], fraction: Float[Tensor, "*bits"], *, rounding: Rounding = "RND"
) -> Float[Tensor, "*event_shape"]:
    """`x` on the grid of step 2^-fraction: floor(x 2^f + 1/2) 2^-f, without the half for TRN.

    The gradient passes straight through to x. That of f is ln2 (x - q) for each element: more bits shrink the
    rounding error at this rate (arXiv:2405.00645, section on gradient-based bit widths).

    Args:
        x: Values; any shape.
        fraction: Whole numbers of fractional bits, of a shape that broadcasts to that of `x`.
        rounding: To the nearest with halves upwards, or downwards.
    """
    return _Round.apply(x, fraction, 0.5 if rounding == "RND" else 0.0)  # type: ignore[no-untyped-call]


def whole(bits: Float[Tensor, "*bits"]) -> Float[Tensor, "*bits"]:
    """Trained bits as whole numbers, halves to even, at most 24 in size; the gradient passes straight through."""
    return _Whole.apply(bits)  # type: ignore[no-untyped-call]


def saturated(
    x: Float[Tensor, "*event_shape"],
    integer: Float[Tensor, "*bits"],
    fraction: Float[Tensor, "*bits"],
    signed: Bool[Tensor, "*#bits"],
    *,
    rounding: Rounding = "RND",
    symmetric: bool = False,
) -> Float[Tensor, "*event_shape"]:
    """`x` cut off at -k 2^i (or at minus the upper end) and 2^i - 2^-f, then rounded as by `rounded`.

    A value within has the gradients of `rounded`. One beyond an end gives none to x, and to i and f what moves
    the end: ln2 2^i and ln2 2^-f at the upper one. Elements with k + i + f <= 0 are zero.
    """
    half = 0.5 if rounding == "RND" else 0.0
    return _Saturate.apply(x, integer, fraction, signed, half, symmetric)  # type: ignore[no-untyped-call]


def integer_bits(q: Float[Tensor, "*shape"], fraction: Float[Tensor, "*bits"]) -> Float[Tensor, "*shape"]:
    """Fewest integer bits that hold each number on the grid; -f, hence no bits at all, for zero.

    For a positive q it is ceil log2(q + 2^-f), for a negative one ceil log2(-q). The binary exponent has both
    without the rounding of a logarithm.
    """
    mantissa, exponent = torch.frexp(q)
    return torch.where(q == 0, -fraction, exponent - (mantissa == -0.5).to(q.dtype))


class _Round(torch.autograd.Function):
    """One node in place of the eight that autograd would record; they would take most of a step's time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fraction: Tensor, half: float) -> Tensor:
        q = (x * torch.exp2(fraction)).add_(half).floor_().mul_(torch.exp2(-fraction))
        ctx.bits = fraction.shape
        if ctx.needs_input_grad[1]:
            ctx.save_for_backward(x - q)
        return q

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (upstream,) = gradient
        if not ctx.needs_input_grad[1]:
            return upstream, None, None
        (error,) = ctx.saved_tensors
        return upstream, (upstream * error).sum_to_size(ctx.bits).mul_(math.log(2.0)), None


class _Saturate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, integer: Tensor, fraction: Tensor, signed: Tensor, half: float, symmetric: bool
    ) -> Tensor:
        # Fewer than no bits leave the ends where no bits put them, so that i can still grow.
        top, step = torch.exp2(torch.maximum(integer, -fraction)), torch.exp2(-fraction)
        upper = top - step
        lower = -(upper if symmetric else top) * signed
        inside = torch.where(x > upper, upper, torch.where(x < lower, lower, x))
        q = (inside * torch.exp2(fraction)).add_(half).floor_().mul_(step)
        ctx.symmetric = symmetric
        ctx.save_for_backward(x, upper, lower, inside - q, top, step, signed)
        return torch.where(signed + integer + fraction > 0, q, 0.0)

    @staticmethod
    def backward(
        ctx: Any, *gradient: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None, None, None, None]:
        (upstream,) = gradient
        x, upper, lower, error, top, step, signed = ctx.saved_tensors
        above, below = x > upper, x < lower
        to_x = upstream.masked_fill(above | below, 0.0)
        if not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
            return to_x, None, None, None, None, None
        at_top = (upstream * above).sum_to_size(top.shape)
        at_bottom = (upstream * below).sum_to_size(top.shape) * signed
        to_integer = (at_top - at_bottom) * top
        ends = at_top - at_bottom if ctx.symmetric else at_top
        to_fraction = (to_x * error).sum_to_size(top.shape) + ends * step
        return to_x, to_integer.mul_(math.log(2.0)), to_fraction.mul_(math.log(2.0)), None, None, None


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, bits: Tensor) -> Tensor:
        return bits.round().clamp_(-LARGEST, LARGEST)

    @staticmethod
    def backward(_: Any, *gradient: Tensor) -> Tensor:
        return gradient[0]
