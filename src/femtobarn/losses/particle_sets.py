"""How well a set of particles is reconstructed: each looks for its nearest partner (arXiv:2311.17162)."""

import math

from jaxtyping import Bool, Float, Int
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses.chamfer import chamfer


def particle_cost(
    real: Float[Tensor, "jet n 3"], made: Float[Tensor, "jet m 3"], *, angle: float
) -> Float[Tensor, "jet n m"]:
    """Squared distance of all pairs: (f - f')^2 + f^2 [(eta - eta')^2 + (phi - phi')^2] / angle^2.

    The share of momentum of the real particle weights the angles, so that the direction of a soft one hardly counts.

    Args:
        real, made: Share of the jet's momentum f, eta and phi from the jet axis.
        angle: Distance in (eta, phi) that counts as much as a wrong share of f, above 0.

    Raises:
        InputError: Particles that are not three numbers, sets of other jets, or an angle that is not above 0.
    """
    if real.ndim != 3 or made.ndim != 3 or real.shape[::2] != made.shape[::2] or real.shape[2] != 3:
        shapes = f"{tuple(real.shape)} and {tuple(made.shape)}"
        raise InputError(f"expected particles (jet, particle, 3) of the same jets, got {shapes}")
    if not angle > 0:
        raise InputError(f"expected an angle above 0, got {angle}")
    share, eta, phi = (real[..., i, None] - made[:, None, :, i] for i in range(3))
    return share.square() + (real[..., 0, None] / angle).square() * (eta.square() + phi.square())


def set_error(
    real: Float[Tensor, "jet particle 3"],
    made: Float[Tensor, "jet particle 3"],
    mask: Bool[Tensor, "jet particle"],
    species: Int[Tensor, "jet particle"] | None = None,
    *,
    angle: float,
) -> Float[Tensor, "jet"]:
    """Mean `particle_cost` of each particle's nearest partner in the other set, of both sets.

    With `species` only particles of one kind may be partners (the veto): a kind that is there once has a single
    partner, whatever the distance. Both sets have the same kinds, so that every particle has a partner.

    Args:
        real, made: As in `particle_cost`.
        mask: True for the particles of either set.
        species: Kind of each particle of either set; none for no veto.
        angle: As in `particle_cost`.
    """
    cost = particle_cost(real, made, angle=angle)
    if species is not None:
        cost = cost.masked_fill(species[:, :, None] != species[:, None, :], math.inf)
    return chamfer(cost, mask, mask) / mask.sum(dim=1).clamp(min=1)
