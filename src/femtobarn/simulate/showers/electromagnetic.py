"""Electromagnetic showers as GFLASH describes them: Grindhammer and Peters, hep-ex/0001020.

Lengths are in radiation lengths, radii in Moliere radii, energies in GeV. Names and numbers as in the paper's
appendix; the same stand in Geant4's source/parameterisations/gflash.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt64
from scipy.special import gammainc

from femtobarn.simulate.detector import draws
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.materials import Medium
from femtobarn.simulate.showers.spots import Slices

_LOWEST = 0.812  # ln(E / critical energy) below which the depth of the maximum would be negative
_DEEPEST = 20.0  # in tau: far behind the shower its radius would overflow
_WIDEST = 0.5  # of ln T and ln alpha: the formulas diverge at low energy


class Profile(NamedTuple):
    """Depth profiles dE/dt = E beta (beta t)^(alpha - 1) exp(-beta t) / Gamma(alpha), beta = (alpha - 1) / T."""

    maximum: Float[np.ndarray, " shower"]  # T, depth of the maximum
    alpha: Float[np.ndarray, " shower"]
    mean_alpha: Float[np.ndarray, " shower"]  # exp <ln alpha>
    local: Float[np.ndarray, " shower"]  # 1 where the energy is too low for a shower, else 0

    @property
    def beta(self) -> Float[np.ndarray, " shower"]:
        """Inverse scale of the depth."""
        return (self.alpha - 1) / self.maximum


def mean_profile(energies: Float[np.ndarray, " shower"], medium: Medium) -> Profile:
    """Profile of an average shower: exp of the mean ln T and the mean ln alpha (appendix A.1.1 and A.2.1)."""
    y = _log_energy(energies, medium)
    T = np.maximum(y - _LOWEST - 0.55 / medium.frequency - 0.69 * (1 - medium.e_mip), 1.0)
    alpha = np.maximum(0.81 + (0.458 + 2.26 / medium.Z) * y - 0.476 / medium.frequency, 1.1)
    return Profile(T, alpha, alpha, (y <= _LOWEST).astype(float))


def drawn_profile(
    energies: Float[np.ndarray, " shower"], medium: Medium, keys: UInt64[np.ndarray, " shower"]
) -> Profile:
    """Profiles of single showers: ln T and ln alpha fluctuate and are correlated."""
    mean, y = mean_profile(energies, medium), _log_energy(energies, medium)
    if medium.is_sampling:
        width_T, width_alpha, rho = _width(-2.5 + 1.25 * y), _width(-0.82 + 0.79 * y), 0.784 - 0.023 * y
    else:
        width_T, width_alpha, rho = _width(-1.4 + 1.26 * y), _width(-0.58 + 0.86 * y), 0.705 - 0.023 * y
    rho = np.minimum(rho, 1.0)  # the line goes beyond that for photons of an eV, which do not shower
    z1, z2 = (draws.normal(keys, np.full(len(keys), number)) for number in range(2))
    plus, minus = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
    T = mean.maximum * np.exp(width_T * (plus * z1 + minus * z2))
    alpha = mean.alpha * np.exp(width_alpha * (plus * z1 - minus * z2))
    return Profile(np.maximum(T, 1.0), np.maximum(alpha, 1.1), mean.alpha, mean.local)


def electromagnetic(
    energies: Float[np.ndarray, " shower"],
    start: Float[np.ndarray, " shower"],
    profile: Profile,
    calorimeter: Calorimeter,
) -> Slices:
    """What showers that start at some depth leave in each section, and how wide it spreads.

    GFLASH knows one medium. In other media before it a shower has as many particles at the same depth in
    radiation lengths, but each loses what is usual there: energy is shared out as the profile times the loss of a
    minimum-ionising particle per radiation length, which in aluminium is four times that in lead and argon.
    Where the energy is too low for a shower, all of it stays in the section where it starts.

    Args:
        energies: In GeV.
        start: Depths in radiation lengths.
        profile: Of each shower, from where it starts.
        calorimeter: Its `medium` is that of the profiles.
    """
    medium, edges = calorimeter.medium, calorimeter.radiation_depth
    t = np.maximum(edges - start[:, None], 0.0)
    local = (edges[:-1] <= start[:, None]) & (start[:, None] < edges[1:])
    beyond = profile.local[:, None] > 0
    share = np.diff(gammainc(profile.alpha[:, None], profile.beta[:, None] * t), axis=1)
    loss = _loss_before(calorimeter)
    share *= loss / (1 + share @ (loss - 1))[:, None]
    number, T, alpha = _spots(energies, profile, medium, calorimeter.stochastic)
    dots = np.diff(gammainc(alpha[:, None], ((alpha - 1) / T)[:, None] * t), axis=1) * number[:, None]
    tau = _relative_depth((t[:, 1:] + t[:, :-1]) / 2, profile)
    core, tail, weight = radial(energies[:, None], tau, medium)
    # Light material before the calorimeter is crossed in less than its own radius.
    moliere = calorimeter.each(lambda section: min(section.medium.moliere_radius, medium.moliere_radius))
    return Slices(
        energies[:, None] * np.where(beyond, local, share),
        np.where(beyond, local, dots),
        core * moliere,
        tail * moliere,
        weight,
    )


def photon_start(keys: UInt64[np.ndarray, " shower"]) -> Float[np.ndarray, " shower"]:
    """Depths in radiation lengths at which photons convert: exponential, mean 9/7."""
    return -9 / 7 * np.log(draws.uniform(keys, np.full(len(keys), 2)))


def radial(
    energies: Float[np.ndarray, "shower #section"], tau: Float[np.ndarray, "shower section"], medium: Medium
) -> tuple[
    Float[np.ndarray, "shower section"],
    Float[np.ndarray, "shower section"],
    Float[np.ndarray, "shower section"],
]:
    """Radii of core and tail in Moliere radii and the weight of the core (appendix A.1.3 and A.2.3).

    The profile is f(r) = p 2 r Rc^2 / (r^2 + Rc^2)^2 + (1 - p) 2 r Rt^2 / (r^2 + Rt^2)^2.
    """
    Z, Fs, off = medium.Z, medium.frequency, 1 - medium.e_mip
    log_energy = np.log(energies)
    fade = np.exp(-tau) / Fs
    core = 0.0251 + 0.00319 * log_energy + (0.1162 - 0.000381 * Z) * tau - 0.0203 * off + 0.0397 * fade
    rise = np.exp(-2.59 * (tau - 0.645)) + np.exp((0.3585 + 0.0412 * log_energy) * (tau - 0.645))
    tail = (0.659 - 0.00309 * Z) * rise - 0.14 * off - 0.495 * fade
    x = (0.401 + 0.00187 * Z - tau) / (1.313 - 0.0686 * log_energy)
    weight = (2.632 - 0.00094 * Z) * np.exp(x - np.exp(x))
    weight += off * (0.348 - 0.642 / Fs * np.exp(-((tau - 1) ** 2)))
    core = np.maximum(core, 0.005)
    return core, np.maximum(tail, core), np.clip(weight, 0.0, 1.0)


def _loss_before(calorimeter: Calorimeter) -> Float[np.ndarray, " section"]:
    """Loss of a particle in a radiation length of each section over that in the calorimeter's medium; 1 behind."""
    loss = calorimeter.each(lambda section: section.medium.mip * section.medium.radiation_length)
    own = np.array([section.medium == calorimeter.medium for section in calorimeter.sections])
    return np.where(
        np.cumsum(own) == 0, loss / (calorimeter.medium.mip * calorimeter.medium.radiation_length), 1.0
    )


def _log_energy(energies: Float[np.ndarray, " shower"], medium: Medium) -> Float[np.ndarray, " shower"]:
    return np.log(energies * 1e3 / medium.critical_energy)


def _width(inverse: Float[np.ndarray, " shower"]) -> Float[np.ndarray, " shower"]:
    return 1 / np.maximum(inverse, 1 / _WIDEST)


def _spots(
    energies: Float[np.ndarray, " shower"], profile: Profile, medium: Medium, stochastic: float
) -> tuple[Float[np.ndarray, " shower"], Float[np.ndarray, " shower"], Float[np.ndarray, " shower"]]:
    """Number of energy spots and the T and alpha of their own depth profile (appendix A.1.4 and A.2.4).

    Geant4's class for sampling calorimeters takes T and alpha from the homogeneous case; here they are the paper's.
    """
    Z = medium.Z
    if medium.is_sampling:
        number, of_T, of_alpha = 10.3 / stochastic * energies**0.959, 0.813 + 0.0019 * Z, 0.844 + 0.0026 * Z
    else:
        number, of_T, of_alpha = 93 * np.log(Z) * energies**0.876, 0.698 + 0.00212 * Z, 0.639 + 0.00334 * Z
    return number, profile.maximum * of_T, np.maximum(profile.alpha * of_alpha, 1.05)


def _relative_depth(
    t: Float[np.ndarray, "shower section"], profile: Profile
) -> Float[np.ndarray, "shower section"]:
    """The tau of the radial profile: about the depth over that of the centre of gravity."""
    scale = (
        (profile.alpha - 1) / profile.alpha * profile.mean_alpha / (profile.mean_alpha - 1) / profile.maximum
    )
    return np.minimum(t * scale[:, None], _DEEPEST)
