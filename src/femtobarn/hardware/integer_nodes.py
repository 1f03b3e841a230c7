"""The operations of an integer model: records of arrays that compute in int64.

A node works on the integers of earlier nodes, which `sources` names by their place in the model. Arrays in a
node have no event axis; the integers that `run` takes and gives have it in front. `value` tells what is known
of the integers before any event is seen, and refuses what would not fit into 63 bits.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import FixedPoint, shifted

ACCUMULATOR = 63  #: most bits of any value, sign included


class Value(NamedTuple):
    """A node's integers n: they stand for n 2^-fraction and lie in low <= n <= high, element by element."""

    fraction: Int64[np.ndarray, "*shape"]
    low: Int64[np.ndarray, "*shape"]
    high: Int64[np.ndarray, "*shape"]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the event axis."""
        return self.fraction.shape

    @property
    def live(self) -> Bool[np.ndarray, "*shape"]:
        """Elements that are not always zero."""
        return (self.low != 0) | (self.high != 0)

    def common_fraction(self, *, axis: int) -> Int64[np.ndarray, "size"]:
        """Most fractional bits of a live element at each place along an axis; 0 where all are zero."""
        lowest = np.iinfo(np.int64).min
        along = np.moveaxis(np.where(self.live, self.fraction, lowest), axis, 0)
        most = along.reshape(len(along), -1).max(axis=1, initial=lowest)
        return np.where(most == lowest, 0, most)


@dataclass(frozen=True)
class Input:
    """Numbers from outside, rounded and fitted to `format`: the first node and the only one that sees floats."""

    name: str
    format: FixedPoint

    @property
    def sources(self) -> tuple[int, ...]:
        """None."""
        return ()

    def value(self) -> Value:
        """The format's ends."""
        return Value(self.format.fraction, self.format.low, self.format.high)


@dataclass(frozen=True)
class Quantise:
    """n / 2^shift, rounded, then wrapped or cut off to `format`; a negative shift appends zeros."""

    name: str
    sources: tuple[int, ...]
    format: FixedPoint
    shift: Int64[np.ndarray, "*shape"]

    def value(self, source: Value) -> Value:
        """The source's range if it fits, else the format's."""
        live = self.format.width > 0
        if np.any(live & (source.fraction - self.shift != self.format.fraction)):
            raise InputError(f"{self.name}: the shift does not lead to the fractional bits of the format")
        longest = np.maximum(np.abs(source.low), np.abs(source.high)).astype(np.float64)
        _refuse_wide(self.name, np.where(live, np.ldexp(longest, np.maximum(-self.shift, 0)), 0.0))
        ends = np.stack((source.low, source.high))
        fits = ~self.misfits(ends).any(axis=0) | (self.format.overflow != "WRAP")
        low, high = self.run(ends)
        return Value(
            self.format.fraction,
            np.where(fits, low, self.format.low),
            np.where(fits, high, self.format.high),
        )

    def run(self, n: Int64[np.ndarray, "event *shape"]) -> Int64[np.ndarray, "event *shape"]:
        """Integers of the format."""
        return self.format.fitted(self._rounded(n))

    def misfits(self, n: Int64[np.ndarray, "event *shape"]) -> Bool[np.ndarray, "event *shape"]:
        """Whether the integer wraps or is cut off."""
        return self.format.misfits(self._rounded(n))

    def _rounded(self, n: np.ndarray) -> np.ndarray:
        return shifted(n, np.where(self.format.width > 0, self.shift, 0), self.format.rounding)


@dataclass(frozen=True)
class Shift:
    """n 2^bits: zeros appended so that elements share their fractional bits. In hardware these are wires."""

    name: str
    sources: tuple[int, ...]
    bits: Int64[np.ndarray, "*shape"]

    def value(self, source: Value) -> Value:
        """As many fractional bits more."""
        longest = np.maximum(np.abs(source.low), np.abs(source.high)).astype(np.float64)
        _refuse_wide(self.name, np.ldexp(longest, self.bits))
        return Value(source.fraction + self.bits, source.low << self.bits, source.high << self.bits)

    def run(self, n: Int64[np.ndarray, "event *shape"]) -> Int64[np.ndarray, "event *shape"]:
        """Shifted integers."""
        return n << self.bits


@dataclass(frozen=True)
class Wires:
    """Output element j is source element index[j], counted through the flattened source; -1 gives zero.

    Flattening, reordering, cropping and padding with zeros are all of this kind.
    """

    name: str
    sources: tuple[int, ...]
    index: Int64[np.ndarray, "*shape"]

    def value(self, source: Value) -> Value:
        """The picked elements' own."""
        # A constant zero takes the fewest fractional bits, so that it never forces others to be shifted.
        fraction = self._pick(source.fraction[None], np.min(source.fraction, initial=0))[0]
        return Value(fraction, *(self._pick(end[None], 0)[0] for end in (source.low, source.high)))

    def run(self, n: Int64[np.ndarray, "event *source"]) -> Int64[np.ndarray, "event *shape"]:
        """Picked integers."""
        return self._pick(n, 0)

    def _pick(self, n: np.ndarray, blank: int | np.integer) -> np.ndarray:
        flat = n.reshape(len(n), prod(n.shape[1:]))
        return np.where(self.index < 0, blank, flat[:, np.maximum(self.index, 0)])


@dataclass(frozen=True)
class Linear:
    """Sums over the last axis: weight @ n + bias, with as many fractional bits as `fraction` says per output.

    All alignment is in the integers: a weight is already shifted to the common fraction of its row.
    """

    name: str
    sources: tuple[int, ...]
    weight: Int64[np.ndarray, "output input"]
    bias: Int64[np.ndarray, "output"]
    fraction: Int64[np.ndarray, "output"]

    def value(self, source: Value) -> Value:
        """The exact range of the sums."""
        largest = np.maximum(np.abs(source.low), np.abs(source.high)).astype(np.float64)
        _refuse_wide(self.name, largest @ np.abs(self.weight).astype(np.float64).T + np.abs(self.bias))
        up, down = np.maximum(self.weight, 0).T, np.minimum(self.weight, 0).T
        low = source.low @ up + source.high @ down + self.bias
        high = source.high @ up + source.low @ down + self.bias
        return Value(np.broadcast_to(self.fraction, low.shape).copy(), low, high)

    def run(self, n: Int64[np.ndarray, "event *some input"]) -> Int64[np.ndarray, "event *some output"]:
        """Sums of products."""
        return _product(n, self.weight.T) + self.bias


@dataclass(frozen=True)
class Conv:
    """Convolution along one or two axes of (channel, *position), with zeros around: torch's conventions."""

    name: str
    sources: tuple[int, ...]
    weight: Int64[np.ndarray, "output group_input *kernel"]
    bias: Int64[np.ndarray, "output"]
    fraction: Int64[np.ndarray, "output"]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    def value(self, source: Value) -> Value:
        """The exact range of the sums."""
        bias = self.bias.reshape(-1, *(1 for _ in self.stride))
        largest = np.maximum(np.abs(source.low), np.abs(source.high)).astype(np.float64)
        _refuse_wide(
            self.name, self._sums(largest[None], np.abs(self.weight).astype(np.float64))[0] + abs(bias)
        )
        up, down = np.maximum(self.weight, 0), np.minimum(self.weight, 0)
        ends = np.stack((source.low, source.high))
        rising, falling = self._sums(ends, up), self._sums(ends, down)
        low, high = rising[0] + falling[1] + bias, rising[1] + falling[0] + bias
        fraction = self.fraction.reshape(bias.shape)
        return Value(np.broadcast_to(fraction, low.shape).copy(), low, high)

    def run(
        self, n: Int64[np.ndarray, "event channel *position"]
    ) -> Int64[np.ndarray, "event output *position_out"]:
        """Sums of products."""
        return self._sums(n, self.weight) + self.bias.reshape(-1, *(1 for _ in self.stride))

    def _sums(self, n: np.ndarray, weight: np.ndarray) -> np.ndarray:
        axes = len(self.stride)
        windows = sliding_windows(
            np.pad(n, ((0, 0), (0, 0), *self.padding)), weight.shape[2:], self.stride, self.dilation
        )
        events, channels, *rest = windows.shape
        place = tuple(rest[:axes])
        each = channels // self.groups
        # (event, group, *place, channel in group * kernel) @ (group, channel in group * kernel, output in group)
        grouped = windows.reshape(events, self.groups, each, *rest)
        columns = np.moveaxis(grouped, 2, 2 + axes).reshape(
            events, self.groups, prod(place), each * prod(rest[axes:])
        )
        kernels = weight.reshape(self.groups, -1, columns.shape[-1]).swapaxes(1, 2)
        return _product(columns, kernels).swapaxes(2, 3).reshape(events, len(weight), *place)


@dataclass(frozen=True)
class Relu:
    """max(n, 0)."""

    name: str
    sources: tuple[int, ...]

    def value(self, source: Value) -> Value:
        """The range, cut at zero."""
        return Value(source.fraction, np.maximum(source.low, 0), np.maximum(source.high, 0))

    def run(self, n: Int64[np.ndarray, "event *shape"]) -> Int64[np.ndarray, "event *shape"]:
        """Integers without the negative ones."""
        return np.maximum(n, 0)


@dataclass(frozen=True)
class Add:
    """Sum of two sources of one shape and the same fractional bits, wherever neither is always zero."""

    name: str
    sources: tuple[int, ...]

    def value(self, left: Value, right: Value) -> Value:
        """Sum of the ranges."""
        if np.any((left.fraction != right.fraction) & left.live & right.live):
            raise InputError(f"{self.name}: the two summands must have the same fractional bits")
        for end in (left.low, left.high, right.low, right.high):
            _refuse_wide(self.name, 2 * np.abs(end).astype(np.float64))
        fraction = np.where(left.live, left.fraction, right.fraction)
        return Value(fraction, left.low + right.low, left.high + right.high)

    def run(
        self, left: Int64[np.ndarray, "event *shape"], right: Int64[np.ndarray, "event *shape"]
    ) -> Int64[np.ndarray, "event *shape"]:
        """Sums."""
        return left + right


@dataclass(frozen=True)
class Pool:
    """Largest integer, or the sum, of each window of (channel, *position).

    The elements of a channel have the same fractional bits, but for those that are always zero. An average over
    2^m elements is the sum with m more fractional bits, so `kind` "mean" costs no rounding.
    """

    name: str
    sources: tuple[int, ...]
    kind: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]

    def value(self, source: Value) -> Value:
        """The exact range."""
        fraction = source.common_fraction(axis=0)
        each = np.moveaxis(source.fraction, 0, -1)
        if np.any((each != fraction) & np.moveaxis(source.live, 0, -1)):
            raise InputError(f"{self.name}: one fraction per channel expected")
        if self.kind not in ("max", "mean") or (self.kind == "mean" and prod(self.kernel).bit_count() != 1):
            raise InputError(
                f"{self.name}: max, or mean of 2^m elements expected: got {self.kind} {self.kernel}"
            )
        extra = prod(self.kernel).bit_length() - 1 if self.kind == "mean" else 0
        _refuse_wide(
            self.name, np.ldexp(np.abs(np.stack((source.low, source.high))).astype(np.float64), extra)
        )
        low, high = self.run(np.stack((source.low, source.high)))
        shape = (-1, *(1 for _ in self.kernel))
        return Value(np.broadcast_to(fraction.reshape(shape) + extra, low.shape).copy(), low, high)

    def run(
        self, n: Int64[np.ndarray, "event channel *position"]
    ) -> Int64[np.ndarray, "event channel *position_out"]:
        """Pooled integers."""
        windows = sliding_windows(n, self.kernel, self.stride, tuple(1 for _ in self.kernel))
        inside = tuple(range(-len(self.kernel), 0))
        return windows.max(axis=inside) if self.kind == "max" else windows.sum(axis=inside)


Node = Input | Quantise | Shift | Wires | Linear | Conv | Relu | Add | Pool


def sliding_windows(
    n: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> np.ndarray:
    """View (event, channel, *position_out, *kernel) of (event, channel, *position)."""
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    axes = tuple(range(2, 2 + len(kernel)))
    windows = np.lib.stride_tricks.sliding_window_view(n, reach, axis=axes)
    steps = (slice(None, None, s) for s in stride)
    holes = (slice(None, None, d) for d in dilation)
    return windows[(slice(None), slice(None), *steps, *holes)]


def _product(n: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """n @ weight; through float64 where no partial sum can leave its 53 bits, since that is faster."""
    largest = float(np.abs(n).max(initial=0)) * np.abs(weight).astype(np.float64).sum(axis=-2).max(initial=0)
    if n.dtype == np.int64 and largest < 2.0**53:
        return (n.astype(np.float64) @ weight.astype(np.float64)).astype(np.int64)
    return n @ weight


def _refuse_wide(name: str, largest: np.ndarray) -> None:
    """Refuse integers that 63 bits cannot hold; `largest` is a bound in float64."""
    bits = int(np.frexp(largest.max(initial=0.0))[1]) + 1
    if bits > ACCUMULATOR:
        raise InputError(
            f"{name}: needs {bits} bits, at most {ACCUMULATOR} are exact; use fewer fractional bits"
        )
