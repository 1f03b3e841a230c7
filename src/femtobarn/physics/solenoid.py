"""Linear optics of a beam in a solenoid: matrices of (x, x', y, y'), mm and radians.

A particle of charge e in a field B turns by kL, k = B / (2 B rho), about the axis and is focused in both planes alike
(Reiser, Theory and Design of Charged Particle Beams, 2008, section 3.4.4).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError

ELECTRON_MASS = 510.99895  #: keV (CODATA 2018)
_TESLA_METRES = 1 / 299_792.458  # of a momentum of 1 keV/c


def lorentz_factors(kinetic: float, *, mass: float = ELECTRON_MASS) -> tuple[float, float]:
    """Beta and gamma of a kinetic energy; both in keV.

    Raises:
        InputError: No kinetic energy.
    """
    if not (kinetic > 0 and mass > 0):
        raise InputError(f"expected a kinetic energy and a mass above 0 keV, got {kinetic:g} and {mass:g}")
    gamma = 1 + kinetic / mass
    return math.sqrt(1 - gamma**-2), gamma


def rigidity(kinetic: float, *, mass: float = ELECTRON_MASS) -> float:
    """B rho = p / e in T m, of a kinetic energy in keV."""
    beta, gamma = lorentz_factors(kinetic, mass=mass)
    return beta * gamma * mass * _TESLA_METRES


def momentum_error(kinetic: float, energy_error: float, *, mass: float = ELECTRON_MASS) -> float:
    """Relative error of the momentum, and so of a field that is read in units of it, by that of the kinetic energy."""
    gamma = lorentz_factors(kinetic, mass=mass)[1]
    return energy_error * gamma / (gamma + 1)


def larmor_wavenumber(field: Float[Tensor, "*batch"], stiffness: float) -> Float[Tensor, "*batch"]:
    """k = B / (2 B rho) in 1/mm, of a field in T and a rigidity in T m."""
    return field / (2000 * stiffness)


def drift_matrix(length: float) -> Float[Tensor, "4 4"]:
    """No field along `length` mm."""
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[0, 1] = matrix[2, 3] = length
    return matrix


def solenoid_matrix(
    field: Float[Tensor, "*batch"], length: float, stiffness: float
) -> Float[Tensor, "*batch 4 4"]:
    """A solenoid with hard edges, both of them included, so that solenoids in a row multiply to a longer one.

    Args:
        field: T.
        length: mm.
        stiffness: See `rigidity`.
    """
    k = larmor_wavenumber(field, stiffness)
    turn = k * length
    focus = torch.stack(
        (torch.cos(turn), length * torch.sinc(turn / math.pi), -k * torch.sin(turn), torch.cos(turn)), dim=-1
    ).reshape(*field.shape, 2, 2)
    rotation = torch.stack(
        (torch.cos(turn), torch.sin(turn), -torch.sin(turn), torch.cos(turn)), dim=-1
    ).reshape(*field.shape, 2, 2)
    # Both planes are focused alike and then turned into each other: the Kronecker product of the two.
    return torch.einsum("...ij,...ab->...iajb", rotation, focus).reshape(*field.shape, 4, 4)
