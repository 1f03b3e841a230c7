"""What taggers see of each particle of a jet: shares of pT, angles relative to the jet, masses."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.physics.vectors import delta_phi


class Features(NamedTuple):
    """What students see of each particle; zeros in padding."""

    share: Float[Tensor, "jet particle"]
    """pT of the particle over that of the jet, which is the sum of its particles."""
    eta: Float[Tensor, "jet particle"]
    """Relative to the jet."""
    phi: Float[Tensor, "jet particle"]
    """Relative to the jet, radians."""
    mass: Float[Tensor, "jet particle"]
    """GeV."""


def features(
    momentum: Float[Tensor, "jet particle 4"],
    mass: Float[Tensor, "jet particle"],
    mask: Bool[Tensor, "jet particle"],
) -> Features:
    """Features of each particle; they hold the z axis for special and so depend on boosts across it."""
    momentum = torch.where(mask[..., None], momentum, 0)
    jet = momentum.sum(dim=1, keepdim=True)
    (pt, eta, phi), (jet_pt, jet_eta, jet_phi) = _cylindrical(momentum), _cylindrical(jet)
    columns = (pt / jet_pt, eta - jet_eta, delta_phi(phi, jet_phi), mass.to(pt.dtype))
    return Features(*(torch.where(mask, column, 0) for column in columns))


def first_particles(
    momentum: Float[Tensor, "jet particle 4"],
    mass: Float[Tensor, "jet particle"],
    mask: Bool[Tensor, "jet particle"],
    count: int,
) -> Float[Tensor, "jet input"]:
    """Four features of the first particle, four of the second ..., zeros where there are fewer than `count`."""
    seen = torch.stack(features(momentum, mass, mask), dim=-1)[:, :count]
    return F.pad(seen, (0, 0, 0, count - seen.shape[1])).flatten(1)


def _cylindrical(momentum: Float[Tensor, "jet particle 4"]) -> tuple[Tensor, Tensor, Tensor]:
    """pT, eta and phi; for no momentum at all eta and phi are 0."""
    _, px, py, pz = momentum.unbind(-1)
    pt = torch.hypot(px, py)
    tiny = torch.finfo(pt.dtype).tiny
    return pt, torch.asinh(pz / pt.clamp(min=tiny)), torch.atan2(py, px)
