"""Hadron showers in one layer of fine cells, behind tracks that do not point at them exactly.

For methods that predict maps: a track is extrapolated to a cell, the shower is a few cells beside it, and coarse
towers tell roughly where energy is, that of a second hadron included. From formulas, in no time; showers that follow
a material are those of `simulate.showers`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.data.source import check_columns
from femtobarn.errors import InputError

CELL = 10.0  #: mm, as in the digital hadron calorimeter of CALICE
SPOT = 0.1  #: GeV, energy of one spot
THRESHOLD = 2 * SPOT  #: GeV from which on a cell counts as touched
_RADII = (8.0, 40.0)  # mm, of the electromagnetic core and of the hadronic halo
_TOWER = 8  # cells a side


class Footprints(NamedTuple):
    """Images of events, GeV."""

    track: Float32[np.ndarray, "event row column"]
    """Momentum of the track, in the cell that it points at."""
    towers: Float32[np.ndarray, "event row column"]
    """Energy of each tower of 8 x 8 cells, spread evenly over its cells; of both hadrons."""
    shower: Float32[np.ndarray, "event row column"]
    """Energy of the track's own shower in each cell."""


def footprints(
    events: int, *, generator: np.random.Generator, cells: int = 64, off: float = 20.0
) -> Footprints:
    """Events of a track with its shower, and a second hadron somewhere.

    Momenta are uniform from 5 to 20 GeV. The spots of a shower fall off from its axis as 2 r R^2 / (r^2 + R^2)^2 in a
    core and a halo, the radial profile of GFLASH (Grindhammer and Peters, hep-ex/0001020, equation 23), of which the
    core takes a random share, beta-distributed around 0.5. The axis is beside the track's cell by a Gaussian.

    Args:
        events: Number of events.
        generator: Of all that is random.
        cells: Along a side, a multiple of 8.
        off: Mm, standard deviation along each axis of where the shower is against the track.

    Raises:
        InputError: No events, or a side that is no multiple of 8.
    """
    if events < 1 or cells < _TOWER or cells % _TOWER or off < 0:
        raise InputError(
            f"expected events, sides that are multiples of {_TOWER} and off >= 0: got {events}, {cells}, {off:g}"
        )
    momentum = generator.uniform(5, 20, (2, events))
    place = generator.uniform(0.2 * cells, 0.8 * cells, (2, events, 2))
    own, other = (_showers(p, xy, cells, generator) for p, xy in zip(momentum, place, strict=True))
    aim = np.clip(np.floor(place[0] + generator.normal(0, off / CELL, (events, 2))), 0, cells - 1).astype(int)
    track = np.zeros_like(own)
    track[np.arange(events), aim[:, 0], aim[:, 1]] = momentum[0]
    blocks = (own + other).reshape(events, cells // _TOWER, _TOWER, cells // _TOWER, _TOWER)
    towers = np.broadcast_to(blocks.mean(axis=(2, 4), keepdims=True), blocks.shape).reshape(own.shape)
    return Footprints(track, towers.copy(), own)


def mean_footprint(made: Footprints) -> Float[np.ndarray, "row column"]:
    """Mean energy of a shower for each GeV of its track, cell by cell from that of the track on, which is the first."""
    share = np.fft.rfft2(made.shower) * np.conj(np.fft.rfft2(made.track))
    share /= made.track.sum(axis=(1, 2), keepdims=True) ** 2
    return np.fft.irfft2(share.mean(axis=0), s=made.track.shape[1:])


def expected(
    track: Float32[np.ndarray, "event row column"], mean: Float[np.ndarray, "row column"]
) -> Float32[np.ndarray, "event row column"]:
    """Energy by the momentum of the track alone: the mean footprint around its cell."""
    spread = np.fft.irfft2(np.fft.rfft2(track) * np.fft.rfft2(mean), s=track.shape[1:])
    return spread.clip(min=0).astype(np.float32)


def known_maps(
    columns: Mapping[str, np.ndarray], mean: Float[np.ndarray, "row column"]
) -> tuple[Float32[np.ndarray, "event 2 row column"], Float32[np.ndarray, "event 1 row column"]]:
    """What a network sees of events: tracks and towers, and what the tracks alone make expect, all in GeV.

    Args:
        columns: "track" and "towers", as in `Footprints`.
        mean: See `mean_footprint`.

    Raises:
        InputError: One is missing, has another size than the mean footprint, or is negative or not finite.
    """
    check_columns(("track", "towers"), tuple(columns), "the events")
    for name in ("track", "towers"):
        if columns[name].shape[1:] != mean.shape:
            raise InputError(f"expected images {mean.shape} as {name}, got {columns[name].shape[1:]}")
        if not (np.isfinite(columns[name]) & (columns[name] >= 0)).all():
            raise InputError(f"expected energies of 0 GeV or more as {name}, got negative or unknown ones")
    past = np.stack([columns[name].astype(np.float32) for name in ("track", "towers")], axis=1)
    return past, expected(past[:, 0], mean)[:, None]


def _showers(
    momentum: np.ndarray, place: np.ndarray, cells: int, generator: np.random.Generator
) -> Float32[np.ndarray, "event row column"]:
    count = generator.poisson(momentum / SPOT)
    event = np.repeat(np.arange(len(momentum)), count)
    core = generator.random(len(event)) < generator.beta(4, 4, len(momentum))[event]
    u, angle = generator.random(len(event)), generator.uniform(0, 2 * np.pi, len(event))
    r = np.where(core, *_RADII) * np.sqrt(u / (1 - u)) / CELL
    at = np.floor(place[event] + r[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)).astype(int)
    inside = ((at >= 0) & (at < cells)).all(axis=1)
    flat = np.ravel_multi_index((event[inside], *at[inside].T), (len(momentum), cells, cells))
    found = np.bincount(flat, minlength=len(momentum) * cells * cells).reshape(-1, cells, cells)
    return (SPOT * found).astype(np.float32)
