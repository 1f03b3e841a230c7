"""Jet observables with gradients, for losses: mass and energy correlators of padded jets.

They are those of `physics.jets` and `physics.energy_correlators` in the precision and on the device of the
particles; `energy_flow_polynomials_torch` stands beside its compiled twin. Where an observable has a kink,
as the mass at zero or a distance of two particles at one point, its gradient is taken as zero. Memory grows
as jets times the square of the particles.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from femtobarn.physics.vectors import delta_phi


def relative_mass_torch(
    particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
) -> Float[Tensor, "jet"]:
    """Mass of each jet over its pT from particles (eta_rel, phi_rel, pt_rel), taken as massless.

    The sum over pairs, m^2 = sum pt_i pt_j (cosh deta - cos dphi), has no differences of large numbers, so
    that float32 is enough for narrow jets too.
    """
    eta, phi, pt = torch.where(mask.unsqueeze(-1), particles, 0.0).unbind(-1)
    curve = 2 * (torch.sinh(_pairs(eta) / 2) ** 2 + torch.sin(_pairs(phi) / 2) ** 2)
    return safe_sqrt(torch.einsum("ji,jk,jik->j", pt, pt, curve))


def energy_correlators_torch(
    particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"], *, beta: float = 1.0
) -> tuple[Float[Tensor, "jet"], Float[Tensor, "jet"]]:
    """(e2, e3) of each jet, from which C2 = e3 / e2^2 and D2 = e3 / e2^3; zeros for an empty jet.

    Args:
        particles: (eta, phi, pt) in radians and any unit of pt.
        mask: True for real particles.
        beta: Power of the distance, above 0.
    """
    eta, phi, pt = torch.where(mask.unsqueeze(-1), particles, 0.0).unbind(-1)
    whole = pt.sum(dim=1, keepdim=True)
    z = pt / torch.where(whole > 0, whole, 1.0)
    theta = safe_sqrt(_pairs(eta) ** 2 + delta_phi(phi[:, :, None], phi[:, None, :]) ** 2, power=beta)
    weighed = z[:, :, None] * theta * z[:, None, :]
    around = theta @ (z.unsqueeze(-1) * theta)
    return weighed.sum(dim=(1, 2)) / 2, (weighed * around).sum(dim=(1, 2)) / 6


def safe_sqrt(square: Float[Tensor, "*shape"], *, power: float = 1.0) -> Float[Tensor, "*shape"]:
    """sqrt(square)^power, where zero has the gradient zero instead of an infinite one."""
    above = square > 0
    return torch.where(above, torch.where(above, square, 1.0) ** (power / 2), 0.0)


def _pairs(x: Float[Tensor, "jet particle"]) -> Float[Tensor, "jet particle particle"]:
    return x[:, :, None] - x[:, None, :]
