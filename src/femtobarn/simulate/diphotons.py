"""Photon pairs of a Higgs boson and of its continuum background, from a few formulas: a toy of any size in a second."""

import numpy as np
from jaxtyping import Float64

from femtobarn.errors import InputError
from femtobarn.physics.vectors import delta_phi

#: The eight observables of the parent paper (Nature 550 375): ratios to the mass of the pair, and angles.
OBSERVABLES = (
    "pT1/m", "pT2/m", "(pT1+pT2)/m", "(pT1-pT2)/m", "pT/m", "|delta eta|", "delta R", "|eta|",
)  # fmt: skip
LEADING, SUBLEADING, CENTRAL, WINDOW = 32.0, 25.0, 2.5, (122.5, 127.5)  #: GeV and rapidity of the selection


def diphotons(count: int, *, signal: bool, generator: np.random.Generator) -> Float64[np.ndarray, "event 8"]:
    """Events that pass the selection: pT > 32 and 25 GeV, |eta| < 2.5, mass in 122.5 to 127.5 GeV.

    Signal: mass N(125, 1.2), pT of the pair Gamma(1.6, 18 GeV), rapidity N(0, 1.15), isotropic decay. Background:
    uniform mass, Gamma(1.1, 14 GeV), N(0, 1.45), photons that prefer the beams. Formulas of our own, made as hard as
    the published problem is; they replace no generator.

    Args:
        count: Events.
        signal: Signal, or background.
        generator: Of the draws.

    Raises:
        InputError: No events asked for.
    """
    if count < 1:
        raise InputError(f"at least one event expected: got {count}")
    pieces, found = [], 0
    while found < count:
        piece = _selected(2 * (count - found) + 100, signal, generator)
        pieces.append(piece)
        found += len(piece)
    return np.concatenate(pieces)[:count]


def _selected(count: int, signal: bool, generator: np.random.Generator) -> np.ndarray:
    if signal:
        mass = generator.normal(125, 1.2, count)
        pt, y = generator.gamma(1.6, 18, count), generator.normal(0, 1.15, count)
        cosine = generator.uniform(-1, 1, count)
    else:
        mass = generator.uniform(*WINDOW, count)
        pt, y = generator.gamma(1.1, 14, count), generator.normal(0, 1.45, count)
        cosine = 0.97 * np.tanh(1.9 * generator.uniform(-1, 1, count)) / np.tanh(1.9)
    angle, phi = generator.uniform(-np.pi, np.pi, (2, count))
    sine = np.sqrt(1 - cosine**2)
    direction = np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine])
    transverse = np.hypot(mass, pt)
    pair = np.stack(
        [transverse * np.cosh(y), pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(y)]
    )  # E, px, py, pz
    photons = [_boosted(mass / 2, sign * direction * mass / 2, pair, mass) for sign in (1, -1)]
    pt1, eta1, phi1 = _polar(photons[0])
    pt2, eta2, phi2 = _polar(photons[1])
    high, low = np.maximum(pt1, pt2), np.minimum(pt1, pt2)
    delta_eta = np.abs(eta1 - eta2)
    pair_eta = np.arcsinh(pair[3] / np.maximum(pt, 1e-9))
    columns = (high, low, high + low, high - low, pt)
    table = np.stack(
        [each / mass for each in columns]
        + [delta_eta, np.hypot(delta_eta, delta_phi(phi1, phi2)), np.abs(pair_eta)]
    )
    kept = (high > LEADING) & (low > SUBLEADING) & (np.abs(eta1) < CENTRAL) & (np.abs(eta2) < CENTRAL)
    return table.T[kept & (mass > WINDOW[0]) & (mass < WINDOW[1])]


def _boosted(energy: np.ndarray, momentum: np.ndarray, pair: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Momentum (3, event) of a photon in the laboratory, from the rest frame of the pair."""
    along = (pair[1:] * momentum).sum(axis=0)
    return momentum + pair[1:] * (along / (mass * (pair[0] + mass)) + energy / mass)


def _polar(momentum: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pt = np.hypot(momentum[0], momentum[1])
    return pt, np.arcsinh(momentum[2] / pt), np.arctan2(momentum[1], momentum[0])
