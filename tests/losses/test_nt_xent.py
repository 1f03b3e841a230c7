"""Contrastive loss: its definition by a double loop, its symmetries and its closed form."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses import nt_xent


def views(seed: int, images: int, features: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    one, two = torch.randn(2, images, features, generator=generator, dtype=torch.float64)
    return one, two


def by_loops(one: Tensor, two: Tensor, temperature: float) -> float:
    rows = [row / row.norm() for row in (*one, *two)]
    total = 0.0
    for i, row in enumerate(rows):
        other = (i + len(one)) % len(rows)
        sums = sum(math.exp(float(row @ rows[k]) / temperature) for k in range(len(rows)) if k != i)
        total += math.log(sums) - float(row @ rows[other]) / temperature
    return total / len(rows)


@given(
    seed=st.integers(0, 2**31),
    images=st.integers(2, 9),
    features=st.integers(1, 8),
    temperature=st.floats(0.05, 2.0),
)
def test_the_definition_by_loops(seed: int, images: int, features: int, temperature: float) -> None:
    one, two = views(seed, images, features)
    found = nt_xent(one, two, temperature=temperature)
    assert float(found) == pytest.approx(by_loops(one, two, temperature), abs=1e-6)
    torch.testing.assert_close(nt_xent(two, one, temperature=temperature), found)
    longer = one * torch.rand(images, 1, dtype=torch.float64).add(0.1)
    torch.testing.assert_close(nt_xent(longer, two, temperature=temperature), found)


@pytest.mark.parametrize("images", [2, 7, 100])
def test_views_that_are_all_the_same(images: int) -> None:
    same = torch.ones(images, 5)
    assert float(nt_xent(same, same, temperature=0.2)) == pytest.approx(math.log(2 * images - 1), abs=1e-5)


def test_a_small_temperature_stays_finite() -> None:
    one, two = (each.float() for each in views(1, 6, 4))
    one.requires_grad_(True)
    loss = nt_xent(one, two, temperature=1e-4)
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert one.grad is not None
    assert torch.isfinite(one.grad).all()


def test_gradients_are_those_of_finite_differences() -> None:
    one, two = (each.requires_grad_(True) for each in views(2, 3, 4))
    assert torch.autograd.gradcheck(nt_xent, (one, two))


def test_one_image_has_no_other() -> None:
    with pytest.raises(InputError, match="at least two images"):
        nt_xent(torch.ones(1, 3), torch.ones(1, 3))
