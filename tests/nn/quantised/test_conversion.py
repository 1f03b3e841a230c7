"""What `quantise` accepts, what it makes of it, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.engine import TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.nn.quantised import (
    Quantiser,
    bit_parameters,
    calibrate,
    ebops,
    freeze_bits,
    quantise,
    to_integer,
)
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser


class Calls(nn.Module):
    """One layer and any function behind it."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer, x)


def _fine(net: nn.Module, bits: float) -> nn.Module:
    for module in net.modules():
        if isinstance(module, Quantiser | WeightQuantiser):
            nn.init.constant_(module.fraction, bits)
    return net


def _networks() -> list[tuple[nn.Module, tuple[int, ...]]]:
    return [
        (nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)), (4,)),
        (
            nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
            (2, 4, 4),
        ),
        (
            nn.Sequential(nn.Conv1d(2, 4, 3, bias=False), nn.BatchNorm1d(4, momentum=None), nn.AvgPool1d(2)),
            (2, 8),
        ),
    ]


@pytest.mark.parametrize("case", range(3))
def test_with_many_bits_it_is_the_network_itself(case: int) -> None:
    """In training and in eval(), gradients and running statistics included: folding changes nothing."""
    torch.manual_seed(case)
    model, shape = _networks()[case]
    model.double().train()
    x = torch.randn(50, *shape, dtype=torch.float64)
    net = _fine(quantise(model, x), 24)
    assert net.training
    for _ in range(2):
        expected, found = model(x), net(x)
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)
    expected.square().sum().backward()
    found.square().sum().backward()
    theirs = {name: parameter.grad for name, parameter in model.named_parameters()}
    ours = {
        name.replace(".weights.norm", "").replace(".weights", ""): parameter.grad
        for name, parameter in net.named_parameters()
        if "quantiser" not in name and "norm" not in name
    }
    for name, gradient in ours.items():
        if name in theirs:
            torch.testing.assert_close(gradient, theirs[name], atol=2e-3, rtol=1e-3)
    expected = model.eval()(x)
    calibrate(net, x)
    torch.testing.assert_close(net.eval()(x), expected, atol=2e-5, rtol=0)


def test_the_model_given_is_not_touched() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    net = quantise(model.train(), torch.randn(30, 4))
    net(torch.randn(30, 4)).sum().backward()
    assert [type(module) for module in model] == [nn.Linear, nn.BatchNorm1d]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert model[0].weight.grad is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.Tanh()), r"Tanh \(1\)"),
        (nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), r"LayerNorm \(1\)"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)), r"BatchNorm1d \(1\) can only be folded"),
        (Calls(lambda layer, x: layer(x).sigmoid()), "sigmoid"),
        (Calls(lambda layer, x: layer(x) * 2), "mul"),
        (Calls(lambda layer, x: layer(x) + 1), "add"),
        (Calls(lambda layer, x: layer(x) @ x.transpose(0, 1)), "matmul"),
        (Calls(lambda layer, x: torch.cat([layer(x), x], dim=1)), "cat"),
        (Calls(lambda layer, x: layer(layer(x))), r"Linear \(layer\) is called twice"),
        (Calls(lambda layer, x: layer(x) if x.sum() > 0 else x), "list of calls"),
        (Calls(lambda layer, x: F.pad(layer(x), (1, 1), value=3.0)), "pad"),
        (Calls(lambda layer, x: layer(x) + layer(x)[:, :1]), "called twice"),
    ],
)
def test_what_has_no_fixed_point_form_is_refused_by_name(model: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantise(model, torch.randn(10, 4))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.AvgPool2d(3), "averages over 9"),
        (nn.MaxPool2d(2, padding=1), "padding"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), "circular"),
        (nn.ConvTranspose2d(2, 2, 3), "ConvTranspose2d"),
        (
            nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)),
            "running statistics",
        ),
    ],
)
def test_inexact_or_unknown_image_layers_are_refused(layer: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantise(nn.Sequential(layer), torch.randn(5, 2, 6, 6))


def test_a_saturating_range_starts_where_weights_and_data_need_it() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), 40 * torch.randn(200, 4)
    with torch.no_grad():
        model[0].weight.mul_(30)
    net = quantise(model, x, fraction=10, weight_fraction=10, overflow="SAT", weight_overflow="SAT_SYM")
    torch.testing.assert_close(net.eval()(x), model(x), rtol=1e-3, atol=2.0)


def test_elements_moved_between_events_are_refused() -> None:
    net = quantise(Calls(lambda layer, x: layer(x).reshape(-1, 2)), torch.randn(10, 4))
    with pytest.raises(InputError, match="between events"):
        to_integer(net)


def test_two_inputs_are_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    with pytest.raises(InputError, match=r"Two\.forward: one tensor"):
        quantise(Two(), torch.randn(10, 4))


def test_frozen_bits_stay_while_weights_train() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 4)
    net = quantise(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)), x).train()
    optimizer = torch.optim.Adam(net.parameters(), 0.1)

    def step() -> None:
        optimizer.zero_grad()
        (net(x).square().mean() + 1e-3 * ebops(net)).backward()
        optimizer.step()

    step()
    freeze_bits(net)
    bits = [each.clone() for each in bit_parameters(net)]
    weights = net.get_submodule("0").weights.weight.detach().clone()
    step()
    assert all(torch.equal(now, then) for now, then in zip(bit_parameters(net), bits, strict=True))
    assert not torch.equal(net.get_submodule("0").weights.weight, weights)


def test_data_of_any_size_are_held_after_calibration() -> None:
    x = torch.randn(100, 4) * torch.tensor([1e-6, 1.0, 1e6, 1e10])
    net = quantise(nn.Sequential(nn.Linear(4, 2)), x, fraction=3)
    with torch.no_grad():
        net.get_submodule("0").quantiser.fraction.copy_(torch.tensor([22.0, 3.0, -10.0, -24.0]))
    calibrate(net, x)
    model = to_integer(net)
    assert sum(model.overflows(x.double().numpy()).values()) == 0
    assert np.array_equal(model(x.double().numpy()), net.double().eval()(x.double()).detach().numpy())


def test_bad_examples_are_named() -> None:
    model = nn.Sequential(nn.Linear(4, 2))
    for example in (torch.zeros(0, 4), torch.zeros(4), torch.full((2, 4), float("nan"))):
        with pytest.raises(InputError, match="example"):
            quantise(model, example)
    with pytest.raises(InputError, match=r"events of shape \(5,\)"):
        quantise(model, torch.zeros(2, 5))


def test_calibration_refuses_what_it_cannot_use() -> None:
    net = quantise(nn.Sequential(nn.Linear(4, 2)), torch.randn(9, 4))
    with pytest.raises(InputError, match="at least one event"):
        calibrate(net, torch.zeros(0, 4))
    with pytest.raises(InputError, match="NaN"):
        calibrate(net, torch.full((2, 4), float("inf")))
    with pytest.raises(InputError, match="widen"):
        calibrate(net, torch.zeros(2, 4), widen=0.5)
    with pytest.raises(InputError, match="no quantiser"):
        calibrate(nn.Linear(4, 2), torch.zeros(2, 4))


def test_a_saved_state_goes_into_a_network_made_the_same_way() -> None:
    torch.manual_seed(0)
    model, shape = _networks()[1]
    x = torch.randn(20, *shape)
    net = quantise(model, x)
    calibrate(net, x)
    again = quantise(_networks()[1][0], torch.randn(3, *shape))
    again.load_state_dict(net.state_dict())
    assert torch.equal(again.eval()(x), net.eval()(x))
    assert np.array_equal(to_integer(again)(x.double().numpy()), to_integer(net)(x.double().numpy()))


def _trained(folder: Path, x: Tensor, y: Tensor, *, epochs: int, beta: float) -> nn.Module:
    """A step function of two inputs, learnt under pressure on the cost."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
    net = quantise(model, x)

    def objective(net: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        task = F.binary_cross_entropy_with_logits(net(batch["x"])[:, 0], batch["y"])
        return task + beta * ebops(net)

    def task_alone(net: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return F.binary_cross_entropy_with_logits(net(batch["x"])[:, 0], batch["y"])

    table = TensorTable({"x": x, "y": y})
    settings = Training(epochs=epochs, batch=200, lr=1e-2, clip=None, schedule="constant")
    fit(
        net,
        objective,
        table,
        table,
        settings=settings,
        seed=1,
        folder=folder,
        progress=False,
        validate=task_alone,
    )
    return net


def test_it_trains_in_the_engine_where_pressure_lowers_the_cost(tmp_path: Path) -> None:
    x = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > x[:, 1]).float()
    free = _trained(tmp_path / "free", x, y, epochs=6, beta=0.0)
    small = _trained(tmp_path / "small", x, y, epochs=6, beta=3e-4)
    calibrate(small, x)
    hits = (to_integer(small)(x.double().numpy())[:, 0] > 0) == y.numpy().astype(bool)
    assert hits.mean() > 0.95
    assert float(ebops(small).detach()) < 0.8 * float(ebops(free).detach())


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    x = torch.randn(600, 2, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > x[:, 1]).float()
    whole = _trained(tmp_path / "whole", x, y, epochs=4, beta=1e-4)
    _trained(tmp_path / "stopped", x, y, epochs=2, beta=1e-4)
    resumed = _trained(tmp_path / "stopped", x, y, epochs=4, beta=1e-4)
    for (name, expected), found in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(found, expected), name
