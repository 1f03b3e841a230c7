"""Between tensors and compiled code that works on float64 arrays."""

import math

import numpy as np
import torch
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._transport import LARGEST


def array(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor of any device and floating type: float64, in one piece, possibly not a copy."""
    return np.ascontiguousarray(tensor.detach().to("cpu", torch.float64).numpy())


def masses(tensor: Tensor, name: str) -> np.ndarray:
    """The rows (row, n) of a tensor (..., n) of masses.

    Raises:
        InputError: A mass is negative, NaN or infinite; says which.
    """
    rows = array(tensor).reshape(math.prod(tensor.shape[:-1]), tensor.shape[-1])
    if not (rows.min(initial=0.0) >= 0 and rows.max(initial=0.0) <= LARGEST):
        worst = np.argmin((rows >= 0) & (rows <= LARGEST))
        index = [int(k) for k in np.unravel_index(worst, tensor.shape)]
        raise InputError(f"expected finite masses >= 0, got {name}{index} = {rows.flat[worst]}")
    return rows


def first_derivatives_only() -> None:
    """To be called in a backward pass whose derivatives are constants to torch."""
    if torch.is_grad_enabled():
        raise RuntimeError("this distance has first derivatives only: use create_graph=False")
