"""Fixed-point numbers as integers: the one place that says how a value is rounded, wrapped and cut off."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from femtobarn.errors import InputError

Rounding = Literal["RND", "TRN"]  #: to the nearest, halves upwards; or downwards
Overflow = Literal["WRAP", "SAT", "SAT_SYM"]  #: drop the high bits; stop at the ends; at symmetric ends

WIDEST = 53  #: bits of a format; float64 holds every such number


@dataclass(frozen=True)
class FixedPoint:
    """Sign, integer and fractional bits of each element of an array, and what happens to a number off the grid.

    An element with sign bit k, i integer and f fractional bits is an integer n that stands for n 2^-f, with
    -k 2^(i+f) <= n < 2^(i+f); i or f may be negative. One of k + i + f <= 0 bits is always zero.

    Raises:
        InputError: Arrays of different shapes, or an element of more than 53 bits.
    """

    signed: Bool[np.ndarray, "*shape"]
    integer: Int64[np.ndarray, "*shape"]
    fraction: Int64[np.ndarray, "*shape"]
    rounding: Rounding = "RND"
    overflow: Overflow = "WRAP"

    def __post_init__(self) -> None:
        if not self.signed.shape == self.integer.shape == self.fraction.shape:
            shapes = f"{self.signed.shape}, {self.integer.shape}, {self.fraction.shape}"
            raise InputError(f"signed, integer and fraction of one shape expected: got {shapes}")
        if self.width.size and self.width.max() > WIDEST:
            raise InputError(f"at most {WIDEST} bits per number: got {self.width.max()}; use fewer bits")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, without the event axis."""
        return self.fraction.shape

    @property
    def width(self) -> Int64[np.ndarray, "*shape"]:
        """Bits of each element, sign included; 0 means always zero."""
        return np.asarray(np.maximum(self.signed + self.integer + self.fraction, 0))

    @property
    def high(self) -> Int64[np.ndarray, "*shape"]:
        """Largest integer of each element."""
        return np.asarray((np.int64(1) << np.maximum(self.width - self.signed, 0)) - 1)

    @property
    def low(self) -> Int64[np.ndarray, "*shape"]:
        """Smallest integer of each element."""
        lowest = -self.high if self.overflow == "SAT_SYM" else -self.high - 1
        return np.where(self.signed & (self.width > 0), lowest, 0)

    def rounded(self, x: Float64[np.ndarray, "event *shape"]) -> Float64[np.ndarray, "event *shape"]:
        """Whole numbers of steps nearest to `x` (at or below it, with TRN), before the range is looked at."""
        return np.floor(np.ldexp(x, self.fraction) + (0.5 if self.rounding == "RND" else 0.0))

    def fitted(self, rounded: Shaped[np.ndarray, "event *shape"]) -> Int64[np.ndarray, "event *shape"]:
        """Whole numbers of steps, integers or floats, brought into the range: wrapped or cut off."""
        if self.overflow != "WRAP":
            return np.clip(rounded, self.low, self.high).astype(np.int64)
        span = np.int64(1) << self.width
        lowest_bits = np.remainder(rounded, span)  # exact, for floats too, however large they are
        return np.where(lowest_bits > self.high, lowest_bits - span, lowest_bits).astype(np.int64)

    def misfits(self, rounded: Shaped[np.ndarray, "event *shape"]) -> Bool[np.ndarray, "event *shape"]:
        """Whether `fitted` changes the number; an element without bits is zero by design and never a misfit."""
        return (self.width > 0) & ((rounded < self.low) | (rounded > self.high))


def shifted(
    n: Int64[np.ndarray, "event *shape"], shift: Int64[np.ndarray, "*shape"], rounding: Rounding
) -> Int64[np.ndarray, "event *shape"]:
    """n / 2^shift, rounded; for abs(n) < 2^62 and a result that is as small."""
    right = np.clip(shift, 0, 62)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0) if rounding == "RND" else 0
    return ((n + half) >> right) << np.clip(-shift, 0, 62)


def bit_span(n: Int64[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
    """Binary digits of abs(n) from the first to the last that is not zero: 4 for 0b00101100, 0 for 0.

    This is what a multiplication by a constant costs, for zeros at either end are wires.
    """
    magnitude = np.abs(n)
    odd = magnitude // np.maximum(magnitude & -magnitude, 1)
    upper, lower = odd >> 32, odd & 0xFFFFFFFF  # frexp is exact for each half
    return np.where(upper > 0, np.frexp(upper)[1] + 32, np.frexp(lower)[1]).astype(np.int64)
