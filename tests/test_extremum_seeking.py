"""Extremum seeking: bounded steps, the average it follows, tracking, and the trajectory of another code."""

import math

import pytest
import torch

from femtobarn.engine import ExtremumSeeking, Seeking
from femtobarn.errors import InputError

CENTRE = torch.tensor([[0.3, -0.2, 0.1, 0.5]], dtype=torch.float64)
#: Steps 1, 10, 20 and 30 of the generator of Xopt 3.2.2 (k 2, oscillation 0.1, bounds -1 to 1) from (0, .1, -.1, .2)
#: on the squared distance to CENTRE.
XOPT = {
    1: (0.029221423775611606, 0.1208614376208156, -0.04886250839267969, 0.2365075158364273),
    10: (-0.09433631331931235, 0.21746764550605818, -0.044207728515261974, 0.25050070090752585),
    20: (0.09544422547727058, 0.10293223953578731, -0.08313750650470929, 0.2658831772006588),
    30: (-0.06465114197313786, 0.10941113644064218, -0.028725302622804746, 0.27865699891213447),
}


def distance(position: torch.Tensor, centre: torch.Tensor = CENTRE) -> torch.Tensor:
    return (position - centre).square().sum(dim=1)


def followed(rule: ExtremumSeeking, centres: torch.Tensor) -> torch.Tensor:
    """Positions while the optimum moves along these centres."""
    state, found = rule.start(torch.zeros_like(centres[:1])), []
    for centre in centres:
        found.append(state.position[0])
        state = rule.step(state, distance(state.position, centre))
    return torch.stack(found)


def test_the_trajectory_is_that_of_xopt() -> None:
    rule = ExtremumSeeking(oscillation=0.1, gain=2.0, pairs=True)
    state = rule.start(torch.tensor([[0.0, 0.1, -0.1, 0.2]], dtype=torch.float64))
    for step in range(1, 31):
        state = rule.step(state, distance(state.position))
        if step in XOPT:
            assert state.position[0].tolist() == pytest.approx(XOPT[step], abs=1e-12)


@pytest.mark.parametrize("gain", [1.0, 3.0, 10.0])
def test_a_drifting_optimum_is_tracked_within_the_oscillation(gain: float) -> None:
    time = torch.arange(3000, dtype=torch.float64)[:, None]
    phases = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    centres = 0.3 * torch.sin(2 * math.pi * time / 3000 + phases)
    found = followed(ExtremumSeeking(oscillation=0.1, gain=gain), centres)
    assert float((found - centres)[500:].abs().mean()) <= 0.1


def test_without_gain_the_parameters_oscillate_with_the_amplitude_asked_for() -> None:
    found = followed(ExtremumSeeking(oscillation=0.1, gain=0.0), torch.zeros(3000, 4, dtype=torch.float64))
    amplitude = (found.amax(dim=0) - found.amin(dim=0)) / 2
    assert amplitude.tolist() == pytest.approx([0.1] * 4, rel=0.1)


@pytest.mark.parametrize("cost", [0.0, 1.0, -1e9, 1e9, math.inf, math.nan])
def test_no_cost_makes_a_large_step(cost: float) -> None:
    rule = ExtremumSeeking(oscillation=0.1, gain=50.0)
    state, most = rule.start(torch.zeros(1, 6, dtype=torch.float64)), 0.0
    frequency = torch.linspace(1, 1.75, 6, dtype=torch.float64)
    bound = rule.time_step * 0.1 * frequency  # dt sqrt(a w), a = w osc^2
    for _ in range(200):
        after = rule.step(state, torch.tensor([cost], dtype=torch.float64))
        most = max(most, float(((after.position - state.position).abs() / bound).max()))
        state = after
    assert most <= 1 + 1e-9
    assert most > 0.9, "the bound is reached"


@pytest.mark.parametrize("oscillation", [0.02, 0.05])
def test_the_average_follows_the_gradient(oscillation: float) -> None:
    """Mean drift over -(k a / 2) dC/dp, averaged over the parameters, on a static parabola."""
    gain, steps = 3.0, 1200
    rule = ExtremumSeeking(oscillation=oscillation, gain=gain)
    found = followed(rule, CENTRE.expand(steps, -1))
    window = 140  # several periods of each frequency
    mean = found.unfold(0, window, 1).mean(dim=-1)
    time = steps - window
    drift = mean[time] - mean[0]
    frequency = torch.linspace(1, 1.75, 4, dtype=torch.float64)
    slope = 2 * (mean[:time] - CENTRE).sum(dim=0) * rule.time_step
    expected = -gain * frequency * oscillation**2 / 2 * slope
    assert 0.7 < float((drift / expected).mean()) < 1.4


def test_a_stored_state_goes_on_as_if_nothing_had_happened(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rule = ExtremumSeeking(decay=0.99)
    state = rule.start(torch.zeros(2, 3))
    for _ in range(7):
        state = rule.step(state, distance(state.position, CENTRE[:, :3].float()))
    torch.save(state._asdict(), tmp_path / "state.pt")
    again = Seeking(**torch.load(tmp_path / "state.pt"))
    for _ in range(7):
        state, again = (rule.step(s, distance(s.position, CENTRE[:, :3].float())) for s in (state, again))
    assert torch.equal(state.position, again.position)
    assert state.steps == again.steps == 14


def test_a_decay_settles_and_a_limit_holds() -> None:
    far = torch.full((2000, 3), 5.0, dtype=torch.float64)
    found = followed(ExtremumSeeking(decay=0.99, gain=5.0), far)
    assert float(found.abs().max()) <= 1
    assert float(found[-50:].std(dim=0).max()) < 1e-6


def test_machines_do_not_see_each_other() -> None:
    rule = ExtremumSeeking()
    both = rule.step(rule.start(torch.zeros(2, 3)), torch.tensor([0.3, 7.0]))
    alone = rule.step(rule.start(torch.zeros(1, 3)), torch.tensor([0.3]))
    torch.testing.assert_close(both.position[:1], alone.position)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InputError, match="above 0"):
        ExtremumSeeking(oscillation=0.0)
    with pytest.raises(InputError, match="decay"):
        ExtremumSeeking(decay=1.1)
