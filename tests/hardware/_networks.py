"""Small networks with trained bits, and a reference that works circuits out number by number."""

import shutil
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.hardware.circuit import Circuit
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import calibrate, quantise, to_integer


def needs(program: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed: apt install {package}"
    )


def _random_weights(net: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5)


def integer_network(
    net: nn.Module, shape: tuple[int, ...], *, bits: float = 3.0, overflow: str = "WRAP", seed: int = 0
) -> tuple[IntegerModel, np.ndarray]:
    """A calibrated network with random weights and a spread of bits, and 1,000 events it was not calibrated on."""
    _random_weights(net, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    x = torch.randn(1500, *shape, generator=generator)
    quantised = quantise(net, x[:100], fraction=bits, weight_fraction=bits, overflow=overflow)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in quantised.named_parameters():
            if name.endswith("fraction"):
                parameter += torch.randint(-2, 2, parameter.shape, generator=generator)
    calibrate(quantised, x[:500])
    return to_integer(quantised), x[500:].double().numpy()


def worked_out(circuit: Circuit, inputs: list[int]) -> list[Fraction]:
    """Outputs for one event, by the meaning of each operation in exact arithmetic."""
    values: list[int] = []
    given = iter(inputs)
    for node in circuit.nodes:
        operands = [values[i] for i in node.operands]
        value = _MEANING[node.kind](operands, node.data, node, given)
        assert value.denominator == 1
        assert node.low <= value <= node.high, node
        values.append(int(value))
    return [values[s.node] * Fraction(2) ** s.exponent for s in circuit.outputs]


def _wrapped(a: int, low: int, high: int) -> int:
    return (a - low) % (high - low + 1) + low


_MEANING: dict[str, Callable[..., Fraction]] = {
    "input": lambda _, __, ___, given: Fraction(next(given)),
    "constant": lambda _, data, *__: Fraction(data[0]),
    "add": lambda ab, d, *_: (
        ab[0] * Fraction(2) ** max(0, -d[0]) + d[1] * ab[1] * Fraction(2) ** max(0, d[0])
    ),
    "offset": lambda a, d, *_: Fraction(d[0] + d[1] * a[0] * 2 ** d[2]),
    "floor": lambda a, d, *_: Fraction(a[0] // 2 ** d[0]),
    "shift": lambda a, d, *_: Fraction(a[0] * 2 ** d[0]),
    "wrap": lambda a, _, node, __: Fraction(_wrapped(a[0], node.low, node.high)),
    "relu": lambda a, *_: Fraction(max(0, a[0])),
    "clip": lambda a, _, node, __: Fraction(min(max(a[0], node.low), node.high)),
    "larger": lambda ab, *_: Fraction(max(ab)),
}
