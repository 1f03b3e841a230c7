"""The inner loop against the closed form of a quadratic loss, and on modules of other kinds."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from femtobarn.errors import InputError
from femtobarn.nn.inner_loop import adapted, weights_of

DRAW = torch.Generator().manual_seed(1)
A = torch.randn(4, 4, generator=DRAW, dtype=torch.float64)
HESSIAN, TARGET = (
    A @ A.T + torch.eye(4, dtype=torch.float64),
    torch.randn(4, generator=DRAW, dtype=torch.float64),
)


def _quadratic(weights: dict[str, Tensor]) -> Tensor:
    w = weights["w"]
    return 0.5 * w @ HESSIAN @ w


def _outer(w: Tensor) -> Tensor:
    return (w - TARGET).pow(2).sum() + w.prod()


@pytest.mark.parametrize("steps", [1, 3])
def test_the_outer_gradient_is_the_closed_form(steps: int) -> None:
    rate = 0.05
    start = torch.randn(4, generator=DRAW, dtype=torch.float64).requires_grad_()
    found = adapted(_quadratic, {"w": start}, rate=rate, steps=steps)["w"]
    jacobian = torch.linalg.matrix_power(torch.eye(4, dtype=torch.float64) - rate * HESSIAN, steps)
    torch.testing.assert_close(found.detach(), jacobian @ start.detach(), rtol=1e-6, atol=1e-6)
    (gradient,) = torch.autograd.grad(_outer(found), start)
    there = found.detach().requires_grad_()
    (at_end,) = torch.autograd.grad(_outer(there), there)
    torch.testing.assert_close(gradient, jacobian.T @ at_end, rtol=1e-6, atol=1e-6)


def test_first_order_gives_the_gradient_at_the_adapted_weights() -> None:
    start = torch.randn(4, generator=DRAW, dtype=torch.float64).requires_grad_()
    found = adapted(_quadratic, {"w": start}, rate=0.05, steps=2, first_order=True)["w"]
    same = adapted(_quadratic, {"w": start}, rate=0.05, steps=2)["w"]
    torch.testing.assert_close(found, same)
    (gradient,) = torch.autograd.grad(_outer(found), start)
    there = found.detach().requires_grad_()
    (expected,) = torch.autograd.grad(_outer(there), there)
    torch.testing.assert_close(gradient, expected)


def _task() -> tuple[Tensor, Tensor]:
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    return x, torch.arange(6) % 2


def test_any_module_adapts_and_only_what_is_asked_for() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    x, y = _task()
    some, others = weights_of(net, adapted=lambda name: name.startswith("2."))
    assert set(some) == {"2.weight", "2.bias"}

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return cross_entropy(functional_call(net, weights | others, (x,)), y)

    found = adapted(loss, some, rate=0.5, steps=20)
    assert loss(found) < 0.7 * loss(some)
    loss(found).backward()
    assert all(w.grad is not None and w.grad.any() for w in net.parameters()), "also of what is not adapted"


def test_step_sizes_can_be_learned() -> None:
    torch.manual_seed(1)
    net = nn.Linear(3, 2)
    x, y = _task()
    rates = {name: torch.tensor(0.1, requires_grad=True) for name in ("weight", "bias")}
    some, _ = weights_of(net)
    found = adapted(lambda w: cross_entropy(functional_call(net, w, (x,)), y), some, rate=rates)
    cross_entropy(functional_call(net, found, (x,)), y).backward()
    assert all(rate.grad is not None and rate.grad < 0 for rate in rates.values()), "more is better here"


def test_what_follows_a_step_is_applied_after_each() -> None:
    clipped = adapted(
        _quadratic, {"w": TARGET * 10}, rate=0.01, steps=3, after_step=lambda w: {"w": w["w"].clamp(-1, 1)}
    )
    assert clipped["w"].abs().max() <= 1


def test_nothing_to_adapt_and_no_step_are_refused() -> None:
    with pytest.raises(InputError, match="no parameter is to be adapted: there are weight, bias"):
        weights_of(nn.Linear(2, 2), adapted=lambda name: name == "head")
    with pytest.raises(InputError, match="at least one step, got 0"):
        adapted(_quadratic, {"w": TARGET}, rate=0.1, steps=0)
