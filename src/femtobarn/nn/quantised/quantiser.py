"""Activations in fixed point, with trained fractional bits and a range that is followed or trained."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import FixedPoint, Overflow, Rounding
from femtobarn.nn.quantised.rounding import integer_bits, rounded, saturated, whole

DECAY = 0.01  #: integer bits that a followed range loses per step (arXiv:2405.00645, code)


class Quantiser(nn.Module):
    """Fixed-point version of each event's values, with its own bits for each element or group of elements.

    Each has a sign bit k, i integer and f fractional bits; k + i + f <= 0 gives zero. `fraction` is a trained
    float, rounded to whole bits in use. The range depends on `overflow`:

    - WRAP: nothing is cut off in training, where i follows the largest value seen and sinks by 0.01 a step. In
      `eval()` the high bits are dropped, as in hardware: `calibrate` the model before.
    - SAT, SAT_SYM: values stop at the ends of the range, and i is trained as f is.

    Args:
        shape: Of one event.
        shared: Axes of the event along which elements share their bits.
        integer, fraction: Bits at the start.
        signed: Whether there are negative values; `calibrate` finds out.
        rounding, overflow: As in `femtobarn.hardware.fixed_point.FixedPoint`.
        trainable: False keeps the fractional bits (and those of a saturating range) as they are.
        follow: False keeps a WRAP range as it is, in training and in calibration.

    Raises:
        InputError: In `forward`, for events of another shape.
    """

    integer: Tensor
    signed: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        *,
        shared: Sequence[int] = (),
        integer: float = 2.0,
        fraction: float = 6.0,
        signed: bool = True,
        rounding: Rounding = "RND",
        overflow: Overflow = "WRAP",
        trainable: bool = True,
        follow: bool = True,
    ) -> None:
        super().__init__()
        self.shape, self.rounding, self.overflow = tuple(shape), rounding, overflow
        bits = tuple(1 if axis in shared else size for axis, size in enumerate(self.shape))
        self.fraction = nn.Parameter(torch.full(bits, float(fraction)), requires_grad=trainable)
        if overflow == "WRAP":
            self.register_buffer("integer", torch.full(bits, float(integer)))
        else:
            self.integer = nn.Parameter(torch.full(bits, float(integer)), requires_grad=trainable)
        self.register_buffer("signed", torch.full(bits, signed))
        self.follow = follow and overflow == "WRAP"
        self._seen: list[Tensor] | None = None  # ends of the values, while a range is looked for

    def forward(self, x: Float[Tensor, "event *shape"]) -> Float[Tensor, "event *shape"]:
        """Values on the grid."""
        if x.shape[1:] != self.shape:
            raise InputError(f"events of shape {self.shape} expected: got {tuple(x.shape[1:])}")
        fraction = whole(self.fraction)
        if self._seen is not None:
            q = rounded(x, fraction, rounding=self.rounding)
            if len(q):
                self._seen.append(self._ends(q.detach()))
            return q
        if self.overflow != "WRAP":
            return saturated(
                x,
                whole(self.integer),
                fraction,
                self.signed,
                rounding=self.rounding,
                symmetric=self.overflow == "SAT_SYM",
            )
        q = rounded(x, fraction, rounding=self.rounding)
        if not self.training:
            return self._wrapped(q.detach(), fraction.detach()) + (q - q.detach())
        if self.follow and len(q):
            needed = integer_bits(self._ends(q.detach()), fraction.detach()).amax(dim=0)
            self.integer.sub_(DECAY).clamp_(min=needed)
        return q

    def bits(self) -> Float[Tensor, "*shape"]:
        """Integer and fractional bits of each element, without the sign: what training is charged for."""
        return (self._integer() + whole(self.fraction)).relu().expand(self.shape)

    def format(self) -> FixedPoint:
        """Bits of each element as the hardware has them."""
        each = (bits.detach().expand(self.shape) for bits in (self._integer(), whole(self.fraction)))
        integer, fraction = (bits.cpu().numpy().astype(np.int64) for bits in each)
        signed = self.signed.expand(self.shape).cpu().numpy().copy()
        return FixedPoint(signed, integer, fraction, self.rounding, self.overflow)

    def start_calibration(self) -> None:
        """From here on collect the ends of the rounded values, and wrap or cut off nothing."""
        self._seen = []

    def end_calibration(self, *, widen: float = 1.0) -> None:
        """Set sign and integer bits to the fewest that hold the collected values times `widen`."""
        seen, self._seen = self._seen, None
        if seen:
            ends = torch.cat(seen) * widen
            with torch.no_grad():
                self.integer.copy_(integer_bits(ends, whole(self.fraction)).amax(dim=0))
                self.signed.copy_((ends < 0).any(dim=0))

    def _integer(self) -> Tensor:
        """Integer bits as a whole number; a followed range may have any, data may be large."""
        return self.integer.round() if self.overflow == "WRAP" else whole(self.integer)

    def _ends(self, q: Tensor) -> Tensor:
        """Smallest and largest value, (2, *bits), of each group of elements that share their bits."""
        low, high = torch.aminmax(q, dim=0)
        shared = [axis for axis, size in enumerate(self.fraction.shape) if size != self.shape[axis]]
        if shared:
            low, high = low.amin(shared, keepdim=True), high.amax(shared, keepdim=True)
        return torch.stack((low, high))

    def _wrapped(self, q: Tensor, fraction: Tensor) -> Tensor:
        integer = self._integer()
        span = torch.exp2(integer + self.signed)
        lowest_bits = torch.remainder(q, span)  # exact, however large q is
        upper = torch.exp2(integer) - torch.exp2(-fraction)
        wrapped = torch.where(lowest_bits > upper, lowest_bits - span, lowest_bits)
        return torch.where(self.signed + integer + fraction > 0, wrapped, 0.0)

    def extra_repr(self) -> str:
        """Shape, mean bits and modes."""
        bits = float(self.bits().detach().mean()) if self.shape else float(self.bits().detach())
        return f"{self.shape}, {bits:.1f} bits, {self.rounding}, {self.overflow}"
