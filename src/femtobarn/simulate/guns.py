"""Particles from the interaction point, ready for transport: single ones, and those of soft collisions."""

from typing import Any

import numpy as np
from jaxtyping import Float

from femtobarn.simulate.geant4.transport import PARTICLE

Array = np.ndarray[Any, np.dtype[np.float64]]

_PION, _PION0 = 0.13957, 0.13498  # GeV
#: Charged hadrons per unit of pseudorapidity, inelastic collisions at 13 TeV, |eta| < 0.5 (arXiv:1507.05915).
CHARGED_PER_ETA = 5.49
#: Tsallis fit to charged hadrons at 7 TeV, temperature in GeV and power (CMS, arXiv:1005.3299).
TSALLIS = (0.145, 6.6)


def single_particles(
    n: int,
    *,
    pids: tuple[int, ...],
    energy: tuple[float, float],
    eta: tuple[float, float],
    face: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Array of `PARTICLE` on the plane z = `face` (mm), straight from the origin, one a shower.

    Codes are drawn from `pids` with equal shares, kinetic energies (GeV) uniformly in the logarithm,
    pseudorapidity and azimuth uniformly.
    """
    particles = np.empty(n, PARTICLE)
    particles["pid"] = generator.choice(pids, n)
    particles["energy"] = np.exp(generator.uniform(np.log(energy[0]), np.log(energy[1]), n))
    _aim(particles, generator.uniform(*eta, n), generator.uniform(-np.pi, np.pi, n), face)
    return particles


def soft_particles(
    collisions: int, *, eta: tuple[float, float], face: float, generator: np.random.Generator
) -> np.ndarray:
    """Array of `PARTICLE`: charged pions and photons of soft collisions that cross the plane z = `face` (mm).

    A model of minimum bias by its averages: charged hadrons flat in pseudorapidity with the density at the
    centre of 13 TeV collisions, all taken as pions; neutral pions, half as many, decayed to two photons;
    transverse momenta of both from the Tsallis fit at 7 TeV, up to 30 GeV. Left out: neutral hadrons,
    correlations inside a collision, the magnetic field, material in front.
    """
    n = generator.poisson(CHARGED_PER_ETA * (eta[1] - eta[0]) * collisions)
    momentum = _momenta(n, eta, generator)
    charged = np.empty(n, PARTICLE)
    charged["pid"] = generator.choice((211, -211), n)
    size = np.linalg.norm(momentum, axis=1)
    charged["energy"] = np.sqrt(size**2 + _PION**2) - _PION
    charged["direction"] = momentum / size[:, None]
    photons = _photons(collisions, eta, generator)
    particles = np.concatenate((charged, photons))
    particles["position"] = particles["direction"] * (face / particles["direction"][:, 2:])
    return particles


def pion_decay(
    momentum: Float[np.ndarray, "n 3"], *, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Momenta of the two photons of each neutral pion (GeV), isotropic where the pion is at rest."""
    energy = np.sqrt((momentum**2).sum(axis=1) + _PION0**2)
    axis = _unit_vectors(len(momentum), generator)
    # (m/2)(1, axis) boosted along the pion; the other photon has what is left.
    boost = 1 + (momentum * axis).sum(axis=1) / (energy + _PION0)
    photon: Array = 0.5 * _PION0 * axis + 0.5 * boost[:, None] * momentum
    return photon, momentum - photon


def pseudorapidity(direction: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Pseudorapidity of unit vectors."""
    eta: Array = np.arctanh(direction[:, 2])
    return eta


def _photons(collisions: int, eta: tuple[float, float], generator: np.random.Generator) -> np.ndarray:
    """Both photons of each neutral pion, where they lie in the range of pseudorapidity."""
    wide = (eta[0] - 1.5, eta[1] + 1.5)  # so that photons that leave their pion's direction are not lost
    n = generator.poisson(0.5 * CHARGED_PER_ETA * (wide[1] - wide[0]) * collisions)
    both = np.concatenate(pion_decay(_momenta(n, wide, generator), generator=generator))
    size = np.linalg.norm(both, axis=1)
    direction = both / size[:, None]
    inside = (pseudorapidity(direction) > eta[0]) & (pseudorapidity(direction) < eta[1])
    photons = np.empty(int(inside.sum()), PARTICLE)
    photons["pid"], photons["energy"], photons["direction"] = 22, size[inside], direction[inside]
    return photons


def _momenta(n: int, eta: tuple[float, float], generator: np.random.Generator) -> Array:
    """Three-momenta in GeV: dN/dpT ~ pT (1 + (sqrt(pT^2 + m^2) - m) / nT)^-n, flat in eta and phi."""
    temperature, power = TSALLIS
    grid = np.geomspace(1e-3, 30.0, 4000)
    kinetic = np.sqrt(grid**2 + _PION**2) - _PION
    density = grid * (1 + kinetic / (power * temperature)) ** -power
    area = np.concatenate(([0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))))
    pt = np.interp(generator.uniform(0, area[-1], n), area, grid)
    phi, angle = generator.uniform(-np.pi, np.pi, n), generator.uniform(*eta, n)
    return np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(angle)), axis=1)


def _unit_vectors(n: int, generator: np.random.Generator) -> Array:
    cosine, phi = generator.uniform(-1, 1, n), generator.uniform(-np.pi, np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    return np.stack((sine * np.cos(phi), sine * np.sin(phi), cosine), axis=1)


def _aim(particles: np.ndarray, eta: Array, phi: Array, face: float) -> None:
    sine = 1 / np.cosh(eta)
    particles["direction"] = np.stack((sine * np.cos(phi), sine * np.sin(phi), np.tanh(eta)), axis=1)
    particles["position"] = particles["direction"] * (face / particles["direction"][:, 2:])
