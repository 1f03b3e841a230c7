"""Energy correlation functions of two and three particles, and the ratios C, D, M, N made of them.

With z = pt over the sum of pt and theta the distance in (eta, phi), to the power beta:

    e2   = sum over i<j of z_i z_j theta_ij
    e3   = sum over i<j<k of z_i z_j z_k theta_ij theta_ik theta_jk        (arXiv:1305.0007)
    1e3, 2e3: the same with the smallest, the two smallest of the three    (arXiv:1609.07483)

They are those of FastJet's contrib EnergyCorrelator with the measure pt_R, normalised.
"""

from math import tau
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.physics._padded import zero_padded

# Sums may be reordered; nothing is assumed about NaN or infinity.
_kernel = njit(fastmath={"reassoc", "contract"}, nogil=True, cache=True)


class EnergyCorrelators(NamedTuple):
    """Correlators of each jet, all of one power of the angle; a ratio is 0 where its denominator is.

    The denominators vanish for a jet of fewer than two particles or with all of them at one point. Nothing
    has a unit.
    """

    beta: float
    e2: Float64[np.ndarray, "jet"]
    e3: Float64[np.ndarray, "jet"]
    one_e3: Float64[np.ndarray, "jet"]
    two_e3: Float64[np.ndarray, "jet"]

    @property
    def c1(self) -> Float64[np.ndarray, "jet"]:
        """C1 = e2 (arXiv:1305.0007)."""
        return self.e2

    @property
    def c2(self) -> Float64[np.ndarray, "jet"]:
        """C2 = e3 / e2^2: small for two prongs (arXiv:1305.0007)."""
        return _ratio(self.e3, self.e2**2)

    @property
    def d2(self) -> Float64[np.ndarray, "jet"]:
        """D2 = e3 / e2^3: small for two prongs (arXiv:1409.6298)."""
        return _ratio(self.e3, self.e2**3)

    @property
    def m2(self) -> Float64[np.ndarray, "jet"]:
        """M2 = 1e3 / e2, for groomed jets (arXiv:1609.07483)."""
        return _ratio(self.one_e3, self.e2)

    @property
    def n2(self) -> Float64[np.ndarray, "jet"]:
        """N2 = 2e3 / e2^2 (arXiv:1609.07483)."""
        return _ratio(self.two_e3, self.e2**2)


def energy_correlators(
    particles: Float[np.ndarray, "jet particle 3"],
    mask: Bool[np.ndarray, "jet particle"],
    *,
    beta: float = 1.0,
) -> EnergyCorrelators:
    """Two- and three-particle correlators of each jet; zeros where there are too few particles.

    With beta = 0 every distance counts as 1, as in FastJet. Time grows as the cube of a jet's real particles.

    Args:
        particles: (eta, phi, pt) in radians and any unit of pt; for massive particles give the rapidity in
            the place of eta.
        mask: True for real particles.
        beta: Power of the distance.

    Raises:
        InputError: A real particle is not finite.
    """
    sums = np.zeros((len(particles), 4))
    _correlate(zero_padded(particles, mask), np.ascontiguousarray(mask), float(beta), sums)
    return EnergyCorrelators(float(beta), *sums.T)


def generalised_d2(alpha: EnergyCorrelators, beta: EnergyCorrelators) -> Float64[np.ndarray, "jet"]:
    """D2^(alpha, beta) = e3^(alpha) / (e2^(beta))^(3 alpha / beta) (arXiv:1409.6298).

    Args:
        alpha, beta: Correlators of the same jets with these two powers of the angle; 0 where e2 is.

    Raises:
        InputError: The second is of power 0.
    """
    if beta.beta == 0:
        raise InputError("expected energy correlators of a power other than 0 in the denominator of D2")
    return _ratio(alpha.e3, beta.e2 ** (3 * alpha.beta / beta.beta))


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


@no_type_check
@_kernel
def _correlate(particles, mask, beta, sums):
    most = particles.shape[1]
    eta, phi, z, theta = np.empty(most), np.empty(most), np.empty(most), np.empty((most, most))
    for jet in range(len(particles)):
        n, whole = 0, 0.0
        for i in range(most):
            if mask[jet, i]:
                eta[n], phi[n], z[n] = particles[jet, i]
                whole += z[n]
                n += 1
        if whole <= 0:
            continue
        for i in range(n):
            z[i] /= whole
            for j in range(n):
                across = phi[i] - phi[j]
                across -= tau * np.rint(across / tau)
                theta[i, j] = ((eta[i] - eta[j]) ** 2 + across**2) ** (beta / 2)
        _sum(n, z, theta, sums[jet])


@no_type_check
@_kernel
def _sum(n, z, theta, sums):
    for i in range(n):
        for j in range(i + 1, n):
            a, pair = theta[i, j], z[i] * z[j]
            three, one, two = 0.0, 0.0, 0.0
            for k in range(j + 1, n):
                b, c = theta[i, k], theta[j, k]
                three += z[k] * b * c
                one += z[k] * min(a, b, c)
                two += z[k] * min(a * b, a * c, b * c)
            sums[0] += pair * a
            sums[1] += pair * a * three
            sums[2] += pair * one
            sums[3] += pair * two
