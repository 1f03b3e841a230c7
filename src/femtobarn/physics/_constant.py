"""Tensors that never change, on the device where they are used: brought there in each step, they cost a wait."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

_kept: dict[Hashable, Tensor] = {}


def constant(make: Callable[[], Tensor], device: torch.device, dtype: torch.dtype) -> Tensor:
    """What a function of a module makes, brought to a device once."""
    return _once((make, device, dtype), lambda: make().to(device, dtype))


def numbers(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """A row of numbers, brought to a device once."""
    return _once((values, device, dtype), lambda: torch.tensor(values, device=device, dtype=dtype))


def _once(key: Hashable, make: Callable[[], Tensor]) -> Tensor:
    if key not in _kept:
        with torch.inference_mode(False):  # or it could not be used with gradients later
            made = make()
        if type(made) is not Tensor:  # of an export, which follows shapes alone
            return made
        _kept[key] = made
    return _kept[key]
