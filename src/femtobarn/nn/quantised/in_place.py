"""Operations that write over their argument, turned into ones that do not.

In torch whoever reads a value after it was written over, as by `nn.ReLU(inplace=True)` or `+=`, sees what was
written. A list of calls knows only which call a value came from, and would show the old one.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from femtobarn.errors import InputError

#: Functions and methods by those that give the same without writing over anything.
_FUNCTIONS: dict[Any, Callable[..., Any]] = {operator.iadd: operator.add, torch.relu_: torch.relu}
_METHODS = {"add_": "add", "relu_": "relu"}


def without_in_place(model: fx.GraphModule, *, may_share: Callable[[fx.Node], bool]) -> fx.GraphModule:
    """The model, changed such that nothing is written over and every reader sees what it would see in torch.

    Args:
        model: Is changed itself.
        may_share: Whether the result of a call may be its argument, or a view of it.

    Raises:
        InputError: A value is written over through one view and read through another afterwards, or by `out=`.
    """
    place = {node: number for number, node in enumerate(model.graph.nodes)}
    for node in model.graph.nodes:
        if "out" in node.kwargs:
            raise InputError(f"{node.name} writes into {node.kwargs['out']}: use an operation without out=")
    # Found before any is changed: one module may be called several times.
    writers = [node for node in model.graph.nodes if _writes(node)]
    for node in writers:
        target = node.all_input_nodes[0]
        for other in _views(target, may_share) - {target}:
            if any(place[reader] > place[node] for reader in other.users):
                raise InputError(
                    f"{node.name} writes over {other.name}, which is read again afterwards: use an operation that is "
                    "not in place"
                )
        target.replace_all_uses_with(node, delete_user_cb=lambda user, node=node: place[user] > place[node])
        _make_pure(node)
    model.recompile()
    return model


def _writes(node: fx.Node) -> bool:
    """Whether a call writes its result over its first argument."""
    if node.op == "call_module":
        return bool(getattr(_module(node), "inplace", False))
    if node.op == "call_method":
        return str(node.target).endswith("_") and not str(node.target).startswith("_")
    named = getattr(node.target, "__name__", "")
    written = named.endswith("_") and not named.startswith("_")
    return node.op == "call_function" and (
        node.target in _FUNCTIONS or written or node.kwargs.get("inplace") is True or _by_place(node) is True
    )


def _by_place(node: fx.Node) -> Any:
    """The argument `inplace` of `torch.nn.functional.relu` if it is given by its place."""
    return node.args[1] if node.target is torch.nn.functional.relu and len(node.args) > 1 else None


def _make_pure(node: fx.Node) -> None:
    """Let the call leave its argument alone; what has no known counterpart is left for others to refuse."""
    if node.op == "call_module":
        _module(node).inplace = False  # type: ignore[assignment]
    elif node.op == "call_method":
        node.target = _METHODS.get(str(node.target), node.target)
    else:
        node.target = _FUNCTIONS.get(node.target, node.target)
        node.kwargs = {name: each for name, each in node.kwargs.items() if name != "inplace"}
        if _by_place(node) is not None:
            node.args = node.args[:1]


def _module(node: fx.Node) -> nn.Module:
    owner = node.graph.owning_module
    assert owner is not None
    return owner.get_submodule(str(node.target))


def _views(node: fx.Node, may_share: Callable[[fx.Node], bool]) -> set[fx.Node]:
    """All values that may lie in the same memory."""
    found, waiting = {node}, [node]
    while waiting:
        each = waiting.pop()
        near = [reader for reader in each.users if may_share(reader)]
        near += each.all_input_nodes if may_share(each) else []
        waiting += [other for other in near if other not in found]
        found.update(near)
    return found
