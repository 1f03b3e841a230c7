from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.quantised import BitTrue, CostedLoss, calibrate, ebops, quantise, to_integer, total_bits


def _net(*, weight_fraction: float = 4.0) -> tuple[BitTrue, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    net = quantise(layers, x, weight_fraction=weight_fraction, overflow="SAT")
    calibrate(net, x)
    return BitTrue(net), x


def test_it_trains_as_the_network_and_answers_as_the_integers() -> None:
    net, x = _net()
    torch.testing.assert_close(net.train()(x), net.net(x), rtol=0, atol=0)
    answer = net.eval()(x)
    assert answer.dtype == x.dtype
    np.testing.assert_array_equal(answer.double().numpy(), to_integer(net.net)(x.double().numpy()))
    assert not answer.requires_grad
    assert net(torch.zeros(0, 6)).shape == (0, 2)


def test_it_is_exact_where_float32_is_not() -> None:
    net, x = _net(weight_fraction=22.0)
    exact = net.net.double().eval()(x.double()).detach()
    assert torch.equal(net.eval()(x.double()), exact)
    single = net.net.float().eval()(x).detach()
    assert not torch.equal(single.double(), exact), "too few bits to tell the two apart"


def test_training_on_makes_new_integers() -> None:
    net, x = _net()
    before = net.eval()(x)
    net.train()
    with torch.no_grad():
        net.net.get_submodule("2").weights.bias += 1.0  # type: ignore[operator, union-attr]
    assert torch.allclose(net.eval()(x), before + 1, atol=0.1)


def test_broken_weights_are_told_when_it_is_asked() -> None:
    net, x = _net()
    with torch.no_grad():
        net.net.get_submodule("0").weights.weight[0, 0] = float("inf")  # type: ignore[union-attr, index]
    with pytest.raises(InputError, match=r"0\.weights\.weight holds NaN or infinity"):
        net.eval()(x)


class _Stateful(nn.Module):
    """A loss with a memory, as that of the exact EMD has one."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        self.calls += 1
        loss: Tensor = model(batch["x"]).square().mean()
        return loss


def test_a_costed_loss_is_the_sum_of_its_parts_and_keeps_their_state() -> None:
    net, x = _net()
    loss = CostedLoss(_Stateful(), beta=1e-3, gamma=1e-4)
    found = loss(net.train(), {"x": x})
    plain = net(x).square().mean()
    expected = plain + 1e-3 * ebops(net) + 1e-4 * total_bits(net)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(bits.grad is not None for name, bits in net.named_parameters() if name.endswith("fraction"))
    assert loss.state_dict()["loss.calls"] == 1


def _by_loading(net: nn.Module) -> None:
    state = {name: numbers.clone() for name, numbers in net.state_dict().items()}
    state["2.weights.bias"] += 1.0
    net.load_state_dict(state)


def _by_data(net: nn.Module) -> None:
    bias = net.get_parameter("2.weights.bias")
    bias.data.add_(1.0)


def _by_assignment(net: nn.Module) -> None:
    bias = net.get_parameter("2.weights.bias")
    bias.data = bias.data + 1.0


def _by_a_step(net: nn.Module) -> None:
    bias = net.get_parameter("2.weights.bias")
    bias.grad = -torch.ones_like(bias)
    torch.optim.SGD([bias], lr=1.0).step()


@pytest.mark.parametrize("change", [_by_loading, _by_data, _by_assignment, _by_a_step])
def test_weights_changed_while_it_evaluates_count_at_once(change: Callable[[nn.Module], None]) -> None:
    net, x = _net()
    before, kept = net.eval()(x), net.integers
    assert net.integers is kept, "made once as long as nothing changes"
    change(net.net)
    assert torch.allclose(net(x), before + 1, atol=0.1)


def test_the_cost_in_evaluation_is_that_of_the_weights_there_are() -> None:
    torch.manual_seed(0)
    x = torch.randn(100, 6)
    net = quantise(nn.Sequential(nn.Linear(6, 4)), x).eval()
    with torch.no_grad():
        net.get_parameter("0.weights.weight").mul_(8.0)
    stale = ebops(net)
    net(x)
    torch.testing.assert_close(stale, ebops(net))
    assert ebops(quantise(nn.Sequential(nn.Linear(6, 4)), x)) < stale


def test_no_events_leave_ranges_and_statistics_alone() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 2, 8)
    net = quantise(nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.ReLU()), x).train()
    before = {name: numbers.clone() for name, numbers in net.state_dict().items()}
    assert net(x[:0]).shape == (0, 3, 6)
    for name, numbers in net.state_dict().items():
        torch.testing.assert_close(numbers, before[name])
