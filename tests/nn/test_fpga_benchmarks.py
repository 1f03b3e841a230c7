"""Benchmark networks for FPGAs: sizes as published, and exact in integers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.nn import MuonTracker, digit_classifier, jet_classifier
from femtobarn.nn.quantised import calibrate, quantise, to_integer


def test_sizes_of_the_published_networks() -> None:
    jets = jet_classifier()
    assert [layer.weight.shape for layer in jets if isinstance(layer, nn.Linear)] == [
        (64, 16), (32, 64), (32, 32), (5, 32)
    ]  # fmt: skip
    house = digit_classifier()
    assert house(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert [tuple(layer.weight.shape[:2]) for layer in house if isinstance(layer, nn.Linear)] == [
        (42, 96), (64, 42), (10, 64)
    ]  # fmt: skip
    muon = MuonTracker()
    assert muon(torch.zeros(2, 7, 50)).shape == (2, 1)


@pytest.mark.parametrize(("network", "shape"), [(digit_classifier, (3, 32, 32)), (MuonTracker, (7, 50))])
def test_each_network_becomes_exact_integers(
    network: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    x = torch.rand(40, *shape).round(decimals=2)
    net = quantise(network(), x, fraction=6, weight_fraction=8)
    calibrate(net, x)
    integers = to_integer(net)
    with torch.no_grad():
        expected = net.double().eval()(x[:6].double()).numpy()
    np.testing.assert_array_equal(integers(x[:6].double().numpy()), expected)
    assert np.ptp(expected) > 0
