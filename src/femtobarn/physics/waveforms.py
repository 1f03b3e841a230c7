"""Gravitational waves of compact binaries in closed form, by frequency: TaylorF2, IMRPhenomA and IMRPhenomB.

All give h of a source that is seen face on, in 1/Hz: at the inclination i, h_plus = h (1 + cos^2 i) / 2 and
h_cross = -i h cos(i) (`polarisations`). The Fourier transform has exp(-2 pi i f t). Masses are those that a detector
sees, (1 + z) times those of the source.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Complex128, Float, Real

from femtobarn.errors import InputError

SOLAR_TIME = 4.925490947641267e-6  #: G Msun / c^3, s (nominal solar mass parameter, IAU 2015 resolution B3)
MEGAPARSEC_TIME = 1.0292712503e14  #: Mpc / c, s
EULER = 0.5772156649015329

Column = Real[np.ndarray, "_"]
Frequencies = Float[np.ndarray, "frequency"]
Waves = Complex128[np.ndarray, "event frequency"]

# 0712.0343, table I: (a eta^2 + b eta + c) for merger, ringdown and cut frequency and the width, and for the phase.
_SHAPE_A = {
    "merger": (6.6389e-1, -1.0321e-1, 1.0979e-1),
    "ringdown": (1.3278, -2.0642e-1, 2.1957e-1),
    "width": (1.1383, -1.7700e-1, 4.6834e-2),
    "cut": (1.7086, -2.6592e-1, 2.8236e-1),
}
_PHASE_A = {
    0: (-1.5829e-1, 8.7016e-2, -3.3382e-2),
    2: (3.2967e1, -1.9000e1, 2.1345),
    3: (-3.0849e2, 1.8211e2, -2.1727e1),
    4: (1.1525e3, -7.1477e2, 9.9692e1),
    6: (1.2057e3, -8.4233e2, 1.8046e2),
}
# 0909.2867, table I, with one digit more than the paper prints, as in the authors' code in LALSimulation: the terms
# cancel to a thousandth. Coefficients of eta, eta chi, eta chi^2, eta^2, eta^2 chi, eta^3.
_PHASE_B = {
    2: (-9.2091e2, 4.9213e2, 1.3503e2, 6.7419e3, -1.0534e3, -1.3397e4),
    3: (1.7022e4, -9.5659e3, -2.1821e3, -1.2137e5, 2.0752e4, 2.3859e5),
    4: (-1.2544e5, 7.5066e4, 1.3382e4, 8.7354e5, -1.6573e5, -1.6936e6),
    6: (-8.8977e5, 6.3102e5, 5.0676e4, 5.9808e6, -1.4148e6, -1.1280e7),
    7: (8.6960e5, -6.7098e5, -3.0082e4, -5.8379e6, 1.5145e6, 1.0891e7),
}
_SHAPE_B = {
    "merger": (6.4365e-1, 8.2696e-1, -2.7063e-1, -5.8218e-2, -3.9346, -7.0916),
    "ringdown": (1.4690e-1, -1.2281e-1, -2.6091e-2, -2.4900e-2, 1.7013e-1, 2.3252),
    "width": (-4.0979e-1, -3.5226e-2, 1.0082e-1, 1.8286, -2.0169e-2, -2.8698),
    "cut": (-1.3313e-1, -8.1719e-2, 1.4512e-1, -2.7140e-1, 1.2788e-1, 4.9220),
}


def taylor_f2(
    frequency: Frequencies, mass1: Column, mass2: Column, *, low: float, distance: float = 1.0
) -> Waves:
    """Inspiral without spins to 3.5 post-Newtonian order in the phase, up to the innermost stable orbit.

    Args:
        frequency: From 0, Hz.
        mass1, mass2: Of each binary, solar masses.
        low: Frequency below which the wave is left out, Hz.
        distance: Mpc.

    Source: 0907.0700, eq. 3.18 (phase) and 3.4 (amplitude).

    Raises:
        InputError: Masses or a distance that are not positive.
    """
    total, eta = _masses(mass1, mass2, distance)
    v, inside = _velocity(frequency, total, low, total * 0 + 6**-1.5 / np.pi)
    pi2 = np.pi**2
    coefficients = {
        2: 3715 / 756 + 55 / 9 * eta,
        3: -16 * np.pi + 0 * eta,
        4: 15293365 / 508032 + 27145 / 504 * eta + 3085 / 72 * eta**2,
        5: np.pi * (38645 / 756 - 65 / 9 * eta) * (1 + 3 * np.log(v)),
        6: 11583231236531 / 4694215680
        - 640 / 3 * pi2
        - 6848 / 21 * (EULER + np.log(4 * v))
        + (-15737765635 / 3048192 + 2255 / 12 * pi2) * eta
        + 76055 / 1728 * eta**2
        - 127825 / 1296 * eta**3,
        7: np.pi * (77096675 / 254016 + 378515 / 1512 * eta - 74045 / 756 * eta**2),
    }
    phase = 3 / (128 * eta * v**5) * (1 + sum(value * v**k for k, value in coefficients.items()))
    amplitude = _newtonian(total, eta, distance) * v**-3.5
    return _wave(amplitude, phase, inside)


def phenom_a(
    frequency: Frequencies, mass1: Column, mass2: Column, *, low: float, distance: float = 1.0
) -> Waves:
    """Inspiral, merger and ringdown of black holes without spin, mass ratios up to 4 (IMRPhenomA).

    Match with IMRPhenomD in the noise of Advanced LIGO: 0.997 at 36 + 29 solar masses, 0.975 at 30 + 10.

    Args:
        frequency, mass1, mass2, low, distance: As in `taylor_f2`.

    Source: 0710.2335, eq. 4.13 to 4.18, coefficients of 0712.0343, table I. The sign of the phase is turned, so that it
    is that of the other waveforms here.

    Raises:
        InputError: As `taylor_f2`.
    """
    total, eta = _masses(mass1, mass2, distance)
    shape = {
        name: (a * eta**2 + b * eta + c) / np.pi for name, (a, b, c) in _SHAPE_A.items()
    }  # times the total mass
    v, inside = _velocity(frequency, total, low, shape["cut"])
    x = v**3 / np.pi  # frequency times the total mass
    merger = shape["merger"]
    ratio = x / merger
    ringdown = _lorentzian(x, shape)
    scale = np.pi / 2 * shape["width"] * (shape["ringdown"] / merger) ** (-2 / 3)
    profile = np.where(
        x < merger, ratio ** (-7 / 6), np.where(x < shape["ringdown"], ratio ** (-2 / 3), scale * ringdown)
    )
    phase = -sum((a * eta**2 + b * eta + c) / eta * v ** (k - 5) for k, (a, b, c) in _PHASE_A.items())
    amplitude = _newtonian(total, eta, distance) * (np.pi * merger) ** (-7 / 6) * profile
    return _wave(amplitude, phase, inside)


def phenom_b(
    frequency: Frequencies, mass1: Column, mass2: Column, spin: Column, *, low: float, distance: float = 1.0
) -> Waves:
    """Inspiral, merger and ringdown of black holes with spins along the orbit's axis (IMRPhenomB).

    Args:
        frequency, mass1, mass2, low, distance: As in `taylor_f2`.
        spin: Mean of the two dimensionless spins, weighted with the masses; fitted from -0.85 to 0.85.

    Source: 0909.2867, eq. 1 and 2, table I. It matches IMRPhenomD to 0.70 to 0.99 only: meant for total masses above 60
    solar masses.

    Raises:
        InputError: As `taylor_f2`, or a spin outside (-1, 1).
    """
    total, eta = _masses(mass1, mass2, distance)
    chi = np.asarray(spin, np.float64)[:, None]
    if not (np.abs(chi) < 1).all():
        raise InputError(f"expected spins between -1 and 1, got {chi.min():g} to {chi.max():g}")
    late = 1 - 0.63 * (1 - chi) ** 0.3
    start = {
        "merger": 1 - 4.4547 * (1 - chi) ** 0.217 + 3.521 * (1 - chi) ** 0.26,
        "ringdown": late / 2,
        "width": late * (1 - chi) ** 0.45 / 4,
        "cut": 0.32361 + 0.048935 * chi + 0.013463 * chi**2,
    }
    shape = {name: (value + _polynomial(_SHAPE_B[name], eta, chi)) / np.pi for name, value in start.items()}
    v, inside = _velocity(frequency, total, low, shape["cut"])
    x = v**3 / np.pi
    without = {  # of a test mass
        2: 3715 / 756,
        3: -16 * np.pi + 113 * chi / 3,
        4: 15293365 / 508032 - 405 * chi**2 / 8,
        6: 0.0,
        7: 0.0,
    }
    series = sum((value + _polynomial(_PHASE_B[k], eta, chi)) * v**k for k, value in without.items())
    phase = 3 / (128 * eta * v**5) * (1 + series)
    profile = _spinning_profile(x, v, eta, chi, shape)
    amplitude = _newtonian(total, eta, distance) * (np.pi * shape["merger"]) ** (-7 / 6) * profile
    return _wave(amplitude, phase, inside)


def polarisations(wave: Waves, inclination: Column) -> tuple[Waves, Waves]:
    """Plus and cross polarisation of a source whose axis is inclined to the line of sight, radians."""
    cosine = np.cos(np.asarray(inclination, np.float64))[:, None]
    return wave * (1 + cosine**2) / 2, -1j * wave * cosine


def _spinning_profile(
    x: np.ndarray, v: np.ndarray, eta: np.ndarray, chi: np.ndarray, shape: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Amplitude over that at the merger: 0909.2867, eq. 1, each of the three pieces joined to the one before."""
    merger, ringdown = shape["merger"], shape["ringdown"]

    def inspiral(v: np.ndarray) -> np.ndarray:
        return 1 + (-323 / 224 + 451 / 168 * eta) * v**2 + (27 / 8 - 11 / 6 * eta) * chi * v**3

    def merging(v: np.ndarray) -> np.ndarray:
        return 1 + (1.4547 * chi - 1.8897) * v + (-1.8153 * chi + 1.6557) * v**2

    at_merger, at_ringdown = (np.cbrt(np.pi * each) for each in (merger, ringdown))
    first = inspiral(at_merger) / merging(at_merger)
    scale = np.pi / 2 * shape["width"] * (ringdown / merger) ** (-2 / 3) * first * merging(at_ringdown)
    ratio = x / merger
    late = scale * _lorentzian(x, shape)
    found: np.ndarray = np.where(
        x < merger,
        ratio ** (-7 / 6) * inspiral(v),
        np.where(x < ringdown, first * ratio ** (-2 / 3) * merging(v), late),
    )
    return found


def _lorentzian(x: np.ndarray, shape: Mapping[str, np.ndarray]) -> np.ndarray:
    width = shape["width"]
    return width / (2 * np.pi) / ((x - shape["ringdown"]) ** 2 + width**2 / 4)


def _polynomial(coefficients: tuple[float, ...], eta: np.ndarray, chi: np.ndarray) -> np.ndarray:
    terms = (eta, eta * chi, eta * chi**2, eta**2, eta**2 * chi, eta**3)
    return sum((c * term for c, term in zip(coefficients, terms, strict=True)), np.zeros_like(eta))


def _masses(mass1: Column, mass2: Column, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Total mass in s and symmetric mass ratio, a column each."""
    one, two = (np.asarray(mass, np.float64)[:, None] for mass in (mass1, mass2))
    if len(one) != len(two) or not ((one > 0) & (two > 0)).all() or not distance > 0:
        raise InputError("expected two positive masses for each binary and a positive distance")
    return (one + two) * SOLAR_TIME, one * two / (one + two) ** 2


def _velocity(
    frequency: np.ndarray, total: np.ndarray, low: float, cut: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(pi M f)^(1/3), and where the wave has a spectrum; elsewhere some harmless velocity."""
    inside = (frequency >= low) & (total * frequency <= cut)
    return np.where(inside, np.cbrt(np.pi * total * frequency), 0.1), inside


def _newtonian(total: np.ndarray, eta: np.ndarray, distance: float) -> np.ndarray:
    """Amplitude at v = 1 of the leading order, 1/Hz."""
    found: np.ndarray = np.sqrt(5 * np.pi * eta / 24) * total**2 / (distance * MEGAPARSEC_TIME)
    return found


def _wave(amplitude: np.ndarray, phase: np.ndarray, inside: np.ndarray) -> Waves:
    found: np.ndarray = np.where(inside, amplitude * np.exp(-1j * phase), 0.0)
    return found
