"""Uniform bits: one width for all numbers of a network, with the best range for each group of them.

Inputs, such as the observables of a jet, and the channels of a layer have formats of their own, as trained bits have:
one range for all of them would waste most of its bits on the widest.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, fx, nn

from femtobarn.nn.quantised.conversion import quantise
from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.rounding import saturated
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser

_WIDE = 16.0  # fractional bits while the tensors are looked at
_Quantiser = Quantiser | WeightQuantiser


def uniform_bits(net: nn.Module, x: Tensor, *, bits: int) -> fx.GraphModule:
    """Quantised copy of a trained network in which inputs, weights and biases all have this many bits.

    Each input of a row of inputs, each channel of the weights and each other tensor has one format, sign included,
    with the integer bits of the least squared error on these events; larger numbers stop at its ends. As it stands
    this is quantisation after training. Trained on, with formats that stay, it is uniform quantisation-aware training.

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
        weight_granularity="channel",
        overflow="SAT",
        weight_overflow="SAT_SYM",
        trainable=False,
    )
    if x.ndim == 2:
        _part_inputs(model, x)
    with torch.no_grad():
        for quantiser, numbers in _numbers(model, x).items():
            for place, group in _groups(quantiser, numbers):
                signed = bool(quantiser.signed[place]) if isinstance(quantiser, Quantiser) else True
                symmetric = isinstance(quantiser, WeightQuantiser)
                integer = best_integer_bits(group, bits=bits, signed=signed, symmetric=symmetric)
                quantiser.integer[place] = integer
                quantiser.fraction[place] = bits - signed - integer
    return model


def _part_inputs(model: fx.GraphModule, x: Tensor) -> None:
    """Give each input bits of its own."""
    for name, quantiser in list(model.named_modules()):
        if isinstance(quantiser, Quantiser) and quantiser.shape == tuple(x.shape[1:]):
            parted = Quantiser(quantiser.shape, fraction=_WIDE, overflow="SAT", trainable=False)
            parted.signed.copy_((x < 0).any(dim=0))
            parted.integer.data.fill_(float(quantiser.integer.max()))
            model.set_submodule(name, parted)
            return  # the first one sees the inputs


def _numbers(model: fx.GraphModule, x: Tensor) -> dict[_Quantiser, Tensor]:
    """What each quantiser is given for these events."""
    seen: dict[nn.Module, Tensor] = {}
    quantisers = [module for module in model.modules() if isinstance(module, _Quantiser)]
    hooks = [
        q.register_forward_pre_hook(lambda module, inputs: seen.update({module: inputs[0]}))
        for q in quantisers
    ]
    model.eval()(x)
    for hook in hooks:
        hook.remove()
    return {quantiser: seen[quantiser] for quantiser in quantisers}


def _groups(quantiser: _Quantiser, numbers: Tensor) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Where the bits of each group of numbers stand, and these numbers."""
    events = (slice(None),) if isinstance(quantiser, Quantiser) else ()
    for place in np.ndindex(*quantiser.fraction.shape):
        sizes = zip(place, quantiser.fraction.shape, strict=True)
        yield place, numbers[(*events, *(i if size > 1 else slice(None) for i, size in sizes))]


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
