"""Momenta of the particles of jets: about the beam turned, relative to the jet, and as a simulator gives them out."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.physics.vectors import delta_phi

_TINY = 1e-9  # GeV, of a transverse momentum


class Particles(NamedTuple):
    """Particles of jets, massless."""

    momentum: Float[Tensor, "jet particle 3"]  # px, py, pz in GeV
    mask: Bool[Tensor, "jet particle"]


class Axis(NamedTuple):
    """The momentum of a jet, the sum of its particles."""

    pt: Float[Tensor, "jet"]
    eta: Float[Tensor, "jet"]
    phi: Float[Tensor, "jet"]


def axis(momentum: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]) -> Axis:
    """Transverse momentum and direction of each jet."""
    x, y, z = torch.where(mask.unsqueeze(-1), momentum, 0.0).double().sum(dim=1).unbind(-1)
    pt = torch.hypot(x, y).clamp(min=_TINY)
    return Axis(*(each.to(momentum.dtype) for each in (pt, torch.asinh(z / pt), torch.atan2(y, x))))


def turned(
    momentum: Float[Tensor, "jet particle 3"], angle: Float[Tensor, "jet"]
) -> Float[Tensor, "jet particle 3"]:
    """Each jet turned about the beam."""
    x, y, z = momentum.unbind(-1)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    return torch.stack((cos * x - sin * y, sin * x + cos * y, z), dim=-1)


def relative(momentum: Float[Tensor, "jet particle 3"], to: Axis) -> Float[Tensor, "jet particle 3"]:
    """(eta, phi, pT) of each particle relative to an axis, pT as a share of it."""
    x, y, z = momentum.unbind(-1)
    pt = torch.hypot(x, y)
    eta = torch.asinh(z / pt.clamp(min=_TINY)) - to.eta[:, None]
    phi = delta_phi(torch.atan2(y, x), to.phi[:, None])
    return torch.stack((eta, phi, pt / to.pt[:, None]), dim=-1)


def absolute(particles: Float[Tensor, "jet particle 3"], to: Axis) -> Float[Tensor, "jet particle 3"]:
    """Momenta of what `relative` gives."""
    eta, phi, share = particles.unbind(-1)
    pt, eta, phi = share * to.pt[:, None], eta + to.eta[:, None], phi + to.phi[:, None]
    return torch.stack((pt * phi.cos(), pt * phi.sin(), pt * torch.sinh(eta)), dim=-1)


@torch.no_grad()
def simulate(
    model: nn.Module,
    generated: Float[Tensor, "jet particle 3"],
    mask: Bool[Tensor, "jet particle"],
    *,
    generator: torch.Generator,
    chunk: int = 1000,
) -> Particles:
    """A reconstructed jet for each generated one, another at each call: hardest particle first, padding zero.

    Of a generated jet without particles nothing is reconstructed.

    Args:
        model: One of the simulators of this package.
        generated, mask: Momenta in GeV, hardest particle first.
        generator: Source of the noise.
        chunk: Jets made at once; the jets depend on it, as it sets the order of the noise.

    Raises:
        InputError: Another number of particles than the model has.
    """
    particles: int = model.particles  # type: ignore[assignment]
    if mask.shape[1] != particles:
        raise InputError(f"expected lists of {particles} particles, got {mask.shape[1]}")
    was_training = model.training
    model.eval()
    pieces = [
        model.draw(x, m, generator=generator)  # type: ignore[operator]
        for x, m in zip(torch.split(generated, chunk), torch.split(mask, chunk), strict=True)
        if len(m)
    ]
    model.train(was_training)
    if not pieces:
        return Particles(generated, mask)
    momentum, there = (torch.cat(parts) for parts in zip(*pieces, strict=True))
    return _finished(momentum, there & mask.any(dim=1, keepdim=True))


def _finished(momentum: Tensor, mask: Tensor) -> Particles:
    pt = torch.where(mask, torch.hypot(momentum[..., 0], momentum[..., 1]), -1.0)
    order = pt.sort(dim=1, descending=True, stable=True).indices
    mask = mask.gather(1, order)
    momentum = momentum.gather(1, order.unsqueeze(-1).expand_as(momentum))
    return Particles(torch.where(mask.unsqueeze(-1), momentum, 0.0), mask)
