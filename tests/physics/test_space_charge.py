"""Space charge of a slice: fields of discs and rings in closed form, and what must not push."""

import math

import numpy as np
import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.physics.space_charge import ELECTRON_RADIUS, gaussian_slices, perveance, space_charge_kick


def disc(count: int, radius: float) -> torch.Tensor:
    """Points that fill a disc evenly (sunflower)."""
    place = torch.arange(count, dtype=torch.float64) + 0.5
    r, angle = radius * torch.sqrt(place / count), place * math.pi * (3 - math.sqrt(5))
    return torch.stack((r * torch.cos(angle), r * torch.sin(angle)), dim=1)


def test_a_uniform_round_beam_is_pushed_linearly() -> None:
    """x' = K x / a^2 for each mm, within 2 %."""
    radius, strength = 1.3, 2.5e-7
    points = disc(20_000, radius)
    kick = space_charge_kick(points[None], torch.tensor([strength]))[0]
    inside = points.norm(dim=1) < 0.9 * radius
    slope = (kick[inside] * points[inside]).sum() / points[inside].square().sum()
    assert float(slope) == pytest.approx(strength / radius**2, rel=0.02)
    left = kick[inside] - slope * points[inside]
    assert float(left.norm(dim=1).max()) < 0.05 * float(slope) * radius, "linear in r"


def test_outside_the_beam_is_that_of_a_line_charge() -> None:
    points = torch.cat((disc(20_000, 0.5), torch.tensor([[2.0, 0.0], [0.0, -1.5]])))
    kick = space_charge_kick(points[None], torch.tensor([1.0]))[0, -2:]
    expected = torch.tensor([[0.5, 0.0], [0.0, -1 / 1.5]], dtype=torch.float64)
    torch.testing.assert_close(kick, expected, rtol=0.01, atol=0.01)


def test_forces_within_a_slice_cancel_and_slices_do_not_see_each_other() -> None:
    draw = torch.Generator().manual_seed(1)
    points = torch.randn(2, 3000, 2, generator=draw, dtype=torch.float64)
    strength = torch.tensor([1.0, 0.0])
    kick = space_charge_kick(points, strength)
    assert float(kick[0].mean(dim=0).norm()) < 1e-10 * float(kick[0].abs().max()) * 3000
    assert float(kick[1].abs().max()) == 0
    other = points.clone()
    other[1] = -other[1].flip(1)  # the grid around all of them stays
    torch.testing.assert_close(space_charge_kick(other, strength)[0], kick[0])


def test_slices_of_a_bunch_share_its_charge() -> None:
    """The mean over slices of a fine cut is that of one slice, Q / (2 sqrt(pi) sigma)."""
    (one,) = gaussian_slices(3.0, 0.5, 1)
    assert float(one) == pytest.approx(3.0 / (2 * math.sqrt(math.pi) * 0.5))
    several = gaussian_slices(3.0, 0.5, 8)
    assert float(several.mean()) == pytest.approx(float(one))
    np.testing.assert_allclose(several, several.flip(0), rtol=1e-6)
    z = np.random.default_rng(1).normal(0, 0.5, 400_000)
    density = 3.0 * np.exp(-0.5 * (z / 0.5) ** 2) / (0.5 * math.sqrt(2 * math.pi))
    sampled = [density[order].mean() for order in np.array_split(np.argsort(z), 8)]
    np.testing.assert_allclose(several, sampled, rtol=0.03)


def test_the_perveance_is_that_of_currents() -> None:
    """K = 2 I / (I_A beta^3 gamma^3) with the Alfven current of 17.045 kA."""
    beta, gamma = 0.9120352, 2.4383591
    line_charge = 2.0  # fC a mm
    current = line_charge * 1e-15 * 1e3 * beta * 299_792_458
    assert perveance(line_charge, 735.0) == pytest.approx(
        2 * current / (17_045.09 * (beta * gamma) ** 3), rel=1e-4
    )
    assert pytest.approx(2.8179403e-12) == ELECTRON_RADIUS


def test_gradients_flow_to_positions() -> None:
    points = disc(500, 1.0)[None].requires_grad_()
    space_charge_kick(points, torch.tensor([1.0]))[0, :5].sum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    assert points.grad.abs().sum() > 0


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="finite"):
        space_charge_kick(torch.full((1, 3, 2), torch.nan), torch.tensor([1.0]))
    with pytest.raises(InputError, match="slice"):
        gaussian_slices(1.0, 1.0, 0)
