"""An integer model as a circuit: every element of every node becomes a signal, every product a few adders."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from femtobarn.hardware.adder_graph import multiply
from femtobarn.hardware.circuit import Circuit, Signal
from femtobarn.hardware.fixed_point import FixedPoint
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import (
    Add,
    Conv,
    Input,
    Linear,
    Node,
    Pool,
    Quantise,
    Relu,
    Shift,
    Wires,
    sliding_windows,
)

Signals = np.ndarray  #: object array of `Signal`, in the shape of the node


def circuit_of(model: IntegerModel, *, optimise: bool = True) -> Circuit:
    """The circuit that computes the model's output integers from its input integers.

    A signal's value is the model's integer: its exponent counts zeros at the end, not the binary point.
    """
    circuit = Circuit()
    values = [_inputs(circuit, model.input)]
    for node in model.nodes[1:]:
        values.append(_unrolled(circuit, node, [values[source] for source in node.sources], optimise))
    circuit.outputs = list(values[-1].ravel())
    return circuit


def _unrolled(circuit: Circuit, node: Node, sources: list[Signals], optimise: bool) -> Signals:
    source = sources[0]
    match node:
        case Quantise():
            return _quantised(circuit, source, node)
        case Shift():
            return _each(
                [Signal(s.node, s.exponent + int(b)) for s, b in _pairs(source, node.bits)], source.shape
            )
        case Wires():
            return _picked(circuit, source, node.index)
        case Linear():
            return _linear(circuit, source, node.weight, node.bias, optimise)
        case Conv():
            return _convolved(circuit, source, node, optimise)
        case Relu():
            return _each([circuit.relu(s) for s in source.ravel()], source.shape)
        case Add():
            return _each([circuit.add(a, b) for a, b in _pairs(*sources)], source.shape)
        case Pool():
            return _pooled(circuit, source, node)
        case Input():
            raise AssertionError("the input is the first node")


def _inputs(circuit: Circuit, form: FixedPoint) -> Signals:
    ends = zip(form.low.ravel(), form.high.ravel(), strict=True)
    return _each([circuit.input(int(low), int(high), 0) for low, high in ends], form.shape)


def _quantised(circuit: Circuit, source: Signals, node: Quantise) -> Signals:
    form = node.format
    each = zip(
        source.ravel(),
        *(a.ravel() for a in (node.shift, form.width, form.signed, form.low, form.high)),
        strict=True,
    )
    results = []
    for signal, shift, width, signed, low, high in each:
        if width == 0:
            results.append(circuit.constant(0))
            continue
        rounded = (circuit.round if form.rounding == "RND" else circuit.floor)(signal, int(shift))
        moved = Signal(rounded.node, rounded.exponent - int(shift))
        if form.overflow == "WRAP":
            results.append(circuit.wrap(moved, width=int(width), signed=bool(signed)))
        else:
            results.append(circuit.clip(moved, int(low), int(high)))
    return _each(results, source.shape)


def _linear(
    circuit: Circuit, source: Signals, weight: np.ndarray, bias: np.ndarray, optimise: bool
) -> Signals:
    """The products of the last axis with the rows of the weight, wherever it stands in the others."""
    rows = source.reshape(-1, source.shape[-1])
    results = []
    for row in rows:
        sums = multiply(circuit, list(row), weight.T, optimise=optimise)
        results += [circuit.offset(s, int(b), 0) for s, b in zip(sums, bias, strict=True)]
    return _each(results, (*source.shape[:-1], len(weight)))


def _convolved(circuit: Circuit, source: Signals, node: Conv, optimise: bool) -> Signals:
    """One product for each position and group, with the signals under the kernel there."""
    index = np.arange(source.size).reshape(1, *source.shape)
    padded = np.pad(index, ((0, 0), (0, 0), *node.padding), constant_values=-1)
    windows = sliding_windows(padded, node.weight.shape[2:], node.stride, node.dilation)[0]
    axes, each = len(node.stride), len(source) // node.groups
    place = windows.shape[1 : 1 + axes]
    # (channel, *place, *kernel) -> (group, place, channel in group and kernel)
    grouped = windows.reshape(node.groups, each, prod(place), -1).swapaxes(1, 2)
    columns = grouped.reshape(node.groups, prod(place), -1)
    signals = _picked(circuit, source, columns)
    weights = node.weight.reshape(node.groups, -1, columns.shape[-1])
    biases = node.bias.reshape(node.groups, -1)
    sums = [_linear(circuit, *group, optimise) for group in zip(signals, weights, biases, strict=True)]
    return np.concatenate([s.T for s in sums]).reshape(len(node.weight), *place)


def _pooled(circuit: Circuit, source: Signals, node: Pool) -> Signals:
    index = np.arange(source.size).reshape(1, *source.shape)
    windows = sliding_windows(index, node.kernel, node.stride, tuple(1 for _ in node.kernel))[0]
    shape = windows.shape[: source.ndim]
    flat = source.ravel()
    results = []
    for window in windows.reshape(prod(shape), -1):
        inside = [flat[i] for i in window]
        results.append(circuit.largest(inside) if node.kind == "max" else circuit.total(inside))
    return _each(results, shape)


def _picked(circuit: Circuit, source: Signals, index: np.ndarray) -> Signals:
    flat, zero = source.ravel(), circuit.constant(0)
    return _each([flat[i] if i >= 0 else zero for i in index.ravel()], index.shape)


def _pairs(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[Any, Any]]:
    return zip(a.ravel(), b.ravel(), strict=True)


def _each(signals: list[Signal], shape: tuple[int, ...]) -> Signals:
    """Signals in a shape; made empty first, since NumPy would take the tuples apart."""
    array = np.empty(len(signals), dtype=object)
    array[:] = signals
    return array.reshape(shape)
