"""Anomaly scores of crossings by a trigger that sees calorimeters alone."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from femtobarn.chain.detector import Detector, Seen
from femtobarn.chain.flow import Candidates
from femtobarn.chain.jets import found_jets
from femtobarn.chain.joining import FIRST, answer
from femtobarn.chain.settings import CHOICES
from femtobarn.datasets.calo_regions import write_regions
from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.metrics.particle_flow import missing_momentum
from femtobarn.simulate.detector.calorimeter import cells
from femtobarn.simulate.detector.regions import COUNT, LARGEST_REGION, LARGEST_TOWER, REGIONS, TOWERS

Scores = dict[str, Float[np.ndarray, "event"]]

_LEAST_JET, _LEAST_COUNTED = 20.0, 2.0  # GeV, of jets in HT and of what is counted
_ETA = 3.0


def scores_of(choice: str, kept: Candidates, regions: Int[np.ndarray, "event 18 14"]) -> Scores:
    """Each score of each crossing; larger is more anomalous.

    HT is the sum of the pT of jets above 20 GeV, count the number of candidates above 2 GeV. A run may give several
    scores, whose names follow a comma; the only one of a simple choice has no name.

    Args:
        choice: HT, count, missing momentum, the folder of a run, or the stem of a file with answers.
        kept: Particle flow without tracks, and of it what `soft_killer` leaves.
        regions: Of `regions_of`.

    Raises:
        InputError: A run that does not score regions, or answers that do not fit.
    """
    if choice in CHOICES["trigger"]:
        return {"": _simple(choice, kept)}
    columns = answer("trigger", choice, partial(write_input, regions=regions), rows=len(regions)).columns
    return {f", {name}": column.astype(np.float64) for name, column in columns.items() if name not in FIRST}


def write_input(folder: Path, regions: Int[np.ndarray, "event 18 14"], name: str = "regions") -> list[Path]:
    """Regions as a run reads them."""
    path = folder / f"{name}.h5"
    write_regions(path, regions)
    return [path]


def _simple(choice: str, kept: Candidates) -> Float[np.ndarray, "event"]:
    events = len(kept.offset) - 1
    if choice == "missing momentum":
        return np.linalg.norm(missing_momentum(kept.momentum, kept.offset), axis=1)
    if choice == "count":
        pt = np.hypot(kept.momentum[:, 1], kept.momentum[:, 2])
        event = np.repeat(np.arange(events), np.diff(kept.offset))
        return np.bincount(event[pt > _LEAST_COUNTED], minlength=events).astype(np.float64)
    jets = found_jets(kept)
    pt = np.hypot(jets.momentum[:, 1], jets.momentum[:, 2])
    return np.bincount(jets.event, np.where(pt > _LEAST_JET, pt, 0.0), events).astype(np.float64)


def regions_of(seen: Seen, hits: HitEvents, detector: Detector) -> Int[np.ndarray, "event 18 14"]:
    """Transverse energy of towers and of the endcap in 72 x 56 trigger towers, then 4 by 4 of these, in counts.

    Args:
        seen: For the towers.
        hits: Of the endcap, as they arrive.
        detector: That saw all this.
    """
    events, card = len(hits), detector.card
    total = np.zeros((events, *TOWERS))
    for towers, calorimeter in ((seen.towers.ecal, card.ecal), (seen.towers.hcal, card.hcal)):
        low, high, left, right = cells(calorimeter).box(towers.cell)
        _add(total, towers.offset, (low + high) / 2, (left + right) / 2, towers.measured)
    x, y, z = hits.hits[:, 1:4].T.astype(np.float64)
    _add(
        total,
        hits.offset,
        np.arcsinh(z / np.hypot(x, y)),
        np.arctan2(y, x),
        hits.hits[:, 0].astype(np.float64),
    )
    counts = np.minimum(total // COUNT, LARGEST_TOWER).astype(np.int64)
    sums = counts.reshape(-1, REGIONS[0], 4, REGIONS[1], 4).sum(axis=(2, 4))
    return np.minimum(sums, LARGEST_REGION)


def _add(total: np.ndarray, offset: np.ndarray, eta: np.ndarray, phi: np.ndarray, energy: np.ndarray) -> None:
    column = np.floor((eta + _ETA) / (2 * _ETA) * TOWERS[1]).astype(np.int64)
    row = np.floor((phi + np.pi) / (2 * np.pi) * TOWERS[0]).astype(np.int64) % TOWERS[0]
    event = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    inside = np.abs(eta) < _ETA
    np.add.at(total, (event[inside], row[inside], column[inside]), (energy / np.cosh(eta))[inside])
