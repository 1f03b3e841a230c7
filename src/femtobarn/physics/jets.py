"""Jets as padded arrays of massless particles: their four-momentum, mass and transverse momentum.

A particle is (eta, phi, pt); relative to the jet (eta_rel, phi_rel, pt_rel) everything comes out in units of
the jet's pT. Padding may hold anything: only the mask says which particles are real.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.physics._padded import zero_padded
from femtobarn.physics.vectors import cartesian, invariant_mass

_AT_ONCE = 2048  # jets


def massless(
    particles: Float[np.ndarray, "jet particle 3"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet particle 4"]:
    """(E, px, py, pz) of each particle (eta, phi, pt), taken as massless; zeros where there is none.

    Raises:
        InputError: A real particle is not finite.
    """
    eta, phi, pt = np.moveaxis(zero_padded(particles, mask), -1, 0)
    return cartesian(np.stack((pt, eta, phi, np.zeros_like(pt)), axis=-1))


def jet_momentum(
    particles: Float[np.ndarray, "jet particle 3"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet 4"]:
    """(E, px, py, pz) of each jet: the sum of its particles, taken as massless.

    A jet without particles has a momentum of zero.

    Raises:
        InputError: A real particle is not finite.
    """
    clean = zero_padded(particles, mask)
    whole = np.empty((len(clean), 4))
    # In pieces that stay in the cache; the momenta of all particles would take longer to write than to compute.
    for start in range(0, len(clean), _AT_ONCE):
        eta, phi, pt = (np.ascontiguousarray(clean[start : start + _AT_ONCE, :, k]) for k in range(3))
        for k, size in enumerate((np.cosh(eta), np.cos(phi), np.sin(phi), np.sinh(eta))):
            whole[start : start + _AT_ONCE, k] = np.multiply(size, pt, out=size).sum(axis=1)
    return whole


def relative_mass(
    particles: Float[np.ndarray, "jet particle 3"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet"]:
    """Mass of each jet over its pT, from particles relative to the jet: (eta_rel, phi_rel, pt_rel).

    As in arXiv:2106.11535 it is the mass of the summed massless particles, whose pt_rel are already in units
    of the jet's pT. So it is that of the *whole* jet also where only the hardest particles are kept.
    A jet without particles has mass 0.

    Raises:
        InputError: A real particle is not finite.
    """
    return invariant_mass(jet_momentum(particles, mask))
