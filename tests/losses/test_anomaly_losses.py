"""Chamfer distance, inverse Dice, KL and distance correlation against brute force, SciPy, NumPy and torch's own."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from femtobarn.errors import InputError
from femtobarn.losses import chamfer, distance_correlation, inverse_dice, kl_standard_normal


def _clouds(seed: int, n: int, m: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(6, k, 3, generator=g, dtype=torch.float64) for k in (n, m))
    masks = [torch.rand(6, k, generator=g) < 0.7 for k in (n, m)]
    masks[0][:, 0] = masks[1][:, 0] = True
    return x, y, masks[0], masks[1]


@given(seed=st.integers(0, 2**31), n=st.integers(1, 9), m=st.integers(1, 9))
def test_chamfer_is_that_of_nearest_neighbour_trees(seed: int, n: int, m: int) -> None:
    x, y, x_mask, y_mask = _clouds(seed, n, m)
    found = chamfer(torch.cdist(x, y), x_mask, y_mask)
    for event in range(6):
        a, b = x[event][x_mask[event]].numpy(), y[event][y_mask[event]].numpy()
        expected = (cKDTree(b).query(a)[0].sum() + cKDTree(a).query(b)[0].sum()) / 2
        assert float(found[event]) == pytest.approx(expected, abs=1e-10)


@given(seed=st.integers(0, 2**31), n=st.integers(1, 9))
def test_chamfer_is_never_more_than_the_best_assignment(seed: int, n: int) -> None:
    x, y, _, _ = _clouds(seed, n, n)
    cost, every = torch.cdist(x, y).square(), torch.ones(6, n, dtype=torch.bool)
    found = chamfer(cost, every, every)
    for event in range(6):
        best = cost[event].numpy()[linear_sum_assignment(cost[event].numpy())].sum()
        assert float(found[event]) <= best + 1e-12
    assert torch.equal(chamfer(torch.cdist(x, x), every, every), torch.zeros(6, dtype=torch.float64))


@pytest.mark.parametrize("padding", [math.nan, math.inf, -1e30])
def test_padding_leaks_neither_into_the_value_nor_into_the_gradient(padding: float) -> None:
    x, y, x_mask, y_mask = _clouds(3, 5, 4)
    pairs = x_mask[:, :, None] & y_mask[:, None, :]
    cost = torch.cdist(x, y)
    clean, dirty = cost.clone().requires_grad_(), torch.where(pairs, cost, padding).requires_grad_()
    values = [chamfer(each, x_mask, y_mask) for each in (clean, dirty)]
    torch.testing.assert_close(values[0], values[1])
    for value in values:
        value.sum().backward()
    assert clean.grad is not None
    assert dirty.grad is not None
    torch.testing.assert_close(dirty.grad, clean.grad)
    assert not clean.grad[~pairs].any()


def test_the_gradient_of_chamfer_is_that_of_its_value() -> None:
    x, y, x_mask, y_mask = _clouds(4, 5, 4)
    cost = torch.cdist(x, y).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: chamfer(c, x_mask, y_mask), (cost,))


def test_forbidden_pairs_and_points_without_a_partner() -> None:
    cost = torch.tensor([[[1.0, math.inf], [math.inf, math.inf]]])
    every = torch.ones(1, 2, dtype=torch.bool)
    assert chamfer(cost, every, every).item() == math.inf
    assert chamfer(cost, every, every, unmatched=10.0).item() == (1 + 10 + 1 + 10) / 2
    none = torch.zeros(1, 2, dtype=torch.bool)
    assert chamfer(cost, none, none).item() == 0
    assert chamfer(cost, every, none, unmatched=3.0).item() == 3
    assert (
        chamfer(torch.zeros(1, 2, 0), every, torch.zeros(1, 0, dtype=torch.bool), unmatched=3.0).item() == 3
    )
    assert chamfer(torch.zeros(0, 2, 2), every[:0], every[:0]).shape == (0,)
    with pytest.raises((InputError, TypeError)):
        chamfer(cost, every, every[:, :1])


@given(seed=st.integers(0, 2**31), smoothing=st.sampled_from([1e-6, 1e-3, 1.0]))
def test_inverse_dice_is_one_over_dice_less_one(seed: int, smoothing: float) -> None:
    g = torch.Generator().manual_seed(seed)
    y, z = torch.rand(2, 4, 3, 6, 5, generator=g, dtype=torch.float64)
    z = z * (torch.rand(z.shape, generator=g) < 0.3)
    found = inverse_dice(z, y, smoothing=smoothing)
    for event in range(4):
        a, b = y[event].numpy(), z[event].numpy()
        dice = (2 * (a * b).sum() + smoothing) / ((a**2).sum() + (b**2).sum() + smoothing)
        assert float(found[event]) == pytest.approx(1 / dice - 1, rel=1e-9)


def test_inverse_dice_at_its_edges() -> None:
    y = torch.rand(3, 2, 5, generator=torch.Generator().manual_seed(1))
    zero = torch.zeros_like(y)
    assert torch.equal(inverse_dice(y, y), torch.zeros(3))
    assert torch.equal(inverse_dice(zero, zero), torch.zeros(3))
    near = y.double() * (1 + 1e-9)  # where 1 / Dice - 1 has no digit left
    expected = 1e-18 / 2
    torch.testing.assert_close(inverse_dice(near, y.double(), smoothing=1e-30), torch.full((3,), expected).double(),
                               rtol=1e-5, atol=0)  # fmt: skip
    for output, target in ((zero, y), (y, zero), (zero, zero)):
        output = output.clone().requires_grad_()
        inverse_dice(output, target).sum().backward()
        assert output.grad is not None
        assert output.grad.isfinite().all()
    large = torch.full((1, 40), 2000.0, dtype=torch.float16)  # the sum of squares is beyond float16
    assert inverse_dice(large, large / 2).item() == pytest.approx(1.25 / 1.0 - 1)
    assert inverse_dice(zero[:0], zero[:0]).shape == (0,)
    with pytest.raises((InputError, TypeError)):
        inverse_dice(y, y[:, :1])
    with pytest.raises(InputError, match="smoothing above 0"):
        inverse_dice(y, y, smoothing=0.0)


def test_kl_is_that_of_torchs_distributions() -> None:
    g = torch.Generator().manual_seed(2)
    mean, log_variance = 3 * torch.randn(2, 7, 4, generator=g, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_standard_normal(mean, log_variance), expected)


def test_kl_keeps_its_digits_near_the_standard_normal() -> None:
    small = torch.tensor([1e-6, -1e-6], dtype=torch.float64)
    found = kl_standard_normal(torch.zeros(2, dtype=torch.float64), small)
    torch.testing.assert_close(found, small.square() / 4, rtol=1e-3, atol=0)
    assert (kl_standard_normal(torch.zeros(3), torch.zeros(3)) == 0).all()


def test_distance_correlation_of_a_batch_has_the_gradient_of_its_value() -> None:
    g = torch.Generator().manual_seed(3)
    x, y, weight = torch.rand(3, 12, generator=g, dtype=torch.float64)
    inputs = [each.clone().requires_grad_() for each in (x, y)]
    assert torch.autograd.gradcheck(lambda a, b: distance_correlation(a, b, weight), inputs)


def test_distance_correlation_falls_when_it_is_trained_away() -> None:
    g = torch.Generator().manual_seed(4)
    mass = torch.randn(300, generator=g)
    noise = torch.randn(300, generator=g)
    share = torch.tensor(0.9, requires_grad=True)
    optimiser = torch.optim.SGD([share], lr=0.5)
    values = []
    for _ in range(60):
        value = distance_correlation(share * mass + noise, mass)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < 0.1 * values[0]
    assert abs(share.item()) < 0.2


def test_distance_correlation_at_its_edges() -> None:
    x = torch.arange(6.0, requires_grad=True)
    flat = distance_correlation(x, torch.ones(6))
    flat.backward()
    assert flat.item() == 0
    assert x.grad is not None
    assert not x.grad.any()
    weight = torch.tensor([1.0, 1, 1, 1, 0, 0])
    y = torch.tensor([0.0, 3, 1, 2, 9, -9])
    torch.testing.assert_close(distance_correlation(x, y, weight), distance_correlation(x[:4], y[:4]))
    assert np.isclose(distance_correlation(x, -2 * x + 1).item(), 1)
    with pytest.raises(InputError, match="weights"):
        distance_correlation(x, y, -weight)
    with pytest.raises((InputError, TypeError)):
        distance_correlation(x, y[:3])
