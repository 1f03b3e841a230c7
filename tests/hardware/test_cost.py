import numpy as np
import torch
from _networks import integer_network
from torch import nn

from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.fixed_point import FixedPoint
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Conv, Input, Linear
from femtobarn.nn.quantised import calibrate, exact_ebops, quantise


def span(weight: int) -> int:
    return len(f"{abs(weight):b}".strip("0"))


def format_of(width: np.ndarray) -> FixedPoint:
    return FixedPoint(np.zeros(width.shape, bool), width, np.zeros_like(width))


def test_dense_layer_against_a_loop_over_its_multiplications() -> None:
    g = np.random.default_rng(0)
    width, weight, bias = g.integers(0, 7, 5), g.integers(-99, 99, (3, 5)), g.integers(-9, 9, 3)
    model = IntegerModel([Input("x", format_of(width)), Linear("sum", (0,), weight, bias, np.zeros(3, int))])
    products = sum(int(width[i]) * span(weight[j, i]) for i in range(5) for j in range(3))
    assert effective_bit_operations(model) == products + sum(span(b) for b in bias)


def test_convolution_against_a_loop_over_its_multiplications() -> None:
    g = np.random.default_rng(1)
    width, weight, bias = g.integers(0, 7, (2, 5)), g.integers(-99, 99, (3, 2, 3)), g.integers(-9, 9, 3)
    conv = Conv("sum", (0,), weight, bias, np.zeros(3, int), (2,), ((1, 1),), (1,), 1)
    model = IntegerModel([Input("x", format_of(width)), conv])
    total = 0
    for place in (-1, 1, 3):
        for j in range(3):
            total += span(bias[j])
            for c in range(2):
                for k in range(3):
                    total += int(width[c, place + k]) * span(weight[j, c, k]) if 0 <= place + k < 5 else 0
    assert effective_bit_operations(model) == total


def test_agrees_with_the_cost_of_the_trained_network() -> None:
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4)]
    x = torch.randn(100, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = quantise(nn.Sequential(*layers), x, fraction=3.0, weight_fraction=4.0)
    calibrate(network, x)
    from femtobarn.nn.quantised import to_integer

    assert effective_bit_operations(to_integer(network)) == exact_ebops(network) > 0


def test_bits_less_cost_less() -> None:
    costs = [
        effective_bit_operations(integer_network(nn.Sequential(nn.Linear(8, 8)), (8,), bits=bits)[0])
        for bits in (2.0, 3.0, 4.0, 6.0)
    ]
    assert costs == sorted(costs)
    assert costs[-1] > 2 * costs[0]
