"""Which numbers a loss takes: any real type for data, no gradient for what it takes as fixed."""

from functools import reduce

import torch
from torch import Tensor

from femtobarn.errors import InputError


def result_type(*data: Tensor) -> torch.dtype:
    """Type of a result of these data: the widest of their floating types; counts alone give the default one.

    Raises:
        InputError: Complex numbers.
    """
    common = reduce(torch.promote_types, (tensor.dtype for tensor in data))
    if common.is_complex:
        raise InputError(f"expected real numbers, got {common}")
    return common if common.is_floating_point else torch.get_default_dtype()


def same_shapes(expected: str, **data: Tensor) -> None:
    """Refuse shapes that differ and broadcast to something else than was meant; `expected` says which are right.

    Raises:
        InputError: They differ.
    """
    if len({each.shape for each in data.values()}) > 1:
        got = ", ".join(f"{name} {tuple(each.shape)}" for name, each in data.items())
        raise InputError(f"expected {expected}, got {got}")


def true_or_false(**masks: Tensor) -> None:
    """Refuse masks of numbers: torch inverts bytes bit by bit, and a look at each number would wait for a GPU.

    Raises:
        InputError: A mask of another type than torch.bool.
    """
    for name, mask in masks.items():
        if mask.dtype != torch.bool:
            raise InputError(f"expected {name} as true and false, got {mask.dtype}: give {name}.bool()")


def refuse_gradient(advice: str, **constants: object) -> None:
    """Refuse what wants a gradient and would silently get none; `advice` says what to do instead.

    Raises:
        InputError: One of the constants requires a gradient while gradients are recorded.
    """
    for name, constant in constants.items():
        if isinstance(constant, Tensor) and constant.requires_grad and torch.is_grad_enabled():
            raise InputError(f"expected {name} without gradient, got one that requires it: {advice}")
