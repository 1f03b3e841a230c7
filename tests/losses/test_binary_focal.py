"""The focal loss: its limit, the formula, what it does far out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from femtobarn.losses import binary_focal


def _rows(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return 4 * torch.randn(n, generator=g, dtype=torch.float64), torch.rand(n, generator=g) < 0.4


@given(seed=st.integers(0, 2**31), n=st.integers(1, 30))
def test_without_focus_it_is_half_the_cross_entropy(seed: int, n: int) -> None:
    logits, target = _rows(seed, n)
    expected = F.binary_cross_entropy_with_logits(logits, target.double()) / 2
    torch.testing.assert_close(binary_focal(logits, target, gamma=0.0, alpha=0.5), expected)


@given(seed=st.integers(0, 2**31), gamma=st.floats(0, 5), alpha=st.floats(0.01, 0.99))
def test_it_is_the_formula_in_probabilities(seed: int, gamma: float, alpha: float) -> None:
    logits, target = _rows(seed, 20)
    true = target.numpy()
    p = 1 / (1 + np.exp(-logits.numpy()))
    right = np.where(true, p, 1 - p)
    expected = (np.where(true, alpha, 1 - alpha) * (1 - right) ** gamma * -np.log(right)).mean()
    assert binary_focal(logits, target, gamma=gamma, alpha=alpha).item() == pytest.approx(expected)


def test_it_and_its_gradient_stay_finite_far_out() -> None:
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    loss = binary_focal(logits, torch.tensor([True, True, False, False]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_easy_cases_count_little() -> None:
    target = torch.tensor([True])
    easy, hard = (binary_focal(torch.tensor([x]), target).item() for x in (3.0, -3.0))
    plain = [F.softplus(torch.tensor(-x)).item() for x in (3.0, -3.0)]
    assert easy / hard < plain[0] / plain[1] / 100
