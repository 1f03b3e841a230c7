"""Tracks and towers combined, so that no energy counts twice (after arXiv:1307.6346, section 3.3)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.simulate.detector.calorimeter import Towers, fractions
from femtobarn.simulate.detector.card import Calorimeter
from femtobarn.simulate.detector.tracking import Tracks


class Neutrals(NamedTuple):
    """Energy that no track explains, of many events, one event after the other; `offset` as in `Particles`."""

    offset: Int[np.ndarray, "boundary"]
    tower: Int[np.ndarray, "neutral"]  # row in the calorimeter's towers
    truth: Int[np.ndarray, "neutral"]  # row of the particle that left most in the tower, charged or not
    momentum: Float[np.ndarray, "neutral 4"]  # energy, px, py, pz in GeV, without mass


def combine(towers: Towers, tracks: Tracks, *, calorimeter: Calorimeter) -> tuple[Neutrals, Tracks]:
    """What is left of each tower after its tracks, and the tracks as the towers correct them.

    An excess over the tracks becomes a neutral if it passes the calorimeter's thresholds, the second with the
    errors of the tower and of its tracks added in quadrature. Otherwise tower and tracks have measured the
    same energy, and the tracks are scaled to the mean of the two, weighted by the inverse variances; a tower
    below its thresholds says nothing (in Delphes it still counts, if its resolution has a noise term).
    """
    share = fractions(calorimeter, tracks.pdg)
    tower = np.where(share > 0, towers.tower[tracks.truth], -1)
    seen = np.flatnonzero(tower >= 0)
    expected = share[seen] * tracks.momentum[seen, 0]
    count = len(towers.cell)
    charged = _summed(expected, tower[seen], count)
    track_variance = _summed((tracks.resolution[seen] * expected) ** 2, tower[seen], count)

    variance = towers.sigma**2 + track_variance
    excess = np.maximum(towers.measured - charged, 0.0)
    neutral = (excess > calorimeter.minimum) & (excess > calorimeter.significance * np.sqrt(variance))
    neutral &= towers.measured > 0

    best = np.divide(
        towers.sigma**2 * charged + track_variance * towers.measured,
        variance,
        out=charged.copy(),
        where=variance > 0,
    )
    scale = np.divide(
        best, charged, out=np.ones(count), where=~neutral & (towers.measured > 0) & (charged > 0)
    )
    factor = np.append(scale, 1.0)[tower]  # the last one, at -1, for tracks without a tower
    return _neutrals(towers, neutral, excess), tracks.scaled(factor)


def _summed(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    return np.bincount(group, values, groups).astype(np.float64)  # of nothing, bincount counts in integers


def _neutrals(towers: Towers, chosen: np.ndarray, energy: np.ndarray) -> Neutrals:
    rows = np.flatnonzero(chosen)
    momentum = np.empty((len(rows), 4))
    momentum[:, 0] = energy[rows]
    transverse = energy[rows] / np.cosh(towers.eta[rows])
    momentum[:, 1] = transverse * np.cos(towers.phi[rows])
    momentum[:, 2] = transverse * np.sin(towers.phi[rows])
    momentum[:, 3] = energy[rows] * np.tanh(towers.eta[rows])
    return Neutrals(np.searchsorted(rows, towers.offset), rows, towers.truth[rows], momentum)
