"""Networks that write over their values: the integers compute what torch computes, or the network is refused."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.quantised import QuantisedLinear, calibrate, quantise, to_integer


class _Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.relu = nn.Linear(6, 6), nn.Linear(6, 6), nn.ReLU(inplace=True)


class _ModuleReadAgain(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        return self.b(self.relu(h)) + h


class _ResultUnused(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        F.relu(h, inplace=True)
        return self.b(h) + h


class _FlagByPlace(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        F.relu(h, True)
        return self.b(h)


class _Underscore(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        torch.relu_(h)
        h.add_(self.b(h))
        return h + h


class _AugmentedUnderTwoNames(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.a(x))
        s = h
        h += self.b(h)
        return h + s


class _InputItself(_Base):
    def forward(self, x: Tensor) -> Tensor:
        self.relu(x)
        return self.b(x)


class _ReadBefore(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        early = h.flatten(1)[:, :3] + h[:, 3:]
        self.relu(h)
        return early


class _Chain(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        self.relu(h)
        h += self.b(h)
        self.relu(h)
        return self.b_again(h) + h

    def __init__(self) -> None:
        super().__init__()
        self.b_again = nn.Linear(6, 6)


class _ThroughAView(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        self.relu(h.view(-1, 6))
        return self.b(h)


class _ViewReadAfterwards(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        half = h[:, :3]
        self.relu(h)
        return half + half


class _ThroughData(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        h.data.relu_()
        return self.b(h)


class _IntoAnother(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        torch.add(h, self.b(h), out=h)
        return h + h


class _Unknown(_Base):
    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        h.clamp_(min=0)
        return self.b(h)


@pytest.mark.parametrize(
    "kind",
    [
        _ModuleReadAgain,
        _ResultUnused,
        _FlagByPlace,
        _Underscore,
        _AugmentedUnderTwoNames,
        _InputItself,
        _ReadBefore,
        _Chain,
    ],
)
def test_the_integers_are_those_of_the_network(kind: type[nn.Module]) -> None:
    torch.manual_seed(1)
    net, x = kind().eval(), torch.randn(200, 6)
    with torch.no_grad():
        expected = net(x.clone())
        quantised = quantise(net, x, fraction=14, weight_fraction=14)
        calibrate(quantised, x)
        exact = quantised.double().eval()(x.double())
    torch.testing.assert_close(exact.float(), expected, rtol=0, atol=5e-3)
    np.testing.assert_array_equal(to_integer(quantised)(x.double().numpy()), exact.numpy())
    assert net.relu.inplace, "the network that was given is left alone"


@pytest.mark.parametrize("kind", [_ThroughAView, _ViewReadAfterwards, _ThroughData, _IntoAnother, _Unknown])
def test_what_a_list_of_calls_cannot_say_is_refused(kind: type[nn.Module]) -> None:
    with pytest.raises(InputError):
        quantise(kind().eval(), torch.randn(20, 6))


def test_a_network_built_by_hand_is_written_as_it_computes() -> None:
    torch.manual_seed(2)
    x = torch.randn(200, 6)
    layers = quantise(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6)), x, fraction=12)

    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = (m for m in layers.modules() if isinstance(m, QuantisedLinear))
            self.first, self.second, self.relu = first, second, nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x)
            self.relu(h)
            return self.second(h)

    net = ByHand()
    calibrate(net, x)
    exact = net.double().eval()(x.double())
    np.testing.assert_array_equal(to_integer(net)(x.double().numpy()), exact.detach().numpy())
