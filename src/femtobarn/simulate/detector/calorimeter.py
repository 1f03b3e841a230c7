"""The energy that particles leave in the cells of a calorimeter, and what it measures: towers."""

from functools import cache
from math import pi
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, UInt64

from femtobarn.compiled import njit
from femtobarn.simulate.detector import draws
from femtobarn.simulate.detector.card import Calorimeter
from femtobarn.simulate.detector.propagation import Arrival
from femtobarn.simulate.particles import Particles


class Cells(NamedTuple):
    """The cells of a calorimeter, ring after ring from the lowest eta up, each ring from phi = -pi."""

    eta: Float[np.ndarray, "edge"]  # of the rings
    phi: Int[np.ndarray, "ring"]  # number of cells in each ring
    first: Int[np.ndarray, "edge"]  # number of each ring's first cell; last, that of all cells
    ring: Int[np.ndarray, "cell"]  # of each cell
    variance: Float[np.ndarray, "ring 3"]  # at its middle: of a measured energy E, in powers 0, 1, 2 of E

    def box(
        self, cell: Int[np.ndarray, "*n"]
    ) -> tuple[
        Float[np.ndarray, "*n"], Float[np.ndarray, "*n"], Float[np.ndarray, "*n"], Float[np.ndarray, "*n"]
    ]:
        """Lower and upper edge in eta, lower and upper edge in phi."""
        ring = self.ring[cell]
        width = 2 * pi / self.phi[ring]
        low = (cell - self.first[ring]) * width - pi
        return self.eta[ring], self.eta[ring + 1], low, low + width

    def sigma(self, cell: Int[np.ndarray, "*n"], energy: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Standard deviation in GeV of an energy measured in each cell, for the middle of its ring."""
        noise, stochastic, constant = self.variance[self.ring[cell]].T
        return np.sqrt(noise + (stochastic + constant * energy) * energy)


class Towers(NamedTuple):
    """Cells with energy of many events, one event after the other; `offset` as in `Particles`.

    `tower` and `energy` are the deposits: for each particle (row of the input) the tower it hit, -1 if none,
    and the energy in GeV it left there.
    """

    offset: Int[np.ndarray, "boundary"]
    cell: Int[np.ndarray, "tower"]  # see `Cells`
    deposited: Float[np.ndarray, "tower"]  # true energy in GeV
    measured: Float[np.ndarray, "tower"]  # smeared; 0 where it is below the thresholds
    sigma: Float[np.ndarray, "tower"]  # standard deviation of an energy as large as that
    eta: Float[np.ndarray, "tower"]  # a random point of the cell
    phi: Float[np.ndarray, "tower"]
    truth: Int[np.ndarray, "tower"]  # row of the particle that left most
    tower: Int[np.ndarray, "particle"]
    energy: Float[np.ndarray, "particle"]


@cache
def cells(calorimeter: Calorimeter) -> Cells:
    """Edges and numbers of the cells on both sides of eta = 0."""
    outer, count = zip(*calorimeter.rings, strict=True)
    eta, phi = (
        np.array([*(-edge for edge in reversed(outer)), 0.0, *outer]),
        np.array([*reversed(count), *count]),
    )
    ring, first = np.repeat(np.arange(len(phi)), phi), np.concatenate(([0], np.cumsum(phi)))
    return Cells(eta, phi, first, ring, _variance(calorimeter, (eta[:-1] + eta[1:]) / 2))


def cell_under(
    grid: Cells, eta: Float[np.ndarray, "point"], phi: Float[np.ndarray, "point"]
) -> Int[np.ndarray, "point"]:
    """Number of the cell at each point, -1 outside or where eta is NaN.

    A cell holds its lower edges; the last ring also its upper one, and phi = pi is that of the last cell.
    """
    found = np.empty(len(eta), np.int64)
    _cells_under(eta, phi, grid.eta, grid.phi, grid.first, found)
    return found


def measure(
    particles: Particles, arrival: Arrival, *, calorimeter: Calorimeter, keys: UInt64[np.ndarray, "event"]
) -> Towers:
    """Towers of the particles that arrive: deposits summed by cell, then smeared log-normally."""
    grid = cells(calorimeter)
    energy = particles.momentum[:, 0] * fractions(calorimeter, particles.pdg)
    cell = cell_under(grid, np.where(energy > 0, arrival.eta, np.nan), arrival.phi)
    energy = np.where(cell >= 0, energy, 0.0)
    tower, which, deposited, truth, offset = _sums(particles.offset, cell, energy, int(grid.first[-1]))

    key = np.repeat(keys, np.diff(offset))
    drawn = draws.normal(key, 3 * which)
    measured = draws.log_normal(deposited, grid.sigma(which, deposited), drawn)
    sigma = grid.sigma(which, measured)
    measured[(measured < calorimeter.minimum) | (measured < calorimeter.significance * sigma)] = 0.0
    low, high, left, right = grid.box(which)
    eta = low + (high - low) * draws.uniform(key, 3 * which + 1)
    phi = left + (right - left) * draws.uniform(key, 3 * which + 2)
    return Towers(offset, which, deposited, measured, sigma, eta, phi, truth, tower, energy)


def fractions(calorimeter: Calorimeter, pdg: Int[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Share of its energy that each kind of particle leaves in the calorimeter."""
    code = np.abs(pdg)
    share = np.full(len(pdg), float(calorimeter.fractions[0]))
    for known, fraction in calorimeter.fractions.items():
        if known and fraction != calorimeter.fractions[0]:
            share[code == known] = fraction
    return share


def _variance(calorimeter: Calorimeter, eta: Float[np.ndarray, "ring"]) -> Float[np.ndarray, "ring 3"]:
    """See `Region`."""
    regions = calorimeter.resolution
    own = [regions[i] for i in np.searchsorted([region.eta for region in regions], np.abs(eta), side="left")]
    shape = np.array([r.scale + r.bend * (abs(e) - r.centre) ** 2 for r, e in zip(own, eta, strict=True)])
    return np.array([(r.noise, r.stochastic, r.constant) for r in own]) ** 2 * shape[:, None] ** 2


def _sums(
    offset: np.ndarray, cell: np.ndarray, energy: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tower of each particle; then cell, energy and greatest giver of each tower; then the towers' offset."""
    most = int(np.count_nonzero(cell >= 0))
    tower, which, truth = np.empty(len(cell), np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    total, towers = np.zeros(most), np.zeros(len(offset), np.int64)
    _add_by_cell(np.asarray(offset, np.int64), cell, energy, number, tower, which, total, truth, towers)
    found = int(towers[-1])
    return tower, which[:found].copy(), total[:found].copy(), truth[:found].copy(), towers


@njit(cache=True, nogil=True)
@no_type_check
def _cells_under(eta, phi, edges, phi_cells, first, found):
    for i in range(eta.shape[0]):
        if not edges[0] <= eta[i] <= edges[-1]:
            found[i] = -1
            continue
        ring, above = 0, phi_cells.shape[0]
        while above - ring > 1:
            middle = (ring + above) // 2
            if edges[middle] <= eta[i]:
                ring = middle
            else:
                above = middle
        column = int((phi[i] + pi) / (2 * pi) * phi_cells[ring])
        found[i] = first[ring] + min(max(column, 0), phi_cells[ring] - 1)


@njit(cache=True, nogil=True)
@no_type_check
def _add_by_cell(offset, cell, energy, number, tower, which, total, truth, towers):
    """Towers stand in the order in which their first particle comes."""
    slot = np.full(number, -1, np.int64)  # tower of a cell, in this event
    greatest = np.zeros(which.shape[0])
    n = 0
    for event in range(offset.shape[0] - 1):
        before = n
        for i in range(offset[event], offset[event + 1]):
            c = cell[i]
            tower[i] = -1
            if c < 0:
                continue
            if slot[c] < 0:
                slot[c], which[n] = n, c
                n += 1
            t = slot[c]
            tower[i] = t
            total[t] += energy[i]
            if energy[i] > greatest[t]:
                greatest[t], truth[t] = energy[i], i
        for t in range(before, n):
            slot[which[t]] = -1
        towers[event + 1] = n
