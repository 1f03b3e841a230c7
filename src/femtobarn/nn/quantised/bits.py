"""The trained bits of a model, taken together."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser


def bit_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """Fractional bits, and the integer bits of saturating ranges, of all quantisers."""
    for module in model.modules():
        if isinstance(module, Quantiser | WeightQuantiser):
            yield from module.parameters(recurse=False)


def total_bits(model: nn.Module) -> Float[Tensor, ""]:
    """Sum of the sizes of all trained bits; 1e-8 to 2e-6 times this in the loss keeps idle bits low."""
    sums = [bits.abs().sum() for bits in bit_parameters(model)]
    return torch.stack(sums).sum() if sums else torch.zeros(())


def freeze_bits(model: nn.Module) -> None:
    """Train the weights alone from here on: bits near a half would flip from step to step to the end."""
    for bits in bit_parameters(model):
        bits.requires_grad_(False)
