"""GANs of showers: windows and conditions, formulas of the discriminator, units, what the noise of a cell does."""

import math

import pytest
import torch
from torch import nn

from femtobarn.nn.shower_gans import (
    AngleGenerator,
    CompactDiscriminator,
    CompactGenerator,
    Discriminator,
    FixedAngleGenerator,
    Verdict,
    generate,
    generator_loss,
)
from femtobarn.physics.calorimeter_cells import NO_ANGLE, shower_angle


def test_generators_make_windows() -> None:
    z = torch.randn(2, 256)
    assert AngleGenerator(first=2, narrow=2)(z).shape == (2, 1, 51, 51, 25)
    assert FixedAngleGenerator(wide=2, narrow=2)(z[:, :200]).shape == (2, 1, 25, 25, 25)
    conditions = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 1.6])
    drawn = AngleGenerator(first=2, narrow=2).draw(*conditions, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn[:, 0], conditions[0])
    assert torch.equal(drawn[:, 1], conditions[1])


@pytest.mark.parametrize("cells", [25, 51])
@pytest.mark.parametrize("power", [0.85, 1.0])
def test_the_discriminator_measures_sum_and_angle_by_formulas(cells: int, power: float) -> None:
    torch.manual_seed(0)
    model = Discriminator(cells=cells, power=power, first=2, narrow=2).eval()
    image = (torch.rand(2, 1, cells, cells, 25) ** 20).requires_grad_(True)
    verdict = model(image, torch.ones(2))
    torch.testing.assert_close(verdict.total, image.sum(dim=(1, 2, 3, 4)))
    torch.testing.assert_close(verdict.angle, shower_angle(image[:, 0]))
    torch.autograd.backward(verdict.real.sum())
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().sum() > 0


def test_the_power_changes_what_the_discriminator_sees() -> None:
    image = torch.rand(2, 1, 25, 25, 25) ** 20
    scores = []
    for power in (0.85, 1.0):
        torch.manual_seed(0)
        model = Discriminator(cells=25, power=power, first=2, narrow=2).eval()
        scores.append(model(image, torch.ones(2)).real)
    assert not torch.allclose(scores[0], scores[1])


def test_an_image_without_energy_costs_no_angle() -> None:
    nothing, unit = torch.zeros(3), torch.ones(3)
    verdict = Verdict(nothing, unit, torch.full((3,), NO_ANGLE), nothing)
    loss = generator_loss(verdict, unit, 1.5 * unit, unit, (3.0, 0.1, 25.0, 0.1))
    assert float(loss) == pytest.approx(3 * math.log(2) + 0.1 * 100, rel=1e-5)


@pytest.mark.parametrize("build", [FixedAngleGenerator, CompactGenerator])
def test_generated_showers_are_in_file_units_and_repeat(build: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = build(latent=8, wide=2, narrow=2).eval()
    energy, theta = torch.full((5,), 20.0), torch.full((5,), math.pi / 2)
    one, two = (
        generate(
            model,
            energy,
            theta,
            unit=10.0,
            cell_unit=0.1,
            generator=torch.Generator().manual_seed(3),
            batch=2,
        )
        for _ in "ab"
    )
    assert torch.equal(one, two)
    assert (one >= 0).all()
    assert ((one == 0) | (one > 1e-4)).all()


def test_the_compact_generator_knows_the_energy() -> None:
    """At the same noise the energy alone decides; the noise of a cell changes that cell alone."""
    torch.manual_seed(0)
    model = CompactGenerator(latent=5, wide=2, narrow=2).eval()
    z = model.draw(torch.tensor([2.0]), torch.ones(1), generator=torch.Generator().manual_seed(0))
    assert float(z[0, 0]) == 2
    image = model(z)[0, 0]
    assert image.shape == (13, 13, 25)
    cell, changed = 6 * 13 * 25 + 6 * 25 + 8, set()
    for noise in (-30.0, 30.0):  # of one sign it empties the cell, of the other it fills it
        other = z.clone()
        other[0, cell - 13 * 13 * 25] = noise
        changed |= {tuple(place) for place in (model(other)[0, 0] != image).nonzero().tolist()}
    assert changed == {(6, 6, 8)}
    twice = z.clone()
    twice[0, 0] = 4
    model.seed.weight.data[:, 0] = 0  # without the logarithm only the factor is left
    torch.testing.assert_close(model(twice), 2 * model(z))


def test_the_compact_discriminator_sees_each_cell_and_the_energy() -> None:
    torch.manual_seed(0)
    model = CompactDiscriminator(first=2, others=2).eval()
    image = (torch.rand(2, 1, 13, 13, 25) ** 20).requires_grad_(True)
    energy = torch.tensor([1.0, 2.0])
    verdict = model(image, energy)
    torch.testing.assert_close(verdict.total, image.sum(dim=(1, 2, 3, 4)))
    torch.autograd.backward(verdict.real.sum())
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
    assert (image.grad != 0).float().mean() > 0.99
    again = model(image, 2 * energy)
    assert not torch.allclose(again.real, verdict.real)
    torch.testing.assert_close(again.energy, verdict.energy)  # it must be read from the cells
