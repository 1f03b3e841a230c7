"""Weights of a few bits: which words there are, and how gradients pass."""

import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.nn.weight_grid import on_grid, weight_ranges


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_are_words_of_so_many_bits(bits: int) -> None:
    draw = torch.Generator().manual_seed(1)
    weights = {name: s * torch.randn(500, generator=draw) for name, s in (("a", 0.1), ("b", 3.0))}
    ranges = weight_ranges(weights, bits=bits)
    assert ranges["b"] > ranges["a"], "a range of its own for each tensor"
    for name, each in on_grid(weights, ranges, bits=bits).items():
        step = 2.0 ** (ranges[name] + 1 - bits)
        word = each / step
        torch.testing.assert_close(word, word.round(), rtol=0, atol=0)
        assert word.abs().max() <= 2 ** (bits - 1) - 1
        inside = weights[name].abs() <= 2.0 ** ranges[name] - step
        assert ((each - weights[name]).abs()[inside] <= step / 2 + 1e-7).all()


def test_the_gradient_passes_within_the_range_only() -> None:
    weight = torch.tensor([0.3, -0.2, 5.0], requires_grad=True)
    on_grid({"w": weight}, {"w": 0}, bits=8)["w"].sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [1, 1, 0]


def test_a_weight_needs_more_than_its_sign() -> None:
    with pytest.raises(InputError, match="at least 2 bits"):
        weight_ranges({"w": torch.ones(2)}, bits=1)
