"""Losses of both players of the 3-D GAN, with the energy, angle and sum of the real showers."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.shower_gans.images import Verdict
from femtobarn.physics.calorimeter_cells import NO_ANGLE

Weights = tuple[float, float, float, float]  #: of cross entropy, energy, angle and sum


def generator_loss(
    verdict: Verdict,
    energy: Float[Tensor, "shower"],
    angle: Float[Tensor, "shower"],
    total: Float[Tensor, "shower"],
    weights: Weights,
) -> Float[Tensor, ""]:
    """What a generator minimises: taken for real, with the energy, angle and sum of the real showers.

    ``w0 BCE + w1 MAPE(energy) + w2 MAE(angle) + w3 MAPE(sum)``, MAPE in percent; an image without energy has no
    angle and counts for none.
    """
    judged = nn.functional.binary_cross_entropy_with_logits(verdict.real, torch.ones_like(verdict.real))
    away = torch.where(verdict.angle == NO_ANGLE, 0.0, (verdict.angle - angle).abs()).mean()
    return (
        weights[0] * judged
        + weights[1] * mape(verdict.energy, energy)
        + weights[2] * away
        + weights[3] * mape(verdict.total, total)
    )


def discriminator_loss(
    verdict: Verdict,
    energy: Float[Tensor, "shower"],
    label: Float[Tensor, "shower"],
    weights: Weights,
) -> Float[Tensor, ""]:
    """What the discriminator minimises on real (label 1) or generated (0) images; formulas have nothing to learn."""
    judged = nn.functional.binary_cross_entropy_with_logits(verdict.real, label)
    return weights[0] * judged + weights[1] * mape(verdict.energy, energy)


def mape(found: Float[Tensor, "shower"], true: Float[Tensor, "shower"]) -> Float[Tensor, ""]:
    """Mean absolute error in percent of the truth."""
    return 100 * ((found - true).abs() / true.abs().clamp(min=1e-3)).mean()
