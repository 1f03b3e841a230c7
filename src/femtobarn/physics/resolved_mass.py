"""Masses of particles whose momenta are known in single precision."""

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.physics.vectors import invariant_mass

_RESOLVED = 1e-3  # of the energy: a smaller mass is the rounding of float32


def resolved_mass(momentum: Float[np.ndarray, "*shape 4"]) -> Float32[np.ndarray, "*shape"]:
    """Mass of each particle, 0 where float32 cannot tell it from that of a massless one (below 0.1 % of E)."""
    mass = invariant_mass(momentum)
    return np.where(mass > _RESOLVED * momentum[..., 0], mass, 0).astype(np.float32)
