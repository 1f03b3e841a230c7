"""A trained model that computes on a device of its own and is called with tensors on the CPU, as if it were there."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils import _pytree as trees

M = TypeVar("M", bound=nn.Module)


def placed(model: M, device: str) -> M:
    """The model, moved to a device; whoever calls it, a part or a public method of it gives and gets CPU tensors.

    Only calls from outside move anything: what its parts pass to each other stays on the device. A random generator of
    the CPU is replaced by one of the device with a seed drawn from it, so that the noise is another.

    Args:
        model: To be used, not trained further; numbers that are read from its weights stay where they are.
        device: As cuda. On the CPU the model is given back as it is.
    """
    if torch.device(device).type == "cpu":
        return model
    model.to(device)
    gate = _Gate(torch.device(device))
    for part in model.modules():
        for name in ("forward", *_methods(type(part))):
            setattr(part, name, gate.through(getattr(part, name)))
    return model


def _methods(kind: type[nn.Module]) -> list[str]:
    """Public methods that a class adds to those of every module."""
    return [
        name
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
        and not hasattr(nn.Module, name)
        and value.__module__.partition(".")[0] != "torch"
    ]


class _Gate:
    """Moves tensors in at the outermost call, and out again."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.inside = device, False

    def through(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return method(*args, **kwargs)
            self.inside = True
            try:
                args, kwargs = trees.tree_map(self._to_device, (args, kwargs))
                return trees.tree_map(_to_cpu, method(*args, **kwargs))
            finally:
                self.inside = False

        return call

    def _to_device(self, value: Any) -> Any:
        if isinstance(value, torch.Generator) and value.device.type == "cpu":
            seed = int(torch.randint(2**62, (), generator=value))
            return torch.Generator(self.device).manual_seed(seed)
        return value.to(self.device) if isinstance(value, Tensor) else value


def _to_cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value
