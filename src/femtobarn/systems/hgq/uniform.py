"""The baseline: one width for all numbers of a network, each tensor with the range that suits it best."""

import numpy as np
import torch
from torch import Tensor, fx, nn

from femtobarn.nn.quantised import Quantiser, WeightQuantiser, quantise
from femtobarn.nn.quantised.rounding import saturated

_WIDE = 16.0  # fractional bits while the tensors are looked at


def uniform(net: nn.Module, x: Tensor, *, bits: int) -> fx.GraphModule:
    """Quantised copy of a trained network in which inputs, weights and biases all have this many bits.

    Each tensor has one format, sign included, with the integer bits of the least squared error on these events;
    larger numbers stop at its ends. As it stands this is quantisation after training. Trained on, with formats
    that stay, it is uniform quantisation-aware training.

    Args:
        net: Trained, in floating point.
        x: Training events.
        bits: Of each number, at least 2.
    """
    model = quantise(
        net,
        x,
        fraction=_WIDE,
        weight_fraction=_WIDE,
        granularity="tensor",
        weight_granularity="tensor",
        overflow="SAT",
        weight_overflow="SAT_SYM",
        trainable=False,
    )
    seen: dict[nn.Module, Tensor] = {}
    quantisers = [module for module in model.modules() if isinstance(module, Quantiser | WeightQuantiser)]
    hooks = [
        q.register_forward_pre_hook(lambda module, inputs: seen.update({module: inputs[0]}))
        for q in quantisers
    ]
    with torch.no_grad():
        model.eval()(x)
        for quantiser, hook in zip(quantisers, hooks, strict=True):
            hook.remove()
            signed = bool(quantiser.signed.any()) if isinstance(quantiser, Quantiser) else True
            integer = best_integer_bits(
                seen[quantiser], bits=bits, signed=signed, symmetric=isinstance(quantiser, WeightQuantiser)
            )
            quantiser.integer.fill_(integer)
            quantiser.fraction.fill_(bits - signed - integer)
    return model


def best_integer_bits(x: Tensor, *, bits: int, signed: bool, symmetric: bool) -> int:
    """Integer bits with which a format of so many bits reproduces the numbers with the least squared error."""
    largest = float(x.abs().max())
    if largest == 0:
        return 0
    top = int(np.ceil(np.log2(largest)))
    sign = torch.tensor(signed)

    def error(integer: int) -> float:
        before, after = (torch.tensor(float(each)) for each in (integer, bits - signed - integer))
        q = saturated(x.float(), before, after, sign, symmetric=symmetric)
        return float(((q - x) ** 2).double().sum())

    return min(range(top + 1, top - 7, -1), key=error)
