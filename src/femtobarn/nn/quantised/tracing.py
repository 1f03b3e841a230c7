"""The graph of a model, and which of its operations have a fixed-point form."""

import operator
from math import prod

import torch
from torch import fx, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.quantised.add import QuantisedAdd
from femtobarn.nn.quantised.conv import QuantisedConv
from femtobarn.nn.quantised.in_place import without_in_place
from femtobarn.nn.quantised.linear import QuantisedLinear
from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.wires import Wires

QUANTISED = (QuantisedLinear, QuantisedConv, QuantisedAdd, Quantiser)
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d)
#: Modules and functions that only choose and order elements, so they act on element numbers as on values.
WIRING = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout, nn.ZeroPad1d, nn.ZeroPad2d, Wires)
WIRING_NAMES = (
    *("flatten", "unflatten", "reshape", "view", "squeeze", "unsqueeze", "permute", "transpose"),
    *("contiguous", "size", "getattr", "getitem", "pad", "_pad"),
)
_VIEWS = ("data", "T", "mT", "H", "mH", "real")  # attributes of a tensor that lie in its memory
ADDITIONS = (operator.add, operator.iadd, torch.add)
RELUS = (torch.relu, F.relu)


class _Proxy(fx.Proxy):
    """Records `+=` as what it is; torch.fx would take it for a sum that leaves its first term alone."""

    def __iadd__(self, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})


class _Tracer(fx.Tracer):
    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (*QUANTISED, Wires)) or super().is_leaf_module(m, module_qualified_name)


def traced(model: nn.Module) -> fx.GraphModule:
    """The model as a list of calls none of which writes over a value; a model that is one is changed itself.

    Raises:
        InputError: A forward whose course depends on the values, or one that writes over a value that it reads
            again in another shape.
    """
    if isinstance(model, fx.GraphModule):
        return without_in_place(model, may_share=may_share)
    try:
        graph = _Tracer().trace(model)
    except (fx.proxy.TraceError, TypeError) as error:
        raise InputError(f"{type(model).__name__} cannot be written as a list of calls: {error}") from error
    # Without its name the traced module would be printed as the class it came from, whose code it no longer has.
    return without_in_place(fx.GraphModule(model, graph, class_name="Quantised"), may_share=may_share)


def module_of(node: fx.Node) -> nn.Module | None:
    """The module that a node calls, if it calls one."""
    owner = node.graph.owning_module
    return owner.get_submodule(str(node.target)) if node.op == "call_module" and owner is not None else None


def is_addition(node: fx.Node) -> bool:
    """Whether a node adds two tensors of the network."""
    calls = (node.op == "call_function" and node.target in ADDITIONS) or (
        node.op == "call_method" and node.target in ("add", "add_")
    )
    tensors = len(node.args) == 2 and all(isinstance(each, fx.Node) for each in node.args)
    return calls and tensors and not node.kwargs


def is_relu(node: fx.Node) -> bool:
    """Whether a node is max(x, 0)."""
    if node.op == "call_module":
        return isinstance(module_of(node), nn.ReLU)
    return (node.op == "call_function" and node.target in RELUS) or (
        node.op == "call_method" and node.target in ("relu", "relu_")
    )


def is_wiring(node: fx.Node) -> bool:
    """Whether a node only chooses and orders elements."""
    if node.op == "call_module":
        return isinstance(module_of(node), WIRING)
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    if name in ("pad", "_pad") and (len(node.args) != 2 or set(node.kwargs) - {"mode", "value"}):
        return False
    if name in ("pad", "_pad") and (
        node.kwargs.get("mode", "constant") != "constant" or node.kwargs.get("value") not in (None, 0, 0.0)
    ):
        return False
    return node.op in ("call_function", "call_method") and name in WIRING_NAMES


def may_share(node: fx.Node) -> bool:
    """Whether the result of a call may lie in the memory of its argument: a view of it, or itself."""
    if node.target is getattr:
        return node.args[1] in _VIEWS
    copies = isinstance(module_of(node), nn.ZeroPad1d | nn.ZeroPad2d | Wires)
    return is_wiring(node) and not copies and node.target != "size"


def refuse(node: fx.Node, why: str = "has no fixed-point form here") -> InputError:
    """The error that names what a node calls."""
    module = module_of(node)
    what = (
        f"{type(module).__name__} ({node.target})" if module is not None else f"{node.target} ({node.name})"
    )
    return InputError(f"{what} {why}")


def check_pool(node: fx.Node) -> None:
    """Refuse a pooling that is not exact in integers."""
    pool = module_of(node)
    if (
        pool_padding(pool)
        or getattr(pool, "ceil_mode", False)
        or getattr(pool, "dilation", 1) not in (1, (1, 1))
    ):
        raise refuse(node, "is supported without padding, dilation and ceil_mode: pad with nn.ZeroPad2d")
    if isinstance(pool, nn.AvgPool1d | nn.AvgPool2d):
        count = prod(window(pool.kernel_size, pool_axes(pool)))
        if count.bit_count() != 1 or getattr(pool, "divisor_override", None):
            raise refuse(node, f"averages over {count} elements: only a power of two is exact in hardware")


def pool_padding(pool: nn.Module | None) -> bool:
    """Whether a pooling pads."""
    padding = getattr(pool, "padding", 0)
    return any(padding) if isinstance(padding, tuple) else bool(padding)


def pool_axes(pool: nn.Module | None) -> int:
    """Axes that a pooling runs along."""
    return 1 if isinstance(pool, nn.MaxPool1d | nn.AvgPool1d) else 2


def window(size: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """A size given once or per axis, per axis."""
    return tuple(size) if isinstance(size, tuple) else (size,) * axes
