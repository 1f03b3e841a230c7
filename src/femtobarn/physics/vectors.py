"""Angles and four-momenta: (pt, eta, phi, mass) to (E, px, py, pz) and back, invariant mass.

Energies, momenta and masses share any one unit (GeV here), angles are in radians. The pseudorapidity `eta`
is the rapidity where the mass is zero. All results are float64.
"""

from math import tau
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Float64

A = TypeVar("A")


def delta_phi(a: A, b: Any) -> A:
    """Difference a - b of two azimuths, wrapped into [-pi, pi]; exact where nothing has to be wrapped.

    Args:
        a, b: Arrays or tensors that broadcast, in radians; differentiable for tensors.
    """
    difference: Any = a - b
    wrapped: A = difference - tau * (difference / tau).round()
    return wrapped


def cartesian(momentum: Float[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch 4"]:
    """(E, px, py, pz) of (pt, eta, phi, mass)."""
    pt, eta, phi, mass = np.moveaxis(np.asarray(momentum, np.float64), -1, 0)
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    return np.stack((energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=-1)


def cylindrical(momentum: Float[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch 4"]:
    """(pt, eta, phi, mass) of (E, px, py, pz), with phi in [-pi, pi].

    Along the beam eta is infinite, with the sign of pz; a vector without momentum has eta = phi = 0. The
    mass is that of `invariant_mass`.
    """
    _, px, py, pz = np.moveaxis(np.asarray(momentum, np.float64), -1, 0)
    pt = np.hypot(px, py)
    beam = np.where(pz == 0, 0.0, np.copysign(np.inf, pz))
    eta = np.arcsinh(np.divide(pz, pt, out=beam, where=pt > 0))
    return np.stack((pt, eta, np.arctan2(py, px), invariant_mass(momentum)), axis=-1)


def rapidity(momentum: Float[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch"]:
    """Rapidity of (E, px, py, pz): artanh(pz / E), which is eta where the mass is zero.

    Computed from the mass, which keeps its digits far forward; infinite along the beam without mass, and 0
    for a vector without momentum.
    """
    _, px, py, pz = np.moveaxis(np.asarray(momentum, np.float64), -1, 0)
    transverse = np.hypot(np.hypot(px, py), invariant_mass(momentum))
    beam = np.where(pz == 0, 0.0, np.copysign(np.inf, pz))
    return np.asarray(np.arcsinh(np.divide(pz, transverse, out=beam, where=transverse > 0)))


def invariant_mass(momentum: Float[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch"]:
    """Mass of (E, px, py, pz): sqrt(E^2 - p^2), and 0 where rounding leaves E^2 < p^2.

    Rounding of the four components limits it to about 1e-8 E.
    """
    energy, px, py, pz = np.moveaxis(np.asarray(momentum, np.float64), -1, 0)
    p = np.sqrt(px**2 + py**2 + pz**2)
    return np.asarray(np.sqrt(np.maximum((energy - p) * (energy + p), 0.0)))
