"""What an integer model costs in hardware, as effective bit operations."""

import dataclasses

import numpy as np

from femtobarn.hardware.circuit import bits
from femtobarn.hardware.fixed_point import bit_span
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Add, Conv, Input, Linear, Quantise, Shift, Wires


def effective_bit_operations(model: IntegerModel) -> int:
    """EBOPs of one event: bits of the input times bits of the weight, summed over all multiplications.

    An input counts with all its bits, sign included; a weight with the digits from its first to its last
    non-zero one, so that a power of two counts 1 and zero nothing. Biases add their digits, a sum of two
    values the bits of the narrower one. After arXiv:2405.00645, with signs counted.
    """
    total = 0
    for node in model.nodes:
        if isinstance(node, Linear | Conv):
            spans = dataclasses.replace(node, weight=bit_span(node.weight), bias=bit_span(node.bias))
            total += int(spans.run(_widths(model, node.sources[0])[None]).sum())
        elif isinstance(node, Add):
            total += int(np.minimum(*(_widths(model, source) for source in node.sources)).sum())
    return total


def _widths(model: IntegerModel, place: int) -> np.ndarray:
    """Bits of each element of a node's value, without the zeros that a shift appends."""
    node, value = model.nodes[place], model.values[place]
    if isinstance(node, Input | Quantise):
        return node.format.width
    if isinstance(node, Shift):
        return _widths(model, node.sources[0])
    if isinstance(node, Wires):
        return node.run(_widths(model, node.sources[0])[None])[0]
    ends = zip(value.low.ravel(), value.high.ravel(), strict=True)
    return np.array([bits(int(low), int(high)) for low, high in ends], dtype=np.int64).reshape(value.shape)
