import math

import pytest
import torch

from femtobarn.nn.flow_matching import follow, matching_loss, unit_velocity


def test_following_a_rotation_is_good_to_second_order() -> None:
    begin = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64) * math.pi / 2
    errors = [
        float((follow(lambda x, _: x @ turn, begin, steps=n) - torch.tensor([[0.0, 1.0]])).norm())
        for n in (10, 20)
    ]
    assert errors[0] < 0.01
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.1)


def test_time_runs_from_zero_to_one() -> None:
    end = follow(lambda x, t: 3 * t.unsqueeze(1) ** 2 * torch.ones_like(x), torch.zeros(4, 2), steps=50)
    torch.testing.assert_close(end, torch.ones(4, 2), rtol=0, atol=1e-3)


def test_the_true_velocity_of_a_gaussian_has_the_least_loss_and_leads_to_it() -> None:
    """From N(0, 1) to N(m, s^2), independent: E[x_1 - x_0 | x_t] is linear in x_t."""
    m, s, random = 2.0, 0.5, torch.Generator().manual_seed(0)

    def truth(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        t = t.unsqueeze(1)
        slope = (t * s**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * s**2)
        return m + slope * (x - t * m)

    begin = torch.randn(50_000, 1, generator=random)
    end = m + s * torch.randn(50_000, 1, generator=random)
    best = matching_loss(truth, begin, end, generator=torch.Generator().manual_seed(1))
    for wrong in (lambda x, t: truth(x, t) + 0.1, lambda x, t: 0.9 * truth(x, t)):
        assert matching_loss(wrong, begin, end, generator=torch.Generator().manual_seed(1)) > best + 0.005
    made = follow(truth, begin, steps=50)
    assert float(made.mean()) == pytest.approx(m, abs=0.02)
    assert float(made.std()) == pytest.approx(s, abs=0.02)


def test_between_unit_gaussians_nothing_is_left_to_learn() -> None:
    """Also if both have the same correlations."""
    random = torch.Generator().manual_seed(0)
    mix = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    begin, end = (torch.randn(2, 50_000, 2, generator=random) @ mix.T).unbind()
    losses = [
        matching_loss(
            lambda x, t, f=factor: f * unit_velocity(x, t),
            begin,
            end,
            generator=torch.Generator().manual_seed(1),
        )
        for factor in (1.0, 0.9, 1.1)
    ]
    assert losses[0] < min(losses[1:]) - 0.003
    assert float(losses[0]) == pytest.approx(math.pi / 2, rel=0.02), "mean variance of x_1 - x_0 given x_t"
