"""Showers of hadrons: a track if they are charged, then showers of neutral pions in a hadronic one.

The two components and the form of the hadronic profile are those of Bock, Hansl-Kozanecka and Shah, NIM 186
(1981) 533; fluctuations and radii are set to what Geant4 gives for charged pions (``docs/showers.py``). Depths are in
interaction lengths, energies in GeV.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt64
from scipy.special import betaincinv, gammainc, gammaincinv, pdtr

from femtobarn.simulate.detector import draws
from femtobarn.simulate.detector.tracking import PION_MASS
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.electromagnetic import drawn_profile, electromagnetic, photon_start
from femtobarn.simulate.showers.spots import Slices, Spots, joined, scatter
from femtobarn.simulate.showers.tracks import scatter_track, track

_SCALE, _EXPONENT = 1.0, 0.82  # mean EM fraction 1 - (E / scale)^(k - 1): Groom, NIM A 572 (2007) 633
_FRACTION_WIDTH = 0.4  # of the EM fraction over its mean, at 10 GeV
_VISIBLE = 0.7  # mean share of the hadronic part that is seen; the rest binds nuclei or goes in neutrinos
_FLUCTUATION = 0.55  # of what is seen over its mean, times (E^2 + 1 GeV^2)^(1/4)
_MOST = 12  # neutral pions followed one by one
_CORE, _TAIL, _CORE_WEIGHT = 0.15, 0.6, 0.45  # radii in interaction lengths
_SPOTS = 20.0  # of the hadronic part per GeV
_NEARER = 0.6  # depths of neutral pions over those of the hadronic part
_TRANSVERSE = 0.45  # GeV, mean transverse momentum of neutral pions
_LEAST = 0.02  # GeV; with less there is nothing but a track


class Pion(NamedTuple):
    """What is drawn for each shower."""

    start: Float[np.ndarray, " shower"]  # depth of the first interaction
    left: Float[np.ndarray, " shower"]  # energy left by then
    fraction: Float[np.ndarray, " shower"]  # of it, in neutral pions


def em_fraction(energies: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Mean share of the energy of a pion's shower that neutral pions carry; 0 below 1 GeV."""
    return np.maximum(1 - np.maximum(energies / _SCALE, 1e-9) ** (_EXPONENT - 1), 0.0)


def hadrons(
    energies: Float[np.ndarray, " shower"],
    calorimeter: Calorimeter,
    keys: UInt64[np.ndarray, " shower"],
    *,
    charged: bool = True,
) -> Spots:
    """Spots of showers of charged pions; those of neutral hadrons are the same without the track before."""
    start = -np.log(_uniform(keys, 0))
    lost, signal = track(energies, start, calorimeter)
    if not charged:
        lost, signal = np.zeros_like(lost), np.zeros_like(signal)
    left = energies - lost
    fraction = _drawn_fraction(left, _uniform(keys, 1))
    pion = Pion(start, np.where(left > _LEAST, left, 0.0), fraction)
    parts = [
        scatter_track(signal, calorimeter, draws.derived(keys, 11)),
        _neutral_pions(pion, calorimeter, draws.derived(keys, 12)),
        _hadrons(pion, calorimeter, draws.derived(keys, 13)),
    ]
    return joined(parts)


def _uniform(keys: UInt64[np.ndarray, " n"], number: int) -> Float[np.ndarray, " n"]:
    return draws.uniform(keys, np.full(len(keys), number))


def _drawn_fraction(
    energies: Float[np.ndarray, " shower"], u: Float[np.ndarray, " shower"]
) -> Float[np.ndarray, " shower"]:
    """EM fractions: beta law around the mean."""
    mean = np.clip(em_fraction(energies), 1e-3, 0.95)
    width = _FRACTION_WIDTH * mean * (np.maximum(energies, 1.0) / 10) ** -0.1
    both = np.maximum(mean * (1 - mean) / width**2 - 1, 0.5)
    return np.where(energies > _SCALE, betaincinv(mean * both, (1 - mean) * both, u), 0.0)


def _neutral_pions(pion: Pion, calorimeter: Calorimeter, keys: UInt64[np.ndarray, " shower"]) -> Spots:
    """The EM part: the first neutral pion at the first interaction, others along the hadronic shower."""
    energy = pion.left * pion.fraction
    number = 1 + _poisson(0.5 * np.log1p(pion.left), _uniform(keys, 0))
    which = np.arange(_MOST)
    shower, nth = np.nonzero((which < number[:, None]) & (energy[:, None] > _LEAST))
    own = draws.derived(draws.derived(keys[shower], 1) + nth.astype(np.uint64), 2)
    piece = -np.log(_uniform(own, 7))
    piece *= energy[shower] / np.bincount(shower, piece, len(keys))[shower]
    alpha, beta = _hadronic_profile(pion.left)
    u = _uniform(own, 8)
    along = np.where(nth == 0, 0.0, _NEARER * gammaincinv(alpha[shower], u) / beta[shower])
    depth = pion.start[shower] + along
    start = np.interp(depth, calorimeter.interaction_depth, calorimeter.radiation_depth, right=np.inf)
    inside = np.isfinite(start)
    shower, own, piece, along = shower[inside], own[inside], piece[inside], along[inside]
    profile = drawn_profile(piece, calorimeter.medium, own)
    slices = electromagnetic(piece, start[inside] + photon_start(own), profile, calorimeter)
    spots = scatter(slices, calorimeter, own)
    medium = calorimeter.medium
    flight = along * medium.interaction_length + profile.maximum * medium.radiation_length
    return _beside_the_axis(spots, flight, piece, own)._replace(shower=shower.astype(np.int32)[spots.shower])


def _beside_the_axis(
    spots: Spots,
    flight: Float[np.ndarray, " shower"],
    energies: Float[np.ndarray, " shower"],
    keys: UInt64[np.ndarray, " shower"],
) -> Spots:
    """The spots of neutral pions that fly so many mm under the angle of their transverse momentum."""
    momentum = -_TRANSVERSE * np.log(_uniform(keys, 9))
    away = flight * np.tan(np.minimum(momentum / energies, 1.0))
    turn = 2 * np.pi * _uniform(keys, 10)
    x, y = ((away * f(turn)).astype(np.float32)[spots.shower] for f in (np.cos, np.sin))
    x, y = x + spots.radius * np.cos(spots.phi), y + spots.radius * np.sin(spots.phi)
    return spots._replace(radius=np.hypot(x, y), phi=np.arctan2(y, x))


def _hadrons(pion: Pion, calorimeter: Calorimeter, keys: UInt64[np.ndarray, " shower"]) -> Spots:
    """The hadronic part, whose signal fluctuates because nuclear binding energy is not seen."""
    energy = pion.left * (1 - pion.fraction)
    seen = energy * _seen(energy, _uniform(keys, 0))
    alpha, beta = _hadronic_profile(pion.left)
    depth = np.maximum(calorimeter.interaction_depth - pion.start[:, None], 0.0)
    share = np.diff(gammainc(alpha[:, None], beta[:, None] * depth), axis=1)
    unit = np.broadcast_to(calorimeter.each(lambda section: section.medium.interaction_length), share.shape)
    weaker = calorimeter.each(lambda section: section.hadronic / section.response)
    slices = Slices(
        seen[:, None] * share * weaker,
        _SPOTS * energy[:, None] * share,
        _CORE * unit,
        _TAIL * unit,
        np.full(share.shape, _CORE_WEIGHT),
    )
    return scatter(slices, calorimeter, keys)


def _seen(
    energies: Float[np.ndarray, " shower"], u: Float[np.ndarray, " shower"]
) -> Float[np.ndarray, " shower"]:
    """What is seen of the hadronic part over its mean: beta law up to the kinetic energy and the pion's rest mass."""
    most = 1 + PION_MASS / np.maximum(energies, _LEAST)
    mean = _VISIBLE / most
    width = _FLUCTUATION * mean / (energies**2 + 1) ** 0.25
    both = mean * (1 - mean) / width**2 - 1
    return betaincinv(mean * both, (1 - mean) * both, u) / mean


def _hadronic_profile(
    energies: Float[np.ndarray, " shower"],
) -> tuple[Float[np.ndarray, " shower"], Float[np.ndarray, " shower"]]:
    """Shape and rate of the depth profile t^(alpha - 1) exp(-beta t) (numbers of Bock et al. as commonly quoted)."""
    log_energy = np.log(np.maximum(energies, 0.3))
    return 0.6165 + 0.3183 * log_energy, 0.9099 - 0.0237 * log_energy


def _poisson(mean: Float[np.ndarray, " n"], u: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Poisson draws below `_MOST` from uniform ones."""
    smaller = pdtr(np.arange(_MOST - 1), mean[:, None]) < u[:, None]
    return smaller.sum(axis=1).astype(float)
