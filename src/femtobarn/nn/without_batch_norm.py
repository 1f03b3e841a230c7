"""Batch norms folded away, for quantisation and hardware."""

import torch
from torch import Tensor, nn

from femtobarn.errors import InputError


def without_batch_norm(net: nn.Sequential) -> nn.Sequential:
    """The same function in evaluation, with each batch norm folded into the linear layer behind it.

    What is left are linear layers and activations, for quantisation and hardware.

    Raises:
        InputError: A batch norm that no linear layer follows.
    """
    layers: list[nn.Module] = []
    scale = shift = None
    for layer in net:
        if isinstance(layer, nn.BatchNorm1d):
            assert layer.running_var is not None
            assert layer.running_mean is not None
            scale = layer.weight * (layer.running_var + layer.eps).rsqrt()
            shift = layer.bias - layer.running_mean * scale
        elif isinstance(layer, nn.Linear) and scale is not None and shift is not None:
            layers.append(_behind(layer, scale, shift))
            scale = shift = None
        elif scale is None:
            layers.append(layer)
        else:
            raise InputError(f"expected a linear layer behind a batch norm, got {type(layer).__name__}")
    if scale is not None:
        raise InputError("expected a linear layer behind each batch norm, the last one has none")
    return nn.Sequential(*layers).eval()


@torch.no_grad()
def _behind(layer: nn.Linear, scale: Tensor, shift: Tensor) -> nn.Linear:
    folded = nn.Linear(layer.in_features, layer.out_features, dtype=layer.weight.dtype)
    folded.weight.copy_(layer.weight * scale)
    folded.bias.copy_(layer.weight @ shift + layer.bias)
    return folded
