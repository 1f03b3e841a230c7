"""EBOPs against loops over every multiplication."""

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.errors import InputError
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.nn.quantised import Quantiser, calibrate, ebops, exact_ebops, quantise, to_integer, total_bits
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser


def _scattered(net: nn.Module, x: torch.Tensor) -> nn.Module:
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Quantiser | WeightQuantiser):
                module.fraction.add_(3 * torch.randn_like(module.fraction))
    calibrate(net, x)
    net.eval()(x)
    return net


def _digits(value: float) -> int:
    """From the first to the last binary digit that is not zero."""
    numerator = abs(value).as_integer_ratio()[0]
    return len(f"{numerator:b}".strip("0"))


def test_a_dense_layer_costs_the_sum_over_its_multiplications() -> None:
    torch.manual_seed(0)
    x = torch.randn(100, 5)
    net = _scattered(quantise(nn.Sequential(nn.Linear(5, 4)), x), x)
    layer = net.get_submodule("0")
    kernel, bias = (tensor.detach() for tensor in layer.weights.constants())
    form = layer.quantiser.format()
    bits, kernel_bits = layer.quantiser.bits().detach(), layer.weights.kernel_quantiser.bits().detach()
    soft, exact = 0.0, 0
    for o in range(4):
        soft += float(layer.weights.bias_quantiser.bits()[o].detach())
        exact += _digits(float(bias[o]))
        for i in range(5):
            soft += float(bits[i] * kernel_bits[o, i])
            exact += int(form.width[i]) * _digits(float(kernel[o, i]))
    assert float(ebops(net).detach()) == soft
    assert exact_ebops(net) == exact > 0


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_costs_the_sum_over_its_multiplications(groups: int) -> None:
    torch.manual_seed(1)
    x = torch.randn(60, 2, 5, 4)
    convolution = nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), groups=groups)
    net = _scattered(quantise(nn.Sequential(convolution), x), x)
    layer = net.get_submodule("0")
    kernel, bias = (tensor.detach() for tensor in layer.weights.constants())
    width = layer.quantiser.format().width
    bits, kernel_bits = layer.quantiser.bits().detach(), layer.weights.kernel_quantiser.bits().detach()
    soft, exact = 0.0, 0
    for o, row, column in np.ndindex(4, 3, 3):
        soft += float(layer.weights.bias_quantiser.bits()[o].detach())
        exact += _digits(float(bias[o]))
        for c, a, b in np.ndindex(2 // groups, 3, 2):
            r, channel = 2 * row + a - 1, c + (o // (4 // groups)) * (2 // groups)
            if 0 <= r < 5:  # a product with the zeros around the image is none
                soft += float(bits[channel, r, column + b] * kernel_bits[o, c, a, b])
                exact += int(width[channel, r, column + b]) * _digits(float(kernel[o, c, a, b]))
    assert float(ebops(net).detach()) == pytest.approx(soft, abs=0.5)
    assert exact_ebops(net) == exact > 0


def test_layers_add_up_and_a_shared_layer_counts_at_every_position() -> None:
    torch.manual_seed(2)
    x = torch.randn(60, 3, 4)
    net = _scattered(quantise(nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(6, 1)), x), x)
    first, last = net.get_submodule("0"), net.get_submodule("3")
    assert exact_ebops(net) == exact_ebops(nn.Sequential(first)) + exact_ebops(nn.Sequential(last))
    kernel, bias = (tensor.detach() for tensor in first.weights.constants())
    width = first.quantiser.format().width
    products = sum(
        int(width[t, i]) * _digits(float(kernel[o, i])) for t in range(3) for o in range(2) for i in range(4)
    )
    assert exact_ebops(nn.Sequential(first)) == products + 3 * sum(_digits(float(b)) for b in bias)


def test_a_residual_sum_costs_its_narrower_operand() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) + x

    torch.manual_seed(3)
    x = torch.randn(60, 3)
    net = _scattered(quantise(Sum(), x), x)
    added = net.get_submodule("sum_add")
    alone = exact_ebops(nn.Sequential(net.get_submodule("layer")))
    narrow = np.minimum(added.left.format().width, added.right.format().width).sum()
    assert exact_ebops(net) == alone + narrow


def test_pressure_on_the_cost_reaches_every_bit_and_lowers_it() -> None:
    torch.manual_seed(4)
    x = torch.randn(200, 6)
    net = quantise(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)), x).train()
    net(x)
    start = ebops(net)
    start.backward()
    for module in net.modules():
        if isinstance(module, Quantiser | WeightQuantiser):
            assert module.fraction.grad is not None
            assert torch.all((module.fraction.grad > 0) == (module.bits() > 0))
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    for _ in range(20):
        optimizer.zero_grad()
        net(x)
        ebops(net).backward()
        optimizer.step()
    assert float(ebops(net).detach()) < 0.5 * float(start.detach())


def test_total_bits_press_on_all_trained_bits() -> None:
    x = torch.randn(20, 3)
    net = quantise(nn.Sequential(nn.Linear(3, 2)), x, fraction=4, weight_fraction=5)
    assert float(total_bits(net).detach()) == 3 * 4 + (6 + 2) * 5


@pytest.mark.parametrize("seed", range(3))
def test_the_integer_model_costs_the_same(seed: int) -> None:
    """Two ways to one number; the integer model knows more, so it may know a multiplication to be none."""
    torch.manual_seed(seed)
    x = torch.randn(60, 2, 6, 6)
    layers = (
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 4),
    )
    net = quantise(nn.Sequential(*layers), x)
    calibrate(net, x)
    assert effective_bit_operations(to_integer(net)) == exact_ebops(net)
    _scattered(net, x)
    assert effective_bit_operations(to_integer(net)) <= exact_ebops(net)


def test_a_network_in_floats_has_no_cost() -> None:
    for cost in (ebops, exact_ebops):
        with pytest.raises(InputError, match="quantise"):
            cost(nn.Linear(2, 2))
