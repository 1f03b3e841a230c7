"""Tracks and towers combined, so that no energy counts twice (after arXiv:1307.6346, section 3.3)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.simulate.detector.calorimeter import Towers, cell_under, cells, fractions, spread_over
from femtobarn.simulate.detector.card import Calorimeter
from femtobarn.simulate.detector.propagation import Arrival
from femtobarn.simulate.detector.tracking import Tracks


class Neutrals(NamedTuple):
    """Energy that no track explains, of many events, one event after the other; `offset` as in `Particles`."""

    offset: Int[np.ndarray, "boundary"]
    tower: Int[np.ndarray, "neutral"]  # row in the calorimeter's towers
    truth: Int[np.ndarray, "neutral"]  # row of the particle that left most in the tower, charged or not
    momentum: Float[np.ndarray, "neutral 4"]  # energy, px, py, pz in GeV, without mass


class Reach(NamedTuple):
    """Towers that tracks lead to: a row for each track and tower, with the share of the shower expected there."""

    track: Int[np.ndarray, "row"]
    tower: Int[np.ndarray, "row"]
    share: Float[np.ndarray, "row"]


class Expected(NamedTuple):
    """Share of its energy that a track is expected to leave in the calorimeter, and the error of that."""

    mean: Float[np.ndarray, "track"]
    rms: Float[np.ndarray, "track"]


def combine(
    towers: Towers,
    tracks: Tracks,
    *,
    calorimeter: Calorimeter,
    reach: Reach | None = None,
    expected: Expected | None = None,
) -> tuple[Neutrals, Tracks]:
    """What is left of each tower after its tracks, and the tracks as the towers correct them.

    An excess over the tracks becomes a neutral if it passes the calorimeter's thresholds, the second with the
    errors of the tower and of its tracks added in quadrature. Otherwise tower and tracks have measured the
    same energy, and the tracks are scaled to the mean of the two, weighted by the inverse variances; a tower
    below its thresholds says nothing (in Delphes it still counts, if its resolution has a noise term).

    Args:
        towers: Of one calorimeter.
        tracks: Of the same events.
        calorimeter: Which one.
        reach: Towers of each track where showers spread; the tower it hits if not given.
        expected: Shares where they vary from hadron to hadron; those of `fractions`, without error, if not given.
    """
    mean, rms = expected or Expected(fractions(calorimeter, tracks.pdg), np.zeros(len(tracks.pdg)))
    track, tower, lateral = reach or _hit(towers, tracks)
    seen = mean[track] > 0
    track, tower, lateral = track[seen], tower[seen], lateral[seen]
    energy, count = tracks.momentum[track, 0] * lateral, len(towers.cell)
    share = mean[track] * energy
    charged = _summed(share, tower, count)
    error = (tracks.resolution[track] * share) ** 2 + (rms[track] * energy) ** 2
    track_variance = _summed(error, tower, count)

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
    tracked = len(tracks.pdg)
    weight = _summed(lateral, track, tracked)
    factor = np.divide(
        _summed(lateral * scale[tower], track, tracked), weight, out=np.ones(tracked), where=weight > 0
    )
    return _neutrals(towers, neutral, excess), tracks.scaled(factor)


def reach(towers: Towers, tracks: Tracks, arrival: Arrival, *, calorimeter: Calorimeter) -> Reach | None:
    """Towers around the point where each track arrives; None if showers stay in one cell, whose owner is known."""
    if not calorimeter.spread:
        return None
    grid = cells(calorimeter)
    eta, phi = arrival.eta[tracks.truth], arrival.phi[tracks.truth]
    track, cell, share = spread_over(grid, cell_under(grid, eta, phi), eta, phi, calorimeter.spread)
    known, wanted = (
        np.repeat(np.arange(len(offset) - 1), np.diff(offset)) * grid.first[-1]
        for offset in (towers.offset, tracks.offset)
    )
    known, wanted = known + towers.cell, wanted[track] + cell
    order = np.argsort(known)
    place = np.append(order, -1)[np.searchsorted(known, wanted, sorter=order)]
    there = np.append(known, -1)[place] == wanted
    return Reach(track[there], place[there], share[there])


def _hit(towers: Towers, tracks: Tracks) -> Reach:
    tower = towers.tower[tracks.truth]
    seen = np.flatnonzero(tower >= 0)
    return Reach(seen, tower[seen], np.ones(len(seen)))


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
