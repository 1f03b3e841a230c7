"""The energy that particles leave in the cells of a calorimeter, and what it measures: towers."""

from functools import cache
from math import erf, pi, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, UInt64

from femtobarn.compiled import njit
from femtobarn.simulate.detector import draws
from femtobarn.simulate.detector.card import Calorimeter
from femtobarn.simulate.detector.propagation import Arrival
from femtobarn.simulate.particles import Particles

_NEIGHBOURS = 9  # cells that share a shower
_LEAST_SHARE = 1e-3  # of a shower, that a cell gets


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


class Deposits(NamedTuple):
    """Who left what where: a row for each particle and tower, particles in their order, its own tower first."""

    particle: Int[np.ndarray, "deposit"]  # row of the particle
    tower: Int[np.ndarray, "deposit"]
    energy: Float[np.ndarray, "deposit"]  # true, GeV


class Towers(NamedTuple):
    """Cells with energy of many events, one event after the other; `offset` as in `Particles`.

    `tower` and `energy` hold for each particle (row of the input) the tower it hit, -1 if none, and the energy in
    GeV it left in this calorimeter; `deposits` says where, if showers spread over several towers.
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
    shared: Deposits | None = None  # of showers that spread

    @property
    def deposits(self) -> Deposits:
        """The true energy of each particle in each tower."""
        if self.shared is not None:
            return self.shared
        hit = np.flatnonzero(self.tower >= 0)
        return Deposits(hit, self.tower[hit], self.energy[hit])


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
    particles: Particles,
    arrival: Arrival,
    *,
    calorimeter: Calorimeter,
    keys: UInt64[np.ndarray, "event"],
    share: Float[np.ndarray, "particle"] | None = None,
) -> Towers:
    """Towers of the particles that arrive: deposits summed by cell, then smeared log-normally.

    Args:
        particles: See `detect`.
        arrival: Where they arrive.
        calorimeter: Which one.
        keys: Of the random numbers.
        share: Of its energy that each particle leaves here; that of its kind if not given, see `fractions`.
    """
    grid = cells(calorimeter)
    energy = particles.momentum[:, 0] * (fractions(calorimeter, particles.pdg) if share is None else share)
    cell = cell_under(grid, np.where(energy > 0, arrival.eta, np.nan), arrival.phi)
    energy = np.where(cell >= 0, energy, 0.0)
    towers = _shared_towers if calorimeter.spread else _single_towers
    tower, which, deposited, truth, offset, shared = towers(
        particles, arrival, grid, cell, energy, calorimeter.spread
    )

    key = np.repeat(keys, np.diff(offset))
    drawn = draws.normal(key, 3 * which)
    measured = draws.log_normal(deposited, grid.sigma(which, deposited), drawn)
    sigma = grid.sigma(which, measured)
    measured[(measured < calorimeter.minimum) | (measured < calorimeter.significance * sigma)] = 0.0
    low, high, left, right = grid.box(which)
    eta = low + (high - low) * draws.uniform(key, 3 * which + 1)
    phi = left + (right - left) * draws.uniform(key, 3 * which + 2)
    return Towers(offset, which, deposited, measured, sigma, eta, phi, truth, tower, energy, shared)


def spread_over(
    grid: Cells,
    cell: Int[np.ndarray, "particle"],
    eta: Float[np.ndarray, "particle"],
    phi: Float[np.ndarray, "particle"],
    spread: float,
) -> tuple[Int[np.ndarray, "row"], Int[np.ndarray, "row"], Float[np.ndarray, "row"]]:
    """Cells that share a shower: rows of (particle, cell, share), the particle's own cell first.

    A Gaussian in eta and phi about the point where the particle arrives, integrated over its cell and the cells
    around. The shares of a particle add up to 1: nothing leaks out, and less than a thousandth is not shared.
    """
    most = _NEIGHBOURS * int(np.count_nonzero(cell >= 0))
    particle, found, share = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    rows = _spread(
        cell, eta, phi, float(spread), grid.eta, grid.phi, grid.first, grid.ring, particle, found, share
    )
    return particle[:rows].copy(), found[:rows].copy(), share[:rows].copy()


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


def _single_towers(
    particles: Particles, arrival: Arrival, grid: Cells, cell: np.ndarray, energy: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, None]:
    """See `_sums`: all energy of a particle in one cell."""
    del arrival, spread
    return *_sums(particles.offset, cell, energy, int(grid.first[-1])), None


def _shared_towers(
    particles: Particles, arrival: Arrival, grid: Cells, cell: np.ndarray, energy: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, Deposits]:
    """The same for showers that spread, and the deposits."""
    particle, spread_cell, share = spread_over(grid, cell, arrival.eta, arrival.phi, spread)
    rows = np.searchsorted(particle, particles.offset)
    left = energy[particle] * share
    tower, which, deposited, truth, offset = _sums(rows, spread_cell, left, int(grid.first[-1]))
    own = np.full(len(cell), -1)
    own[particle[::-1]] = tower[::-1]  # the first row of a particle stays
    return own, which, deposited, particle[truth], offset, Deposits(particle, tower, left)


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
def _spread(cell, eta, phi, sigma, edges, phi_cells, first, rings, particle, found, share):
    n, wide = 0, sigma * sqrt(2.0)
    for i in range(cell.shape[0]):
        if cell[i] < 0:
            continue
        start, total, own = n, 0.0, rings[cell[i]]
        for step in (0, -1, 1):
            ring = own + step
            if not 0 <= ring < phi_cells.shape[0]:
                continue
            along = 0.5 * (erf((edges[ring + 1] - eta[i]) / wide) - erf((edges[ring] - eta[i]) / wide))
            count = phi_cells[ring]
            width = 2 * pi / count
            column = min(max(int((phi[i] + pi) / width), 0), count - 1)
            if step == 0:
                column = cell[i] - first[ring]
            for turn in (0, -1, 1):
                left = (column + turn) * width - pi - phi[i]
                part = along * 0.5 * (erf((left + width) / wide) - erf(left / wide))
                if n == start or part >= _LEAST_SHARE:
                    particle[n], share[n] = i, part
                    found[n] = first[ring] + (column + turn) % count
                    total += part
                    n += 1
        for k in range(start, n):
            share[k] /= total
    return n


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
