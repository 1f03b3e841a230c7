"""What a quantised network costs in hardware, as effective bit operations."""

from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import bit_span
from femtobarn.nn.quantised.add import QuantisedAdd
from femtobarn.nn.quantised.conv import QuantisedConv
from femtobarn.nn.quantised.linear import QuantisedLinear
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser


def ebops(model: nn.Module) -> Float[Tensor, ""]:
    """Effective bit operations per event as training sees them: add beta times this to the loss.

    The sum over all multiplications of (bits of the input) x (bits of the weight), plus the bits of every bias
    where it is added, plus the bits of the narrower operand of every residual sum. Bits are i + f, without the
    sign; that is the count of HGQ2 for SAT_SYM, not for SAT, and for WRAP but where an extreme is exactly -2^i.
    In training weights count with the bits they had in the last forward pass, in `eval()` with those they need now.
    `exact_ebops` is the number to quote.

    Raises:
        InputError: A model without quantised layers.
    """
    total = []
    for layer in model.modules():
        if isinstance(layer, QuantisedLinear | QuantisedConv):
            weights = layer.weights
            if not layer.training:
                weights.follow()
            bias = weights.bias_quantiser.bits() if weights.bias_quantiser is not None else None
            total.append(layer.multiplications(layer.quantiser.bits(), weights.kernel_quantiser.bits(), bias))
        elif isinstance(layer, QuantisedAdd):
            total.append(torch.minimum(layer.left.bits(), layer.right.bits()).sum())
    if not total:
        raise InputError("the model has no quantised layer: convert it with quantise(model, example)")
    return torch.stack(total).sum()


def exact_ebops(model: nn.Module) -> int:
    """Effective bit operations per event of the network as it is written out; `calibrate` it before.

    As `ebops`, but an input counts with all its bits, sign included, and a weight or bias with the digits from
    its first to its last non-zero one: 0b00101100 counts 4, a power of two 1, zero nothing.
    """
    exact = deepcopy(model).cpu().double().eval()
    total, found = 0, False
    for layer in exact.modules():
        if isinstance(layer, QuantisedLinear | QuantisedConv):
            inputs = torch.from_numpy(layer.quantiser.format().width).double()
            with torch.no_grad():
                kernel, bias = layer.weights.constants()
            spans = [_span(kernel, layer.weights.kernel_quantiser)]
            if bias is not None and layer.weights.bias_quantiser is not None:
                spans.append(_span(bias, layer.weights.bias_quantiser))
            total += int(layer.multiplications(inputs, spans[0], spans[1] if len(spans) == 2 else None))
        elif isinstance(layer, QuantisedAdd):
            total += int(np.minimum(layer.left.format().width, layer.right.format().width).sum())
        else:
            continue
        found = True
    if not found:
        raise InputError("the model has no quantised layer: convert it with quantise(model, example)")
    return total


def _span(q: Tensor, quantiser: WeightQuantiser) -> Tensor:
    """Digits of each weight between the zeros at either end."""
    return torch.from_numpy(bit_span(quantiser.whole_numbers(q)[0])).double()
