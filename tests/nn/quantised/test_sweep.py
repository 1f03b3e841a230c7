"""Schedules of beta, the controller of a budget, and the Pareto set."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from femtobarn.errors import InputError
from femtobarn.nn.quantised import BetaPoint, BudgetController, ParetoSet, beta_at


def test_a_schedule_passes_through_its_points_in_its_ways() -> None:
    points = [
        BetaPoint(2, 1e-6),
        BetaPoint(10, 1e-6, "log"),
        BetaPoint(30, 1e-2, "linear"),
        BetaPoint(40, 0.0),
    ]
    assert [beta_at(epoch, points) for epoch in (0, 2, 9.9, 10)] == [1e-6] * 4
    assert beta_at(20, points) == pytest.approx(1e-4)
    assert beta_at(30, points) == 1e-2
    assert beta_at(35, points) == pytest.approx(5e-3)
    assert beta_at(99, points) == 0.0


def test_schedules_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="increasing"):
        beta_at(0, [])
    with pytest.raises(InputError, match="increasing"):
        beta_at(0, [BetaPoint(1, 1e-6), BetaPoint(1, 1e-5)])
    with pytest.raises(InputError, match="positive"):
        beta_at(1, [BetaPoint(0, 0.0, "log"), BetaPoint(2, 1e-5)])
    with pytest.raises(InputError, match="positive"):
        BudgetController(0, beta=1e-6)


def test_the_controller_starts_smoothly_and_meets_its_budget() -> None:
    """On a plant whose cost falls as a power of beta, and follows it with a delay."""
    controller = BudgetController(1000, beta=1e-6, integral=0.05)
    cost, first = 50_000.0, None
    for _ in range(400):
        beta = controller.update(cost)
        first = first or beta
        wanted = 3e4 * (beta / 1e-6) ** -0.4
        cost *= (wanted / cost) ** 0.3
    assert first == pytest.approx(1e-6)
    assert cost == pytest.approx(1000, rel=0.02)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=30))
def test_the_set_is_what_a_search_over_all_pairs_leaves(points: list[tuple[int, int]]) -> None:
    model, kept = nn.Linear(1, 1), ParetoSet()
    for epoch, (quality, cost) in enumerate(points):
        kept.offer(model, quality=quality, cost=cost, epoch=epoch)
    best = {(q, c) for q, c in points if not any((a >= q and b <= c) and (a, b) != (q, c) for a, b in points)}
    assert [(each.quality, each.cost) for each in kept.checkpoints] == sorted(best, key=lambda p: p[1])


def test_a_checkpoint_is_a_copy_and_a_nan_is_no_checkpoint() -> None:
    model, kept = nn.Linear(1, 1), ParetoSet()
    assert kept.offer(model, quality=0.5, cost=10, epoch=0)
    before = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.fill_(7)
    assert torch.equal(kept.checkpoints[0].state["weight"], before)
    assert not kept.offer(model, quality=math.nan, cost=1, epoch=1)
    assert not kept.offer(model, quality=0.5, cost=10, epoch=2)
