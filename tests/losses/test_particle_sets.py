"""Errors of reconstructed sets: by brute force, by assignment, with the veto; the mean over the best."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from femtobarn.losses import mean_of_best, particle_cost, set_error


def _sets(seed: int, jets: int = 3, particles: int = 7) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    real, made = (torch.rand(jets, particles, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    species = torch.randint(0, 3, (jets, particles), generator=draw)
    mask = torch.arange(particles) < torch.randint(1, particles + 1, (jets, 1), generator=draw)
    return real, made, species, mask


def _by_hand(real: np.ndarray, made: np.ndarray, species: np.ndarray | None, angle: float) -> float:
    """The published formula, pair by pair."""
    n = len(real)
    total = 0.0
    for rows, columns, first in ((real, made, True), (made, real, False)):
        for i in range(n):
            costs = []
            for j in range(n):
                a, b = (
                    (rows[i], columns[j]) if first else (columns[j], rows[i])
                )  # the real one weights the angle
                if species is None or species[i] == species[j]:
                    costs.append(
                        (a[0] - b[0]) ** 2 + a[0] ** 2 * ((a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2) / angle**2
                    )
            total += min(costs)
    return total / (2 * n)


@given(seed=st.integers(0, 2**31), veto=st.booleans())
def test_set_error_is_that_of_a_loop_over_all_pairs(seed: int, veto: bool) -> None:
    real, made, species, mask = _sets(seed)
    found = set_error(real, made, mask, species if veto else None, angle=0.15)
    for row in range(len(real)):
        n = int(mask[row].sum())
        kinds = species[row, :n].numpy() if veto else None
        expected = _by_hand(real[row, :n].numpy(), made[row, :n].numpy(), kinds, 0.15)
        assert found[row].item() == pytest.approx(expected, rel=1e-9)


@given(seed=st.integers(0, 2**31))
def test_set_error_is_at_most_the_best_assignment_and_grows_with_the_veto(seed: int) -> None:
    real, made, species, mask = _sets(seed)
    free, vetoed = (set_error(real, made, mask, kinds, angle=0.1) for kinds in (None, species))
    assert (vetoed >= free - 1e-12).all(), "the veto takes partners away"
    cost = particle_cost(real, made, angle=0.1)
    for row in range(len(real)):
        n = int(mask[row].sum())
        matrix = cost[row, :n, :n].numpy()
        assert free[row].item() <= matrix[linear_sum_assignment(matrix)].mean() + 1e-12


def test_what_stands_at_padding_does_not_count() -> None:
    real, made, species, mask = _sets(5)
    for each in (real, made):
        each[~mask] = 1e6
    other = [torch.where(mask.unsqueeze(-1), each, torch.nan) for each in (real, made)]
    torch.testing.assert_close(
        set_error(real, made, mask, species, angle=0.1), set_error(*other, mask, species, angle=0.1)
    )


def test_the_only_particle_of_its_kind_has_one_partner_whatever_the_distance() -> None:
    real = torch.tensor([[[0.5, 0.0, 0.0], [0.5, 0.3, 0.0]]])
    made = torch.tensor([[[0.5, 0.3, 0.0], [0.5, 0.0, 0.0]]])  # each at the place of the other
    mask, kinds = torch.ones(1, 2, dtype=torch.bool), torch.tensor([[3, 4]])
    assert set_error(real, made, mask, angle=0.1).item() == 0
    assert set_error(real, made, mask, kinds, angle=0.1).item() == pytest.approx(0.25 * 9)


def test_gradients_agree_with_differences() -> None:
    real, made, species, mask = _sets(7)
    made.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: set_error(real, x, mask, species, angle=0.3), (made,))


def test_the_worst_events_feel_nothing_of_the_mean_over_the_best() -> None:
    """Acceptance 5: exactly no gradient for the worst quarter, and with a share of 1 the plain mean."""
    draw = torch.Generator().manual_seed(3)
    value, error = (torch.rand(40, generator=draw, requires_grad=True) for _ in range(2))
    mean_of_best(value, error, 0.75).backward()
    worst = error.detach().topk(10).indices
    assert not value.grad[worst].any()
    assert (value.grad != 0).sum() == 30
    assert error.grad is None, "the choice has no gradient"
    torch.testing.assert_close(mean_of_best(value, error, 1.0), value.mean())
