"""The estimate of a step against networks whose memory and operations can be written down."""

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn

from femtobarn.engine import Batch, StepCost, check_fits, step_cost
from femtobarn.errors import InputError


def _squares(model: nn.Module, batch: Batch) -> Tensor:
    return model(batch["x"]).square().mean()


@pytest.mark.parametrize("batch", [4, 400])
def test_a_chain_of_linear_layers(batch: int) -> None:
    widths = (16, 64, 32, 8)
    layers = [nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(widths)]
    few = {"x": torch.randn(4, widths[0])}
    found = step_cost(_squares, nn.Sequential(*layers), few, batch=batch)
    products = sum(a * b for a, b in itertools.pairwise(widths))
    assert found.parameters == products
    # Forward, by the weights and, but for the first layer, by the inputs.
    assert found.operations == 2 * batch * (3 * products - widths[0] * widths[1])
    # Weights, gradients, two of Adam; inputs of each layer, and what is squared.
    assert found.memory == 4 * (4 * products + batch * sum(widths))


def test_frozen_weights_have_no_gradients_and_no_state() -> None:
    model = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 1, bias=False))
    model[0].requires_grad_(False)
    found = step_cost(_squares, model, {"x": torch.randn(2, 10)}, batch=2)
    assert found.parameters == 10
    assert found.memory == 4 * (100 + 4 * 10 + 2 * 10 + 2)


def test_nothing_is_changed_by_it() -> None:
    model = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    step_cost(_squares, model, {"x": torch.randn(8, 5, generator=torch.Generator().manual_seed(1))}, batch=8)
    assert all(torch.equal(model.state_dict()[name], each) for name, each in before.items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())


def test_what_does_not_fit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * 2**30, 8 * 2**30))
    check_fits(StepCost(1, 2**30, 1), torch.device("cuda:0"))
    check_fits(StepCost(1, 2**50, 1), torch.device("cpu"))
    with pytest.raises(
        InputError, match=r"needs about 3\.0 GiB on cuda:0, which has 2\.0 of 8\.0 GiB free: choose"
    ):
        check_fits(StepCost(1, 3 * 2**30, 1), torch.device("cuda:0"))
