"""One call that turns a network into one with trained bits."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, fx, nn

from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import Overflow, Rounding
from femtobarn.nn.quantised import tracing
from femtobarn.nn.quantised.add import QuantisedAdd
from femtobarn.nn.quantised.conv import QuantisedConv
from femtobarn.nn.quantised.linear import QuantisedLinear
from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser
from femtobarn.nn.quantised.weights import Norm, QuantisedWeights

Granularity = Literal["element", "channel", "tensor"]


def quantise(
    model: nn.Module,
    example: Tensor,
    *,
    fraction: float = 6.0,
    weight_fraction: float = 6.0,
    granularity: Granularity = "element",
    weight_granularity: Granularity = "element",
    rounding: Rounding = "RND",
    weight_rounding: Rounding = "RND",
    overflow: Overflow = "WRAP",
    weight_overflow: Overflow = "WRAP",
    trainable: bool = True,
) -> fx.GraphModule:
    """A copy of the model with trained bits for the inputs and weights of each layer.

    Linear and convolution layers quantise their inputs, weights and biases; a batch normalisation behind one
    is folded into it; a sum of two values quantises both. ReLU, pooling, flattening and reordering stay as they
    are; sums within a layer are exact. Whatever is quantised already stays as it is too, so formats can be
    given by hand.

    Train it with ``loss + beta * ebops(net)``, then ``calibrate(net, x)`` and ``to_integer(net)``. Small
    networks train fastest with ``torch.set_num_threads(1)``.

    Args:
        model: Linear, Conv1d, Conv2d, BatchNorm1d, BatchNorm2d, ReLU, MaxPool, AvgPool (of 2^m elements), Flatten
            and the like, in a Sequential or in any forward that torch.fx can trace; `+` of two values.
        example: Some events, for shapes and first ranges; values beyond these are followed in training.
        fraction, weight_fraction: Fractional bits at the start. If all collapses early, start with more.
        granularity: What has bits of its own among the activations: each element, channel or tensor.
        weight_granularity: The same among the weights; a channel is one output.
        rounding: Of activations; TRN needs no adder.
        weight_rounding: Of weights; with TRN small negative ones never become zero.
        overflow, weight_overflow: See `Quantiser` and `WeightQuantiser`.
        trainable: False for uniform bits that stay as they are.

    Raises:
        InputError: A layer without fixed-point form, by name; a layer that is called twice; a bad example.
    """
    _check(model, example)
    graph_module = tracing.traced(deepcopy(model))
    graph = graph_module.graph
    given = set(graph_module.modules())
    if sum(node.op == "placeholder" for node in graph.nodes) != 1:
        raise InputError(f"{type(model).__name__}.forward: one tensor as input expected")
    graph.eliminate_dead_code()
    training = model.training
    with torch.no_grad():
        _note_shapes(graph_module.eval(), example)

    def activations(shape: Sequence[int], channel: int = 0) -> Quantiser:
        shared = _shared(len(shape), granularity, channel)
        return Quantiser(
            shape,
            shared=shared,
            fraction=fraction,
            rounding=rounding,
            overflow=overflow,
            trainable=trainable,
        )

    def weights(layer: nn.Linear | nn.Conv1d | nn.Conv2d, norm: Norm | None) -> QuantisedWeights:
        quantisers = (
            WeightQuantiser(
                shape,
                shared=_shared(len(shape), weight_granularity, 0),
                fraction=weight_fraction,
                rounding=weight_rounding,
                overflow=weight_overflow,
                trainable=trainable,
            )
            for shape in (layer.weight.shape, layer.weight.shape[:1])
        )
        kernel, bias = quantisers
        return QuantisedWeights(
            layer.weight, layer.bias, kernel_quantiser=kernel, bias_quantiser=bias, norm=norm
        )

    _quantise_input(graph_module, activations)
    for node in list(graph.nodes):
        if node in graph.nodes:
            _convert(graph_module, node, activations, weights)
    graph.lint()
    graph_module.recompile()
    graph_module.delete_all_unused_submodules()
    graph_module.to(example.device, _dtype(model, example))
    with torch.no_grad():
        _first_ranges(graph_module, example, given)
    return graph_module.train(training)


def _note_shapes(model: fx.GraphModule, example: Tensor) -> None:
    """Write into each node the shape of its value for one event."""

    class Shapes(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            value = super().run_node(n)
            n.meta["shape"] = tuple(value.shape[1:]) if isinstance(value, Tensor) else None
            return value

    try:
        Shapes(model).run(example)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"the model does not take events of shape {tuple(example.shape[1:])}: {reason}"
        ) from error


def _convert(
    model: fx.GraphModule,
    node: fx.Node,
    activations: Callable[..., Quantiser],
    weights: Callable[[nn.Linear | nn.Conv1d | nn.Conv2d, Norm | None], QuantisedWeights],
) -> None:
    """Put the quantised form of one node in its place, or refuse it."""
    module = tracing.module_of(node)
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        if sum(other.target == node.target for other in model.graph.nodes) > 1:
            raise tracing.refuse(node, "is called twice: give each call a layer of its own")
        norm = _fold(model, node)
        shape = _shape(node.all_input_nodes[0])
        new: nn.Module
        if isinstance(module, nn.Linear):
            new = QuantisedLinear(activations(shape, len(shape) - 1), weights(module, norm))
        elif module.padding_mode != "zeros":
            raise tracing.refuse(node, f"pads with {module.padding_mode}: only zeros have a fixed-point form")
        else:
            new = QuantisedConv(module, activations(shape), weights(module, norm))
        _replace(model, str(node.target), new)
        node.args, node.kwargs = (node.all_input_nodes[0],), {}  # a call by name would name torch's argument
    elif tracing.is_addition(node):
        left, right = (_shape(source) for source in node.args)
        if left != right:
            raise tracing.refuse(node, f"adds values of shapes {left} and {right}: they must be the same")
        name = f"sum_{node.name}"
        model.add_submodule(name, QuantisedAdd(activations(left), activations(right)))
        with model.graph.inserting_before(node):
            inside = model.graph.call_module(name, node.args)
        inside.meta["shape"] = left
        node.replace_all_uses_with(inside)
        model.graph.erase_node(node)
    elif isinstance(module, tracing.POOLS):
        tracing.check_pool(node)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        raise tracing.refuse(
            node, "can only be folded into a Linear or a convolution whose sole reader it is"
        )
    elif not (
        node.op in ("placeholder", "output")
        or isinstance(module, tracing.QUANTISED)
        or tracing.is_relu(node)
        or tracing.is_wiring(node)
    ):
        raise tracing.refuse(node)


def _fold(model: fx.GraphModule, node: fx.Node) -> Norm | None:
    """The batch normalisation that alone reads the layer's outputs, taken out of the graph."""
    readers = list(node.users)
    norm = tracing.module_of(readers[0]) if len(readers) == 1 else None
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return None
    layer = tracing.module_of(node)
    if isinstance(layer, nn.Linear) and len(_shape(node)) != 1:
        raise tracing.refuse(readers[0], "behind a Linear can be folded for inputs (event, feature) only")
    readers[0].replace_all_uses_with(node)
    model.graph.erase_node(readers[0])
    return norm


def _quantise_input(model: fx.GraphModule, activations: Callable[..., Quantiser]) -> None:
    """Give the input a quantiser of its own, unless a single layer reads it and quantises it anyhow."""
    first = next(node for node in model.graph.nodes if node.op == "placeholder")
    readers = [tracing.module_of(node) for node in first.users]
    own = (nn.Linear, nn.Conv1d, nn.Conv2d, QuantisedLinear, QuantisedConv, Quantiser)
    if len(readers) == 1 and isinstance(readers[0], own):
        return
    name = "input_quantiser"
    model.add_submodule(name, activations(_shape(first)))
    with model.graph.inserting_after(first):
        inside = model.graph.call_module(name, (first,))
    first.replace_all_uses_with(inside, delete_user_cb=lambda user: user is not inside)
    inside.meta["shape"] = first.meta["shape"]


def _first_ranges(model: fx.GraphModule, example: Tensor, given: set[nn.Module]) -> None:
    """Start each range where weights and example need it; saturating ones would cut off too much else."""
    new = [module for module in model.modules() if module not in given]
    quantisers = [module for module in new if isinstance(module, Quantiser)]
    for module in new:
        if isinstance(module, QuantisedWeights):
            module.start_ranges()
    for quantiser in quantisers:
        quantiser.start_calibration()
    model.eval()(example)
    for quantiser in quantisers:
        quantiser.end_calibration()


def _check(model: nn.Module, example: Tensor) -> None:
    if example.ndim < 2 or len(example) == 0 or not torch.isfinite(example).all():
        raise InputError(
            f"example: some finite events (event, ...) expected: got shape {tuple(example.shape)}"
        )
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise InputError(
                f"the weights {name} hold NaN or infinity: train again with a lower learning rate"
            )


def _shared(axes: int, granularity: Granularity, channel: int) -> tuple[int, ...]:
    if granularity == "element":
        return ()
    return tuple(axis for axis in range(axes) if granularity == "tensor" or axis != channel)


def _shape(node: object) -> tuple[int, ...]:
    assert isinstance(node, fx.Node)
    return node.meta["shape"]


def _replace(model: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, new)


def _dtype(model: nn.Module, example: Tensor) -> torch.dtype:
    return next((parameter.dtype for parameter in model.parameters()), example.dtype)
