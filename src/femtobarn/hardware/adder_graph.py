"""A product with a matrix of constants, as shifts and additions only.

`plain_graph` writes every weight in canonical signed digits. `optimised_graph` asks alkaid (LGPL-3, the successor of
da4ml, arXiv:2507.04535), which shares sums between the columns. Either way the graph is multiplied out again and
must give the matrix.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from femtobarn.errors import InputError, require
from femtobarn.hardware.circuit import Circuit, Signal, trailing_zeros

_MANTISSA = 24  # alkaid takes weights as float32


class Term(NamedTuple):
    """sign 2^shift times row `row` of the table of sums."""

    row: int
    shift: int
    sign: int


class AdderGraph(NamedTuple):
    """Rows 0 ... n - 1 are the inputs, each sum appends a row, each output adds up its terms."""

    inputs: int
    sums: list[tuple[Term, ...]]
    outputs: list[list[Term]]

    def matrix(self) -> Float64[np.ndarray, "input output"]:
        """The matrix that the graph multiplies with; exact, as each element has far less than 53 digits."""
        rows = list(np.eye(self.inputs))
        for terms in self.sums:
            rows.append(_combined(rows, terms))
        return np.stack([_combined(rows, terms) for terms in self.outputs], axis=1)


def signed_digits(value: int) -> list[tuple[int, int]]:
    """Canonical signed digits of an integer as (shift, sign): fewest non-zero digits, no two adjacent."""
    digits, shift = [], 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            digits.append((shift, sign))
            value -= sign
        value >>= 1
        shift += 1
    return digits


def plain_graph(matrix: Int64[np.ndarray, "input output"]) -> AdderGraph:
    """One term per signed digit of every weight; nothing is shared but what the circuit finds by itself."""
    outputs = [
        [Term(row, *digit) for row, weight in enumerate(column) for digit in signed_digits(int(weight))]
        for column in matrix.T
    ]
    return AdderGraph(len(matrix), [], outputs)


def optimised_graph(
    matrix: Int64[np.ndarray, "input output"],
    *,
    ranges: Sequence[tuple[int, int, int]],
    levels: Sequence[int],
) -> AdderGraph:
    """Sums shared between outputs, found by alkaid.

    Args:
        matrix: Integer weights.
        ranges: Of each input: least and greatest integer on its wire, and the exponent that they count.
        levels: Adders that each input has already come through.

    Raises:
        MissingExtraError: alkaid is not installed.
        InputError: A weight needs more than 24 significant bits.
    """
    alkaid = require("alkaid.cmvm", extra="hardware")
    for weight in map(int, matrix.ravel()):
        if (abs(weight) >> trailing_zeros(weight)).bit_length() > _MANTISSA:
            raise InputError(f"expected weights of at most {_MANTISSA} significant bits, got {weight}")
    stages = alkaid.cmvm_solve(
        matrix.astype(np.float32),
        qintervals=[(low * 2.0**e, high * 2.0**e, 2.0**e) for low, high, e in ranges],
        latencies=[float(level) for level in levels],
    )
    graph = _joined(stages, len(matrix))
    if not np.array_equal(graph.matrix(), matrix):
        raise RuntimeError("alkaid returned an adder graph of another matrix")
    return graph


def multiply(
    circuit: Circuit, signals: Sequence[Signal], matrix: Int64[np.ndarray, "input output"], *, optimise: bool
) -> list[Signal]:
    """Signals times a matrix of integers, one signal per column, added to the circuit."""
    alive = [i for i, row in enumerate(matrix) if row.any() and not _is_zero(circuit, signals[i])]
    used = [j for j, column in enumerate(matrix[alive].T) if column.any()]
    signals, reduced = [signals[i] for i in alive], matrix[np.ix_(alive, used)]
    results = [circuit.constant(0)] * matrix.shape[1]
    if used:
        for j, signal in zip(used, _product(circuit, signals, reduced, optimise), strict=True):
            results[j] = signal
    return results


def _product(circuit: Circuit, signals: list[Signal], matrix: np.ndarray, optimise: bool) -> list[Signal]:
    if optimise:
        wires = [circuit.nodes[signal.node] for signal in signals]
        ranges = [(w.low, w.high, s.exponent) for w, s in zip(wires, signals, strict=True)]
        graph = optimised_graph(matrix, ranges=ranges, levels=[wire.level for wire in wires])
    else:
        graph = plain_graph(matrix)
    rows = list(signals)
    for pair in graph.sums:
        rows.append(_sum(circuit, rows, pair))
    return [_sum(circuit, rows, terms) for terms in graph.outputs]


def _sum(circuit: Circuit, rows: list[Signal], terms: Sequence[Term]) -> Signal:
    """Terms added up: those of either sign by themselves, then their difference."""
    plus, minus = (
        [Signal(rows[t.row].node, rows[t.row].exponent + t.shift) for t in terms if t.sign == s]
        for s in (1, -1)
    )
    positive = circuit.total(plus)
    return circuit.add(positive, circuit.total(minus), sign=-1) if minus else positive


def _combined(rows: list[np.ndarray], terms: Sequence[Term]) -> np.ndarray:
    used = [np.ldexp(sign * rows[row], shift) for row, shift, sign in terms]
    return np.sum(used, axis=0) if used else np.zeros_like(rows[0])


def _joined(stages: Iterable[Any], inputs: int) -> AdderGraph:
    """alkaid's stages, each fed with the outputs of the one before, as one graph."""
    sums: list[tuple[Term, ...]] = []
    feed = [[Term(row, 0, 1)] for row in range(inputs)]
    for stage in stages:
        rows: list[list[Term]] = []
        for op in stage.ops:
            terms = _terms(op, rows, feed, stage.inp_shifts)
            if len(terms) > 1:
                sums.append(tuple(terms))
                terms = [Term(inputs + len(sums) - 1, 0, 1)]
            rows.append(terms)
        feed = [
            _moved(rows[row], shift, -1 if negative else 1) if row >= 0 else []
            for row, shift, negative in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
        ]
    return AdderGraph(inputs, sums, feed)


def _terms(op: Any, rows: list[list[Term]], feed: list[list[Term]], input_shifts: list[int]) -> list[Term]:
    """What one of alkaid's operations (its docs/alir.md) adds up."""
    match op.opcode:
        case -1:  # an input
            return _moved(feed[op.data[0]], input_shifts[op.data[0]], 1)
        case -2:  # minus a
            return _moved(rows[op.addr[0]], 0, -1)
        case 0 | 1:  # a +- b 2^shift
            a, b = op.addr
            return rows[a] + _moved(rows[b], op.data[0], 1 - 2 * op.opcode)
        case 11:  # sum of +-a 2^shift
            signs, shifts = op.data[0::2], op.data[1::2]
            return [
                term
                for row, plus, shift in zip(op.addr, signs, shifts, strict=False)
                for term in _moved(rows[row], shift, 1 if plus else -1)
            ]
    raise RuntimeError(f"alkaid returned an operation that is no sum: {op}")


def _moved(terms: list[Term], shift: int, sign: int) -> list[Term]:
    return [Term(term.row, term.shift + shift, term.sign * sign) for term in terms]


def _is_zero(circuit: Circuit, signal: Signal) -> bool:
    return circuit.nodes[signal.node][3:5] == (0, 0)
