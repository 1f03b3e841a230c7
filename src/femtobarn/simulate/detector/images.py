"""Events as a detector sees them, as images: tracks where they reach the calorimeters, ECAL and HCAL cells.

The layout is that of `femtobarn.physics.event_images`; `DARK_SHOWERS` has the cells that these images are made of.
"""

from dataclasses import replace
from math import pi

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.event_images import BLOCK, CHANNELS, COARSE, FINE, PIXEL
from femtobarn.simulate.detector.calorimeter import Towers, cells
from femtobarn.simulate.detector.card import CMS, Calorimeter
from femtobarn.simulate.detector.detection import Detected, candidate_truth, candidates
from femtobarn.simulate.particles import Particles

_HALF = 170  # crystals of the ECAL from eta = 0 on that are as fine as pixels
_FORWARD = tuple(ring for ring in CMS.ecal.rings if ring[0] > _HALF * PIXEL)

DARK_SHOWERS = replace(
    CMS,
    name="CMS, uniform cells",
    ecal=replace(CMS.ecal, rings=(*((round(PIXEL * i, 5), FINE[1]) for i in range(1, _HALF + 1)), *_FORWARD)),
    hcal=replace(
        CMS.hcal,
        rings=(
            *((round(PIXEL * BLOCK * i, 5), COARSE[0]) for i in range(1, _HALF // BLOCK + 1)),
            *(ring for ring in CMS.hcal.rings if ring[0] > _HALF * PIXEL),
        ),
    ),
)
"""`CMS` with the cells of the authors' card (arXiv:2306.13595): up to |eta| = 2.97 the HCAL has cells of 5 by 5 of
those of the ECAL, without the coarser rings of the end cap."""


_RADIUS, _MIN_PT = 0.5, 20.0  # of the jets of the scalar sum, GeV
_GRID, _GRID_SIDE = (
    (20, 12),
    0.5,
)  # areas in (eta, phi) whose median is the density of pile-up; their side in eta
_TRACKER = 2.5  # |eta| up to which the tracks of pile-up are known and removed


def from_vertex(
    particles: Particles, collision: Int[np.ndarray, "particle"], *, distance: float = 0.1
) -> Bool[np.ndarray, "particle"]:
    """Whether a particle is from the event's own collision, or starts so near to it along the beam as to seem so.

    Args:
        particles: Crossings made by `overlay`.
        collision: That each particle is from, as `overlay` gives it: 0 is the event's own.
        distance: Resolution of the vertex along the beam, mm; 0.1 in the card of arXiv:2306.13595.
    """
    own, z = collision == 0, particles.vertex[:, 3]
    # Most particles start in the collision itself, a few in decays: its place is the median.
    place = np.array([_median(each) for each in np.split(z[own], particles.keep(own).offset[1:-1])])
    return own | (np.abs(z - place[particles.event]) < distance)


def coarse_images(
    detected: Detected, *, kept: Bool[np.ndarray, "particle"] | None = None
) -> Float32[np.ndarray, "event 72 58 3"]:
    """Images of 72 (phi) x 58 (eta) pixels of tracker, ECAL and HCAL in GeV, made without the fine ones.

    Args:
        detected: By `DARK_SHOWERS`.
        kept: Particles whose tracks count, such as `from_vertex`; default: all.
    """
    images = np.zeros((detected.events, COARSE[0], COARSE[1], len(CHANNELS)), np.float64)
    for channel, (event, row, column, energy) in enumerate(_pixels(detected, kept)):
        shifted = (row + (COARSE[1] * BLOCK - FINE[0]) // 2) // BLOCK
        np.add.at(images[..., channel], (event, column // BLOCK, shifted), energy)
    return images.astype(np.float32)


def fine_images(
    detected: Detected, *, kept: Bool[np.ndarray, "particle"] | None = None
) -> Float32[np.ndarray, "event 286 360 3"]:
    """Images of 286 (eta) x 360 (phi) pixels, 1.2 MB an event; arguments as for `coarse_images`.

    A cell of the HCAL covers 25 pixels and has its energy spread evenly over them.
    """
    images = np.zeros((detected.events, *FINE), np.float32)
    for channel, (event, row, column, energy) in enumerate(_pixels(detected, kept)):
        np.add.at(images[..., channel], (event, row, column), energy.astype(np.float32))
    return images


def count_tracks(
    detected: Detected, *, kept: Bool[np.ndarray, "particle"] | None = None
) -> Int[np.ndarray, "event"]:
    """Number of tracks in the image of each event."""
    return np.bincount(_tracks(detected, kept)[0], minlength=detected.events).astype(np.int64)


def scalar_ht(
    detected: Detected, *, kept: Bool[np.ndarray, "particle"] | None = None
) -> Float64[np.ndarray, "event"]:
    """Scalar sum of the pT of anti-kT jets with R = 0.5 and pT > 20 GeV of what energy flow found, GeV.

    From each jet the energy of pile-up under it is taken: the median over areas of the event of pT per area, times
    the area of the jet, for jets within and beyond |eta| = 2.5 apart. Isolated leptons and photons are not added:
    they are jets here.

    Raises:
        MissingExtraError: FastJet is not installed.
    """
    found = candidates(detected)
    if kept is not None:
        found = found.keep((found.charge == 0) | kept[candidate_truth(detected)])
    jets = anti_kt(found.momentum.astype(np.float64), found.offset, radius=_RADIUS, min_pt=_MIN_PT)
    eta, _, pt = _directions(jets.momentum)
    pt -= _density(found)[jets.event, (np.abs(eta) > _TRACKER).astype(int)] * pi * _RADIUS**2
    counted = np.where(pt > _MIN_PT, pt, 0.0)
    return np.bincount(jets.event, counted, minlength=detected.events).astype(np.float64)


Pixels = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # event, row in eta, column in phi, energy


def _pixels(detected: Detected, kept: np.ndarray | None) -> tuple[Pixels, ...]:
    """Of each channel."""
    ecal = _cells(detected.ecal, DARK_SHOWERS.ecal, 1)
    return _tracks(detected, kept), ecal, _cells(detected.hcal, DARK_SHOWERS.hcal, BLOCK)


def _tracks(detected: Detected, kept: np.ndarray | None) -> Pixels:
    """Tracks in the fine pixels in which they reach the calorimeters."""
    tracks = detected.tracks
    eta, phi = detected.arrival.eta[tracks.truth], detected.arrival.phi[tracks.truth]
    row = np.floor(eta / PIXEL).astype(np.int64) + FINE[0] // 2
    column = np.floor((phi + pi) / (2 * pi) * FINE[1]).astype(np.int64) % FINE[1]
    inside = (row >= 0) & (row < FINE[0])
    if kept is not None:
        inside &= kept[tracks.truth]
    event = np.repeat(np.arange(detected.events), np.diff(tracks.offset))
    pt = np.hypot(tracks.momentum[:, 1], tracks.momentum[:, 2])
    return event[inside], row[inside], column[inside], pt[inside]


def _cells(towers: Towers, calorimeter: Calorimeter, side: int) -> Pixels:
    """Measured transverse energy of cells of `side` by `side` fine pixels, spread evenly over these.

    The pixels follow from the number of the cell: its measured position is a random one within it.
    """
    grid = cells(calorimeter)
    first = np.searchsorted(grid.eta, -(_HALF + 0.5) * PIXEL)  # of the rings that are as fine as pixels
    event = np.repeat(np.arange(len(towers.offset) - 1), np.diff(towers.offset))
    ring = grid.ring[towers.cell]
    central = (ring >= first) & (ring < first + 2 * _HALF // side)
    low = (ring - first) * side - _HALF + FINE[0] // 2
    left = (towers.cell - grid.first[ring]) * side
    energy = towers.measured / np.cosh(towers.eta) / side**2
    step = np.arange(side)
    row, column = low[:, None, None] + step[:, None], left[:, None, None] + step
    row, column, event, energy, central = np.broadcast_arrays(
        row, column, *(each[:, None, None] for each in (event, energy, central))
    )
    inside = central & (row >= 0) & (row < FINE[0])
    return event[inside], row[inside], column[inside], energy[inside]


def _density(found: Particles) -> Float64[np.ndarray, "event 2"]:
    """Median over equal areas of the pT in each, per unit of area: where there are tracks, and beyond them."""
    eta, phi, pt = _directions(found.momentum)
    row = np.floor(np.abs(eta) / _GRID_SIDE).astype(np.int64)
    row = 2 * row + (eta > 0)
    column = np.floor((phi / (2 * pi) + 0.5) * _GRID[1]).astype(np.int64) % _GRID[1]
    inside = row < _GRID[0]
    place = (found.event * _GRID[0] + row) * _GRID[1] + column
    areas = _GRID[0] * _GRID[1]
    sums = np.bincount(place[inside], pt[inside], minlength=found.events * areas)
    area = _GRID_SIDE * 2 * pi / _GRID[1]
    return np.asarray(np.median(sums.reshape(found.events, 2, areas // 2), axis=2) / area)


def _directions(momentum: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pseudorapidity, azimuth and pT; what flies along the beam is far outside."""
    px, py, pz = momentum[:, 1:].astype(np.float64).T
    pt = np.hypot(px, py)
    eta = np.arcsinh(np.divide(pz, pt, out=np.full_like(pt, 1e3), where=pt > 0))
    return eta, np.arctan2(py, px), pt


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan
