"""How far reconstructed jets are from their targets: particles by nearest partners, mass and transverse momentum."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._types import true_or_false
from femtobarn.losses.chamfer import chamfer

_LEAST_SQUARE = (
    1e-6  #: GeV^2, of a mass or pT: below, sqrt has no finite slope and rounding makes squares negative
)


class JetTerms(NamedTuple):
    """Terms of the loss of arXiv:2203.00520, each the mean over the jets."""

    particles: Float[Tensor, ""]  # GeV^2
    mass: Float[Tensor, ""]  # GeV^2
    pt: Float[Tensor, ""]  # GeV^2


def jet_terms(
    output: Float[Tensor, "jet n 3"],
    target: Float[Tensor, "jet m 3"],
    output_mask: Bool[Tensor, "jet n"],
    target_mask: Bool[Tensor, "jet m"],
) -> JetTerms:
    """Distance of the particles, and squared differences of the mass and the transverse momentum of the jets.

    D = sum_i min_j |r_i - o_j|^2 + sum_j min_i |r_i - o_j|^2 of momenta (px, py, pz), twice `chamfer`. As published,
    padding counts as particles of no momentum: give masks that are all true. Then many outputs may sit at one
    zero, and the number of particles is left to chance.

    Squared distances of (px, py, pz) grow with the momentum along the beam and are no invariants of anything but
    rotations: the same error in (pT, eta, phi) costs more in a forward jet.

    Args:
        output, target: Momenta in GeV.
        output_mask, target_mask: Particles that count.

    Raises:
        InputError: Momenta that are not three numbers, or masks that do not fit.
    """
    for momentum, mask in ((output, output_mask), (target, target_mask)):
        _check(momentum, mask)
    # By differences: |o|^2 + |r|^2 - 2 o r would lose what is small beside the momenta.
    cost = torch.stack([_squares(output[..., k], target[..., k]) for k in range(3)]).sum(dim=0)
    whole = [jet_mass_pt(x, m) for x, m in ((output, output_mask), (target, target_mask))]
    mass, pt = ((a - b).square().mean().to(output.dtype) for a, b in zip(*whole, strict=True))
    return JetTerms(2 * chamfer(cost, output_mask, target_mask).mean(), mass, pt)


def jet_mass_pt(
    momentum: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
) -> tuple[Float64[Tensor, "jet"], Float64[Tensor, "jet"]]:
    """Mass and transverse momentum (GeV) of the sum of massless particles, with finite gradients everywhere.

    Summed in float64: m^2 is a difference of large numbers. Squares below 1e-6 GeV^2, negative ones from
    rounding too, count as 1e-6 and have no gradient; so an empty jet has a mass and a pT of 1 MeV.

    Raises:
        InputError: Momenta that are not three numbers, or a mask that does not fit.
    """
    _check(momentum, mask)
    p = torch.where(mask.unsqueeze(-1), momentum, 0.0).double()
    square = p.square().sum(dim=-1)
    energy = torch.where(square > 0, square.where(square > 0, torch.ones_like(square)).sqrt(), 0.0).sum(dim=1)
    whole = p.sum(dim=1)
    mass = (energy.square() - whole.square().sum(dim=-1)).clamp(min=_LEAST_SQUARE).sqrt()
    return mass, whole[:, :2].square().sum(dim=-1).clamp(min=_LEAST_SQUARE).sqrt()


def _check(momentum: Tensor, mask: Tensor) -> None:
    if momentum.ndim != 3 or momentum.shape[2] != 3 or momentum.shape[:2] != mask.shape:
        shapes = f"{tuple(momentum.shape)} and {tuple(mask.shape)}"
        raise InputError(
            f"expected momenta (jet, particle, 3) of px, py, pz and a mask (jet, particle), got {shapes}"
        )
    true_or_false(mask=mask)


def _squares(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, :, None] - y[:, None, :]).square()
