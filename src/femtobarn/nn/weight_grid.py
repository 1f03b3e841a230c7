"""Weights of a few bits in meta-learning: on a grid before the inner step and after it, gradients passing through."""

from collections.abc import Mapping

import torch
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.nn.quantised.rounding import saturated
from femtobarn.nn.quantised.uniform_bits import best_integer_bits


def weight_ranges(weights: Mapping[str, Tensor], *, bits: int) -> dict[str, int]:
    """Integer bits of each tensor with which words of so many bits, sign included, have the least squared error.

    Raises:
        InputError: Fewer than 2 bits.
    """
    if bits < 2:
        raise InputError(f"expected at least 2 bits for a weight and its sign, got {bits}")
    return {
        name: best_integer_bits(each.detach(), bits=bits, signed=True, symmetric=True)
        for name, each in weights.items()
    }


def on_grid(weights: Mapping[str, Tensor], ranges: Mapping[str, int], *, bits: int) -> dict[str, Tensor]:
    """Weights rounded to the nearest word of their range; the gradient passes where they are within it.

    The words of integer bits i are the multiples of 2^(i + 1 - bits) up to 2^i - 2^(i + 1 - bits) in size.
    """
    signed = torch.tensor(True)
    return {
        name: saturated(
            each,
            torch.tensor(float(ranges[name])),
            torch.tensor(float(bits - 1 - ranges[name])),
            signed,
            symmetric=True,
        )
        for name, each in weights.items()
    }
