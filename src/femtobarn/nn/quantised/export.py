"""The trained network as exact integers."""

from copy import deepcopy
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from femtobarn.errors import InputError
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
    Value,
    Wires,
)
from femtobarn.nn.quantised import tracing
from femtobarn.nn.quantised.add import QuantisedAdd
from femtobarn.nn.quantised.conv import QuantisedConv
from femtobarn.nn.quantised.linear import QuantisedLinear
from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.weights import QuantisedWeights


def to_integer(model: nn.Module) -> IntegerModel:
    """The network in int64 arithmetic, equal to ``model.double().eval()`` bit for bit.

    That holds while the float64 network is itself exact, up to sums of 53 bits; the integers are exact to 63.
    Weights that are zero and weights of inputs that are always zero are left out. `calibrate` the model before.

    Args:
        model: From `quantise`, or built of the quantised layers.

    Raises:
        InputError: NaN or infinite weights, a layer without fixed-point form, an input that is read before it is
            quantised, sums of more than 63 bits.
    """
    for name, numbers in [*model.named_parameters(), *model.named_buffers()]:
        if not torch.isfinite(numbers).all():
            raise InputError(f"{name} holds NaN or infinity: train again with a lower learning rate")
    exact = tracing.traced(deepcopy(model).cpu().double().eval())
    writer = _Writer()
    with torch.no_grad():
        for node in exact.graph.nodes:
            writer.write(node)
    return IntegerModel(writer.nodes[: writer.output + 1])


class _Writer:
    """Writes the calls of the graph as integer nodes, and knows where the value of each call stands."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: list[Value] = []
        self.place: dict[fx.Node, int] = {}
        self.plain: dict[fx.Node, Any] = {}  # numbers and shapes that a forward computes on the way
        self.output = -1

    def write(self, node: fx.Node) -> None:
        module = tracing.module_of(node)
        sources = [each for each in node.args if isinstance(each, fx.Node)] or node.all_input_nodes
        if node.op == "placeholder":
            return
        if node.op == "output":
            if not sources:
                raise InputError("one tensor as output expected: return one tensor from forward")
            self.output = self._source(sources[0])
        elif isinstance(module, Quantiser):
            self.place[node] = self._quantised(module, sources[0], str(node.target))
        elif isinstance(module, QuantisedLinear | QuantisedConv):
            place = self._quantised(module.quantiser, sources[0], f"{node.target}.quantiser")
            self.place[node] = self._sums(module, place, str(node.target))
        elif isinstance(module, QuantisedAdd):
            self.place[node] = self._added(module, sources, str(node.target))
        elif isinstance(module, tracing.POOLS):
            self.place[node] = self._pooled(node, module)
        elif tracing.is_relu(node):
            self.place[node] = self._append(Relu(node.name, (self._source(sources[0]),)))
        elif tracing.is_wiring(node):
            self._wired(node, module)
        else:
            raise tracing.refuse(node)

    def _append(self, node: Node) -> int:
        sources = (self.values[source] for source in node.sources)
        self.values.append(node.value(*sources))
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _source(self, node: fx.Node) -> int:
        if node.op == "placeholder":
            raise InputError(
                "the input must be quantised once, before anything else reads it: use quantise()"
            )
        return self.place[node]

    def _quantised(self, quantiser: Quantiser, source: fx.Node, name: str) -> int:
        form = quantiser.format()
        if source.op == "placeholder":
            if self.nodes:
                raise InputError(
                    "the input must be quantised once, before anything else reads it: use quantise()"
                )
            return self._append(Input(name, form))
        place = self._source(source)
        # What cannot be anything but zero needs no shift, and may come with any fraction.
        shift = np.where(form.width > 0, self.values[place].fraction - form.fraction, 0)
        return self._append(Quantise(name, (place,), form, shift))

    def _aligned(self, place: int, fraction: np.ndarray, name: str) -> int:
        """The value with these fractional bits, which are at least its own wherever it is not always zero."""
        value = self.values[place]
        bits = np.where(value.live, fraction - value.fraction, 0)
        return self._append(Shift(f"{name}.shift", (place,), bits)) if bits.any() else place

    def _sums(self, layer: QuantisedLinear | QuantisedConv, place: int, name: str) -> int:
        kernel, kernel_fraction, bias, bias_fraction = _integers(layer.weights)
        value = self.values[place]
        if isinstance(layer, QuantisedLinear):
            common = value.common_fraction(axis=-1)
            place = self._aligned(place, np.broadcast_to(common, value.shape), name)
            live = value.live.reshape(-1, value.shape[-1]).any(axis=0)
            weight, bias, fraction = _on_one_grid(
                kernel * live, kernel_fraction + common, bias, bias_fraction, name
            )
            return self._append(Linear(name, (place,), weight, bias, fraction))
        common = value.common_fraction(axis=0)
        place = self._aligned(place, _per_channel(common, value), name)
        live = np.asarray(value.live.reshape(len(common), -1).any(axis=1))
        each = kernel.shape[1]
        group = np.arange(len(kernel)) // (len(kernel) // layer.groups)
        channel = group[:, None] * each + np.arange(each)  # (output, channel of its group)
        spread = (*channel.shape, *(1 for _ in kernel.shape[2:]))
        weight, bias, fraction = _on_one_grid(
            kernel * live[channel].reshape(spread),
            kernel_fraction + common[channel].reshape(spread),
            bias,
            bias_fraction,
            name,
        )
        shape = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return self._append(Conv(name, (place,), weight, bias, fraction, *shape))

    def _added(self, layer: QuantisedAdd, sources: list[fx.Node], name: str) -> int:
        quantisers = (layer.left, layer.right)
        names = (f"{name}.left", f"{name}.right")
        places = [self._quantised(*each) for each in zip(quantisers, sources, names, strict=True)]
        left, right = (self.values[place] for place in places)
        # What is always zero takes whatever fraction the other has.
        fraction = np.maximum(
            np.where(left.live, left.fraction, right.fraction),
            np.where(right.live, right.fraction, left.fraction),
        )
        aligned = [self._aligned(*each) for each in zip(places, (fraction, fraction), names, strict=True)]
        return self._append(Add(name, (aligned[0], aligned[1])))

    def _pooled(self, node: fx.Node, pool: Any) -> int:
        tracing.check_pool(node)
        axes = tracing.pool_axes(pool)
        kernel, stride = tracing.window(pool.kernel_size, axes), tracing.window(pool.stride, axes)
        place = self._source(node.all_input_nodes[0])
        common = self.values[place].common_fraction(axis=0)
        place = self._aligned(place, _per_channel(common, self.values[place]), node.name)
        kind = "max" if isinstance(pool, nn.MaxPool1d | nn.MaxPool2d) else "mean"
        return self._append(Pool(node.name, (place,), kind, kernel, stride))

    def _wired(self, node: fx.Node, module: nn.Module | None) -> None:
        """Let the operation act on the numbers of the elements of two events instead of their values."""
        first = node.all_input_nodes[0]

        def argument(each: fx.Node) -> Any:
            if each in self.plain:
                return self.plain[each]
            shape = self.values[self._source(each)].shape
            return 1 + torch.arange(2 * prod(shape), dtype=torch.float64).reshape(2, *shape)

        args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), argument)
        if module is not None:
            result = module(*args, **kwargs)
        elif node.op == "call_method":
            result = getattr(args[0], str(node.target))(*args[1:], **kwargs)
        else:
            assert callable(node.target)
            result = node.target(*args, **kwargs)
        if not (isinstance(result, Tensor) and first in self.place):
            self.plain[node] = result
            return
        source = self._source(first)
        size = prod(self.values[source].shape)
        if (
            result.ndim == 0
            or len(result) != 2
            or not torch.equal(result[1], torch.where(result[0] == 0, 0.0, result[0] + size))
        ):
            raise tracing.refuse(node, "moves elements between events: keep the first axis as it is")
        index = result[0].long().numpy() - 1
        here = np.arange(index.size).reshape(index.shape)
        unchanged = index.shape == self.values[source].shape and np.array_equal(index, here)
        self.place[node] = source if unchanged else self._append(Wires(node.name, (source,), index))


def _integers(weights: QuantisedWeights) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Kernel and bias as integers, and their fractional bits."""
    kernel, bias = weights.constants()
    whole_kernel, fraction = weights.kernel_quantiser.whole_numbers(kernel)
    if bias is None or weights.bias_quantiser is None:
        nothing = np.zeros(len(kernel), np.int64)
        return whole_kernel, fraction, nothing, nothing
    return whole_kernel, fraction, *weights.bias_quantiser.whole_numbers(bias)


def _on_one_grid(
    kernel: np.ndarray, kernel_fraction: np.ndarray, bias: np.ndarray, bias_fraction: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel and bias of each output as integers of its own common fraction, the smallest that holds them all."""
    rows = kernel.reshape(len(kernel), -1)
    numbers = np.concatenate((rows, bias[:, None]), axis=1)
    given = np.concatenate(
        (np.broadcast_to(kernel_fraction, kernel.shape).reshape(rows.shape), bias_fraction[:, None]), axis=1
    )
    zeros = _trailing_zeros(numbers)
    needed = np.where(numbers != 0, given - zeros, np.iinfo(np.int64).min).max(axis=1)
    fraction = np.where((numbers != 0).any(axis=1), needed, 0)
    shift = np.where(numbers != 0, fraction[:, None] - (given - zeros), 0)
    odd = numbers >> zeros
    if np.any(np.ldexp(np.abs(odd).astype(np.float64), shift) >= 2.0**62):
        raise InputError(f"{name}: weights need more than 63 bits on one grid; use fewer fractional bits")
    aligned = odd << shift
    return aligned[:, :-1].reshape(kernel.shape), aligned[:, -1], fraction


def _trailing_zeros(n: np.ndarray) -> np.ndarray:
    return np.where(n != 0, np.frexp((n & -n).astype(np.float64))[1] - 1, 0).astype(np.int64)


def _per_channel(common: np.ndarray, value: Value) -> np.ndarray:
    return np.broadcast_to(common.reshape(-1, *(1 for _ in value.shape[1:])), value.shape)
