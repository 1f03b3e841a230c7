"""Calorimeter regions as a level-1 trigger sees them: 18 x 14 sums of energy, in counts of half a GeV."""

import numpy as np
from jaxtyping import Int

from femtobarn.simulate.detector.calorimeter import Cells, Towers, cells
from femtobarn.simulate.detector.card import CMS, Card
from femtobarn.simulate.detector.detection import Detected

TOWERS = (72, 56)  #: phi from -pi, eta from -3
REGIONS = (18, 14)  #: of 4 x 4 towers each
COUNT = 0.5  #: GeV of transverse energy
LARGEST_TOWER, LARGEST_REGION = 255, 1023  #: counts at which they saturate: 8 and 10 bits
_ETA = 3.0


def trigger_regions(detected: Detected, *, card: Card = CMS) -> Int[np.ndarray, "event 18 14"]:
    """Transverse energy of 18 (phi) x 14 (eta) regions of each event, ECAL and HCAL together, in counts.

    Measured energy of the calorimeters' cells is summed into 72 x 56 towers of equal size within |eta| < 3,
    rounded down to counts that saturate at 255, and these 4 by 4 into regions that saturate at 1023.
    """
    energy = sum(
        _transverse(towers, cells(calorimeter), detected.events)
        for towers, calorimeter in ((detected.ecal, card.ecal), (detected.hcal, card.hcal))
    )
    counts = np.minimum(np.asarray(energy) // COUNT, LARGEST_TOWER).astype(np.int64)
    sums = counts.reshape(-1, REGIONS[0], 4, REGIONS[1], 4).sum(axis=(2, 4))
    return np.minimum(sums, LARGEST_REGION)


def _transverse(towers: Towers, grid: Cells, events: int) -> np.ndarray:
    """Measured transverse energy in the towers of the trigger; a cell counts where its middle is."""
    low, high, left, right = grid.box(towers.cell)
    eta, phi = (low + high) / 2, (left + right) / 2
    column = np.floor((eta + _ETA) / (2 * _ETA) * TOWERS[1]).astype(np.int64)
    row = np.floor((phi + np.pi) / (2 * np.pi) * TOWERS[0]).astype(np.int64) % TOWERS[0]
    inside = np.abs(eta) < _ETA
    event = np.repeat(np.arange(events), np.diff(towers.offset))
    place = (event * TOWERS[0] + row) * TOWERS[1] + column
    total = np.bincount(
        place[inside], (towers.measured / np.cosh(eta))[inside], minlength=events * TOWERS[0] * TOWERS[1]
    )
    return total.reshape(events, *TOWERS)
