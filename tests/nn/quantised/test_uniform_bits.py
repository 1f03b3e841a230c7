"""Uniform bits: the best range of each group of numbers, and one width for all of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.hardware.integer_nodes import Input, Quantise
from femtobarn.nn import jet_classifier
from femtobarn.nn.quantised import Quantiser, WeightQuantiser, to_integer, uniform_bits
from femtobarn.nn.quantised.uniform_bits import best_integer_bits


@given(bits=st.integers(2, 9), scale=st.floats(1e-3, 1e3), signed=st.booleans())
def test_the_best_range_is_that_of_a_search_over_all(bits: int, scale: float, signed: bool) -> None:
    x = scale * torch.randn(200, generator=torch.Generator().manual_seed(bits))
    x = x if signed else x.relu()

    def error(integer: int) -> float:
        step = 2.0 ** (integer - bits + signed)
        low, high = (-(2.0**integer) if signed else 0.0), 2.0**integer - step
        q = (torch.floor(x.double() / step + 0.5) * step).clamp(low, high)
        return float(((q - x) ** 2).sum())

    best = best_integer_bits(x, bits=bits, signed=signed, symmetric=False)
    assert error(best) <= min(map(error, range(-15, 16))) * (1 + 1e-5) + 1e-12


def test_zeros_have_a_range_too() -> None:
    assert best_integer_bits(torch.zeros(5), bits=4, signed=True, symmetric=True) == 0


@pytest.mark.parametrize("norm", [False, True])
def test_uniform_numbers_all_have_the_same_width(norm: bool) -> None:
    torch.manual_seed(0)
    net = jet_classifier((8, 6), norm=norm).eval()
    x = torch.randn(500, 16)
    for bits in (3, 6):
        quantised = uniform_bits(net, x, bits=bits)
        integers = to_integer(quantised)
        for node in integers.nodes:
            if isinstance(node, Input | Quantise):
                assert (node.format.width == bits).all()
                assert node.format.overflow == "SAT"
        for module in quantised.modules():
            if isinstance(module, WeightQuantiser):
                assert module.overflow == "SAT_SYM"
                assert float((module.integer + module.fraction).detach().max()) == bits - 1
            if isinstance(module, Quantiser | WeightQuantiser):
                assert not any(each.requires_grad for each in module.parameters(recurse=False))


def test_many_uniform_bits_are_the_network_and_fewer_are_farther() -> None:
    torch.manual_seed(0)
    net = jet_classifier((8,), norm=False)
    x = torch.randn(1000, 16)
    with torch.no_grad():
        distance = [float((uniform_bits(net, x, bits=bits)(x) - net(x)).abs().mean()) for bits in (4, 8, 16)]
    assert distance[0] > 4 * distance[1] > 16 * distance[2]
    assert distance[2] < 1e-3
