"""A beam line: particles against the closed form, rotation and magnification, charge, and what is refused."""

import math

import numpy as np
import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.simulate.beam_histories import Machine, beam_history, training_pairs
from femtobarn.simulate.beam_line import BeamLine, optics, rms_size, screen_image
from femtobarn.simulate.beam_tracking import emitted, screen_of, tracked
from femtobarn.simulate.cathode_maps import spot_maps

LINE = BeamLine()


def field(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def charges(seed: int = 1, size: int = 32) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    where = draw.uniform(-0.3, 0.3, (1, 3, 2))
    return spot_maps(
        where, draw.uniform(0.15, 0.3, (1, 3)), draw.uniform(0.2, 1.2, (1, 3)), size=size
    ).double()


def image(maps: torch.Tensor, strength: float, **more: torch.Tensor) -> torch.Tensor:
    return screen_image(maps, field(strength), LINE, **more)[0]


@pytest.mark.parametrize("strength", [0.030, 0.038, 0.044])
def test_tracked_particles_are_the_closed_form_within_poisson(strength: float) -> None:
    count = 1_000_000
    beam = emitted(charges()[0], LINE, count, seed=3, quiet=False)
    # Both see the map through the screen, whose Gaussian correlates pixels: compare sharp counts in coarse squares.
    found, expected = (
        each.unflatten(0, (8, 4)).unflatten(2, (8, 4)).sum(dim=(1, 3))
        for each in (screen_of(tracked(beam, strength, LINE), LINE), image(charges(), strength))
    )
    pull = (found - expected) * count / (expected * count).clamp(min=20).sqrt()
    assert float(pull.abs().max()) < 4.5
    assert float(found.sum()) == pytest.approx(float(expected.sum()), abs=2e-3)


def test_a_quiet_start_has_less_noise() -> None:
    expected = image(charges(), 0.038)
    quiet, random = (
        float(
            (
                screen_of(tracked(emitted(charges()[0], LINE, 8192, seed=1, quiet=q), 0.038, LINE), LINE)
                - expected
            )
            .abs()
            .sum()
        )
        for q in (True, False)
    )
    assert quiet < 0.5 * random
    assert quiet < 0.05


def test_the_image_turns_by_kl_and_is_magnified() -> None:
    """Centre and width of one spot on the screen, to a milliradian and a part in a thousand."""
    where = np.array([[[0.4, 0.0]]])
    one = spot_maps(where, np.array([[0.08]]), np.array([[1.0]]), size=64).double()
    line = BeamLine(screen=6.0, pixels=128)
    for strength in (0.036, 0.042):
        seen = screen_image(one, field(strength), line)[0]
        axis = line.screen * ((torch.arange(128) + 0.5) * 2 / 128 - 1)
        x, y = (float((seen * a).sum() / seen.sum()) for a in (axis[None], axis[:, None]))
        found = optics(line, field(strength))
        position, turn = float(found.position), float(found.rotation)
        assert math.hypot(x, y) == pytest.approx(0.4 * line.cathode * abs(position), rel=1e-3)
        # The matrix takes (x, 0) to position * (cos, -sin).
        assert math.atan2(-y * math.copysign(1, position), x * math.copysign(1, position)) == pytest.approx(
            turn, abs=1e-3
        )
        assert turn == pytest.approx(strength / (2000 * line.stiffness) * line.length)


def test_charge_is_kept_and_linear() -> None:
    one, two = charges(1), charges(2)
    assert float(image(one, 0.036).sum()) == pytest.approx(1, abs=5e-3)
    torch.testing.assert_close(image(one + 2 * two, 0.036), image(one, 0.036) + 2 * image(two, 0.036))


def test_no_charge_is_no_charge() -> None:
    """Tracking with 0 C is bit by bit that of neutral particles; the closed form goes over into it."""
    beam = emitted(charges()[0], LINE, 2048, seed=1)
    assert torch.equal(tracked(beam, 0.038, LINE, charge=0.0), tracked(beam, 0.038, LINE))
    with_kicks = tracked(beam, 0.038, LINE, charge=1e-12)
    torch.testing.assert_close(with_kicks, tracked(beam, 0.038, LINE), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        image(charges(), 0.038, charge=field(0.0)), image(charges(), 0.038), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("charge", [300.0, 1000.0])
def test_the_envelope_takes_most_of_the_space_charge(charge: float) -> None:
    """Of one round spot; particles that see each other against the linear envelope."""
    spot = spot_maps(np.zeros((1, 1, 2)), np.array([[0.35]]), np.ones((1, 1))).double()
    beam = emitted(spot[0], LINE, 16_384, seed=1)
    without = screen_of(tracked(beam, 0.034, LINE), LINE)
    change = screen_of(tracked(beam, 0.034, LINE, charge=charge), LINE) - without
    linear = image(spot, 0.034, charge=field(charge)) - image(spot, 0.034)
    assert float(change.abs().sum()) > 0.05
    assert float((change - linear).abs().sum()) < 0.4 * float(change.abs().sum())


def test_slices_share_one_answer_for_a_long_bunch() -> None:
    """Five slices of a Gaussian bunch change the image as much as one of their mean line charge, to a tenth."""
    beam = emitted(charges()[0], LINE, 10_000, seed=1)
    changes = [
        tracked(beam, 0.036, LINE, charge=300.0, slices=n)[:, [0, 2]].square().sum(dim=1).mean()
        for n in (1, 5)
    ]
    before = tracked(beam, 0.036, LINE)[:, [0, 2]].square().sum(dim=1).mean()
    assert float((changes[1] - before) / (changes[0] - before)) == pytest.approx(1, abs=0.1)


def test_the_envelope_equation_in_a_drift() -> None:
    """The rms width of a uniform disc that only its charge drives apart, against SciPy's integrator."""
    from scipy.integrate import solve_ivp

    from femtobarn.physics.space_charge import gaussian_slices, perveance

    line = BeamLine(before=0.0, length=1e-6, after=1000.0, divergence=0.0)
    size, charge = 0.3, 500.0
    strength = perveance(float(gaussian_slices(charge, line.pulse, 1)), line.kinetic)
    exact = solve_ivp(lambda _, u: (u[1], strength / (4 * u[0])), (0, 1000), (size, 0.0), rtol=1e-9).y[0, -1]
    found = optics(line, field(0.0), charge=field(charge), size=field(size))
    assert float(found.position) * size == pytest.approx(exact, rel=0.01)
    assert exact > 1.1 * size


def test_gradients_are_right() -> None:
    maps, strength, charge = charges(size=8), field(0.037), field(50.0)
    line = BeamLine(pixels=6)
    inputs = [each.clone().requires_grad_() for each in (maps, strength, charge)]
    assert torch.autograd.gradcheck(
        lambda m, f, q: screen_image(m, f, line, charge=q), inputs, atol=1e-5, eps=1e-7
    )


def test_the_size_of_a_map() -> None:
    one = spot_maps(np.zeros((1, 1, 2)), np.array([[0.2]]), np.ones((1, 1)), size=64)
    assert float(rms_size(one, LINE)) == pytest.approx(0.2 * LINE.cathode, rel=1e-3)


def test_a_history_is_that_of_its_machine() -> None:
    """The true field, the charge and the camera stand behind the screens, and only the field read back is told."""
    machine = Machine(particles=8192, jitter=0.0, noise=0.0)
    maps = charges().float().expand(6, -1, -1)
    found = beam_history("a", maps, machine, lens_error=0.05, seed=1)
    expected = screen_image(maps.double(), found.field.double() * 1.05, machine.line)
    assert float((found.screen - expected).abs().sum(dim=(1, 2)).max()) < 0.06
    wrong = screen_image(maps.double(), found.field.double(), machine.line)
    assert float((found.screen - wrong).abs().sum(dim=(1, 2)).min()) > 0.1
    again = beam_history("a", maps, machine, lens_error=0.05, seed=1)
    assert torch.equal(found.screen, again.screen)


def test_a_jitter_of_the_energy_is_one_of_the_field() -> None:
    maps = charges().float().expand(40, -1, -1)
    still, shaken = (
        beam_history("a", maps, Machine(particles=512, jitter=j, noise=0.0), seed=1).screen
        for j in (0.0, 0.02)
    )
    assert float((shaken - still).abs().sum(dim=(1, 2)).mean()) > 0.02


def test_wide_pairs_reach_further() -> None:
    some = [
        training_pairs(300, Machine(), size=32, wide=w, generator=np.random.default_rng(1))["map"]
        for w in (False, True)
    ]
    narrow, wide = (float(rms_size(each, LINE).mean()) for each in some)
    assert wide > 1.3 * narrow


def test_wishes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="4 pixels"):
        BeamLine(pixels=2)
    with pytest.raises(InputError, match="beside its charge"):
        optics(LINE, field(0.03), charge=field(1.0))
    with pytest.raises(InputError, match="as many particles"):
        tracked(torch.zeros(2, 4), 0.03, LINE, slices=3)
    with pytest.raises(InputError, match="a map of charges"):
        emitted(torch.zeros(4, 4), LINE, 10, seed=1)
    with pytest.raises(InputError, match="rising fields"):
        Machine(field_range=(0.04, 0.03))
