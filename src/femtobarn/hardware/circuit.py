"""A network of integer wires whose ranges are known exactly: what Verilog is written from.

A `Signal` is the integer on a wire times a power of two, so shifts and changes of the binary point cost nothing.
`Circuit` keeps the exact range of every wire; a wire that cannot change becomes a constant, an operation that
cannot act is left out, the same operation on the same wires is built once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from femtobarn.errors import InputError

WIDEST = 63  #: bits of the widest wire: what is wider cannot be checked against 64-bit integers


class Node(NamedTuple):
    """One operation on wires; `low` and `high` bound its result, `level` counts adders since the inputs.

    Kinds, for wires a and b and integers s, c, +-:

    =========== ========== =============================================
    input       first bit  bits of the input word
    constant    c          c
    add         s, +-      a +- b 2^s, or a 2^-s +- b where s < 0
    offset      c, +-, s   c +- a 2^s
    floor       s          a 2^-s, rounded down
    shift       s          a 2^s
    wrap                   the lowest bits of a, as many as the range needs
    relu                   the larger of a and 0
    clip                   a, or the nearer end of the range
    larger                 the larger of a and b
    =========== ========== =============================================
    """

    kind: str
    operands: tuple[int, ...]
    data: tuple[int, ...]
    low: int
    high: int
    level: int

    @property
    def width(self) -> int:
        """Bits of the wire: none for a constant zero, two's complement where the range has negative numbers."""
        return bits(self.low, self.high)


class Signal(NamedTuple):
    """A number in the circuit: the integer on wire `node`, times 2^exponent."""

    node: int
    exponent: int


def bits(low: int, high: int) -> int:
    """Fewest bits that hold all integers from low to high."""
    if low < 0:
        return 1 + max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0)
    return high.bit_length()


def trailing_zeros(value: int) -> int:
    """How often an integer can be halved; 0 for 0."""
    return (value & -value).bit_length() - 1 if value else 0


def range_of(width: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of so many bits."""
    if width <= 0:
        return 0, 0
    return (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)


@dataclass
class Circuit:
    """Wires in the order they were made; every method adds what it needs and returns the result's signal."""

    nodes: list[Node] = field(default_factory=list)
    inputs: list[Signal] = field(default_factory=list)
    outputs: list[Signal] = field(default_factory=list)
    _known: dict[tuple[str, tuple[int, ...], tuple[int, ...], int, int], int] = field(default_factory=dict)

    @property
    def input_width(self) -> int:
        """Bits of the input word."""
        return sum(self.nodes[signal.node].width for signal in self.inputs)

    def input(self, low: int, high: int, exponent: int) -> Signal:
        """The next element of the input word: an integer from low to high, in its own bits, times 2^exponent."""
        first = self.input_width
        signal = self._make("input", (), (first,), low, high, exponent, level=0)
        self.inputs.append(signal)
        return signal

    def constant(self, value: int, exponent: int = 0) -> Signal:
        """A number that never changes."""
        zeros = trailing_zeros(value)
        return self._make(
            "constant", (), (value >> zeros,), value >> zeros, value >> zeros, exponent + zeros, 0
        )

    def add(self, a: Signal, b: Signal, *, sign: int = 1) -> Signal:
        """a + b, or a - b where the sign is -1."""
        x, y = self.nodes[a.node], self.nodes[b.node]
        if y.kind == "constant":
            return self.offset(a, sign * y.low, b.exponent)
        if x.kind == "constant":
            return self.offset(b, x.low, a.exponent, sign=sign)
        shift = b.exponent - a.exponent
        if sign > 0 and shift < 0:
            a, b, x, y, shift = b, a, y, x, -shift
        ups = (max(0, -shift), max(0, shift))
        ends = (y.low << ups[1], y.high << ups[1])
        low, high = (
            (x.low << ups[0]) + min(sign * e for e in ends),
            (x.high << ups[0]) + max(sign * e for e in ends),
        )
        operands = (b.node, a.node) if sign > 0 and shift == 0 and b.node < a.node else (a.node, b.node)
        return self._make("add", operands, (shift, sign), low, high, min(a.exponent, b.exponent))

    def offset(self, a: Signal, value: int, exponent: int, *, sign: int = 1) -> Signal:
        """value 2^exponent + a, or minus a. Two offsets in a row make one."""
        node = self.nodes[a.node]
        if value == 0 and sign > 0:
            return a
        exponent = exponent + trailing_zeros(value) if value else a.exponent
        value >>= trailing_zeros(value)
        lowest = min(exponent, a.exponent)
        c, up = value << exponent - lowest, a.exponent - lowest
        if node.kind == "constant":
            return self.constant(c + sign * (node.low << up), lowest)
        if node.kind == "offset":
            joined = c + sign * (node.data[0] << up)
            source = Signal(node.operands[0], a.exponent + node.data[2])
            return self.offset(source, joined, lowest, sign=sign * node.data[1])
        ends = sorted(c + sign * (end << up) for end in (node.low, node.high))
        return self._make("offset", (a.node,), (c, sign, up), ends[0], ends[1], lowest)

    def floor(self, a: Signal, exponent: int) -> Signal:
        """a, rounded down to a multiple of 2^exponent."""
        shift, node = exponent - a.exponent, self.nodes[a.node]
        if shift <= 0:
            return a
        if node.kind == "relu":  # rounding keeps order and zero, so that it may come before the ReLU
            return self.relu(self.floor(Signal(node.operands[0], a.exponent), exponent))
        low, high = node.low >> shift, node.high >> shift
        return self._make("floor", (a.node,), (shift,), low, high, exponent, level=node.level)

    def round(self, a: Signal, exponent: int) -> Signal:
        """The nearest multiple of 2^exponent, upwards where two are equally near."""
        node = self.nodes[a.node]
        if exponent <= a.exponent:
            return a
        if node.kind == "relu":  # a bias before the ReLU and the half of the rounding become one adder
            return self.relu(self.round(Signal(node.operands[0], a.exponent), exponent))
        return self.floor(self.offset(a, 1, exponent - 1), exponent)

    def wrap(self, a: Signal, *, width: int, signed: bool) -> Signal:
        """What is left of the integer a in so many bits; higher bits are lost."""
        node = self.nodes[a.node]
        low, high = range_of(width, signed)
        if low <= node.low << a.exponent and node.high << a.exponent <= high:
            return a
        low, high = range_of(width - a.exponent, signed)
        if low == high or node.kind == "constant":
            return self.constant((node.low - low) % (high - low + 1) + low, a.exponent)
        return self._make("wrap", (a.node,), (), low, high, a.exponent, level=node.level)

    def clip(self, a: Signal, low: int, high: int) -> Signal:
        """The integer a, but no less than low and no more than high."""
        a = self._aligned(a, 0)
        node = self.nodes[a.node]
        if low <= node.low and node.high <= high:
            return a
        ends = min(max(node.low, low), high), min(max(node.high, low), high)
        return self._make("clip", (a.node,), (), *ends, a.exponent)

    def relu(self, a: Signal) -> Signal:
        """The larger of a and 0."""
        node = self.nodes[a.node]
        if node.low >= 0:
            return a
        return self._make("relu", (a.node,), (), 0, max(0, node.high), a.exponent, level=node.level)

    def larger(self, a: Signal, b: Signal) -> Signal:
        """The larger of a and b."""
        lowest = min(a.exponent, b.exponent)
        a, b = sorted((self._aligned(a, lowest), self._aligned(b, lowest)))
        x, y = self.nodes[a.node], self.nodes[b.node]
        if a == b or x.low >= y.high:
            return a
        if y.low >= x.high:
            return b
        return self._make("larger", (a.node, b.node), (), max(x.low, y.low), max(x.high, y.high), lowest)

    def largest(self, signals: Sequence[Signal]) -> Signal:
        """The largest of the signals, by a tree of comparisons."""
        rest = list(signals)
        while len(rest) > 1:
            pairs = zip(rest[::2], rest[1::2], strict=False)
            rest = [self.larger(*pair) for pair in pairs] + rest[len(rest) // 2 * 2 :]
        return rest[0]

    def total(self, signals: Sequence[Signal]) -> Signal:
        """The sum of the signals, by a tree of adders, narrow ones first."""
        if not signals:
            return self.constant(0)
        rest = [(self._order(signal), signal) for signal in signals]
        heapify(rest)
        while len(rest) > 1:
            joined = self.add(heappop(rest)[1], heappop(rest)[1])
            heappush(rest, (self._order(joined), joined))
        return rest[0][1]

    def live(self) -> list[int]:
        """Indices of the wires that some output depends on, in order."""
        seen: set[int] = set()
        stack = [signal.node for signal in self.outputs]
        while stack:
            index = stack.pop()
            if index not in seen:
                seen.add(index)
                stack += self.nodes[index].operands
        return sorted(seen)

    def needed_bits(self) -> dict[int, int]:
        """Lowest bits of each live wire that some output depends on; a bit that is wrapped away costs nothing."""
        live = self.live()
        needed = dict.fromkeys(live, 0)
        for signal in self.outputs:
            needed[signal.node] = self.nodes[signal.node].width
        for index in reversed(live):
            node = self.nodes[index]
            for operand, count in zip(node.operands, _read(node, needed[index]), strict=True):
                needed[operand] = max(needed[operand], min(count, self.nodes[operand].width))
        return needed

    @property
    def levels(self) -> int:
        """Adders on the longest path from an input to an output."""
        return max((self.nodes[signal.node].level for signal in self.outputs), default=0)

    def _order(self, signal: Signal) -> tuple[int, int, int]:
        node = self.nodes[signal.node]
        return node.level, node.width + signal.exponent, signal.node

    def _aligned(self, a: Signal, exponent: int) -> Signal:
        """a on a wire whose lowest bit counts 2^exponent, or less."""
        node, shift = self.nodes[a.node], a.exponent - exponent
        if shift <= 0:
            return a
        if node.kind == "constant":
            value = node.low << shift
            return self._intern("constant", (), (value,), value, value, exponent, 0)
        low, high = node.low << shift, node.high << shift
        return self._make("shift", (a.node,), (shift,), low, high, exponent, level=node.level)

    def _make(
        self,
        kind: str,
        operands: tuple[int, ...],
        data: tuple[int, ...],
        low: int,
        high: int,
        exponent: int,
        level: int | None = None,
    ) -> Signal:
        """The wire of this operation, new or known; a constant where its range is one number."""
        if low == high and kind != "constant":
            return self.constant(low, exponent)
        if level is None:
            level = 1 + max(self.nodes[i].level for i in operands)
        return self._intern(kind, operands, data, low, high, exponent, level)

    def _intern(
        self,
        kind: str,
        operands: tuple[int, ...],
        data: tuple[int, ...],
        low: int,
        high: int,
        exponent: int,
        level: int,
    ) -> Signal:
        node = Node(kind, operands, data, low, high, level)
        if node.width > WIDEST:
            raise InputError(
                f"expected sums of at most {WIDEST} bits, got one of {node.width} bits: "
                "use fewer bits for the weights or the data that enter it"
            )
        key = (kind, operands, data, low, high)
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return Signal(self._known[key], exponent)


def _read(node: Node, width: int) -> tuple[int, ...]:
    """How many of the lowest bits of each operand the lowest `width` bits of the result depend on."""
    match node.kind:
        case "add":
            shift = node.data[0]
            return width + min(shift, 0), width - max(shift, 0)
        case "offset":
            return (width - node.data[2],)
        case "floor":
            return (width + node.data[0],)
        case "shift":
            return (width - node.data[0],)
        case "wrap":
            return (width,)
    return tuple(WIDEST for _ in node.operands)  # decisions look at the sign
