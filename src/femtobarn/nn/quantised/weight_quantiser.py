"""Weights in fixed point, with a trained number of fractional bits for each of them."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import WIDEST, Overflow, Rounding
from femtobarn.nn.quantised.rounding import integer_bits, rounded, saturated, whole


class WeightQuantiser(nn.Module):
    """Fixed-point version of weights; a weight that rounds to zero costs nothing and is pruned.

    With WRAP the integer bits are those that the weights need at this moment, so nothing ever wraps. With SAT
    and SAT_SYM they are trained, and larger weights are cut off. Weights are signed.

    Args:
        shape: Of the weights.
        shared: Axes along which weights share their bits.
        integer, fraction: Bits at the start.
        rounding, overflow: As in `femtobarn.hardware.fixed_point.FixedPoint`.
        trainable: False keeps the fractional bits (and those of a saturating range) as they are.
    """

    integer: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        *,
        shared: Sequence[int] = (),
        integer: float = 1.0,
        fraction: float = 6.0,
        rounding: Rounding = "RND",
        overflow: Overflow = "WRAP",
        trainable: bool = True,
    ) -> None:
        super().__init__()
        self.shape, self.rounding, self.overflow = tuple(shape), rounding, overflow
        bits = tuple(1 if axis in shared else size for axis, size in enumerate(self.shape))
        self.fraction = nn.Parameter(torch.full(bits, float(fraction)), requires_grad=trainable)
        if overflow == "WRAP":
            self.register_buffer("integer", torch.full(bits, float(integer)))
        else:
            self.integer = nn.Parameter(torch.full(bits, float(integer)), requires_grad=trainable)

    def forward(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Weights on the grid."""
        fraction = whole(self.fraction)
        if self.overflow == "WRAP":
            q = rounded(weight, fraction, rounding=self.rounding)
            self._fit(q.detach(), fraction.detach())
            return q
        return saturated(
            weight,
            whole(self.integer),
            fraction,
            torch.ones_like(fraction, dtype=torch.bool),
            rounding=self.rounding,
            symmetric=self.overflow == "SAT_SYM",
        )

    def bits(self) -> Float[Tensor, "*shape"]:
        """Integer and fractional bits of each weight at the last `forward`, without the sign."""
        integer = self.integer if self.overflow == "WRAP" else whole(self.integer)
        return (integer + whole(self.fraction)).relu().expand(self.shape)

    def whole_numbers(self, q: Float[Tensor, "*shape"]) -> tuple[np.ndarray, np.ndarray]:
        """Weights on the grid as int64 and the fractional bits of each, whatever device they are on.

        Raises:
            InputError: A weight of more than 53 bits.
        """
        fraction = whole(self.fraction.detach()).expand(self.shape).cpu().numpy().astype(np.int64)
        steps = np.ldexp(q.detach().double().cpu().numpy(), fraction)
        if not np.all(np.abs(steps) < 2.0**WIDEST):
            raise InputError(
                f"a weight needs more than {WIDEST} bits: use fewer fractional bits or train again"
            )
        return steps.astype(np.int64), fraction

    def start_from(self, weight: Float[Tensor, "*shape"]) -> None:
        """Set the integer bits to those that these weights need."""
        with torch.no_grad():
            fraction = whole(self.fraction)
            self._fit(rounded(weight, fraction, rounding=self.rounding), fraction)

    def follow(self, weight: Float[Tensor, "*shape"]) -> None:
        """As `start_from` with WRAP; a trained range stays as it is."""
        if self.overflow == "WRAP":
            self.start_from(weight)

    def _fit(self, q: Tensor, fraction: Tensor) -> None:
        needed = integer_bits(q, fraction)
        shared = [axis for axis, size in enumerate(fraction.shape) if size != self.shape[axis]]
        self.integer.copy_(needed.amax(shared, keepdim=True) if shared else needed)

    def extra_repr(self) -> str:
        """Shape, mean bits and modes."""
        return (
            f"{self.shape}, {float(self.bits().detach().mean()):.1f} bits, {self.rounding}, {self.overflow}"
        )
