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


def refuse_gradient(advice: str, **constants: object) -> None:
    """Refuse what wants a gradient and would silently get none; `advice` says what to do instead.

    Raises:
        InputError: One of the constants requires a gradient while gradients are recorded.
    """
    for name, constant in constants.items():
        if isinstance(constant, Tensor) and constant.requires_grad and torch.is_grad_enabled():
            raise InputError(f"expected {name} without gradient, got one that requires it: {advice}")
