"""What a level-1 trigger hands to its last stage: missing energy, electrons or photons, muons and jets, in steps.

19 objects of (pT, eta, phi), 57 numbers in all: one missing energy, 4 electrons or photons, 4 muons, 10 jets, as
the anomaly detectors of CMS take them (arXiv:2411.19506). Steps and ranges are those of the trigger (facts of
github.com/bb511/adl1t_datamaker, docs/README.md).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.detector.calorimeter import Towers
from femtobarn.simulate.detector.detection import Detected
from femtobarn.simulate.detector.regions import COUNT, REGIONS, trigger_regions


class Kind(NamedTuple):
    """Objects of one kind: how many are kept, their largest pT code, and their steps."""

    name: str
    most: int
    """Objects of an event that are kept."""
    largest: int
    """Code at which pT saturates, in steps of half a GeV."""
    eta_step: float
    phi_steps: int
    """In a full turn."""


KINDS = (
    Kind("missing energy", 1, 4095, 0.0870 / 2, 144),
    Kind("electron or photon", 4, 511, 0.0870 / 2, 144),
    Kind("muon", 4, 511, 0.0870 / 8, 576),
    Kind("jet", 10, 2047, 0.0870 / 2, 144),
)
OBJECTS = sum(kind.most for kind in KINDS)  #: 19
_RADIUS, _LEAST_JET, _JET_ETA = 0.4, 10.0, 5.0
_NARROW, _LEAST_ELECTRON, _ELECTRON_ETA = 0.1, 5.0, 2.5
_HADRONIC = 0.1  # largest share of energy behind an electron or photon
_LEAST_MUON, _MUON_ETA, _MUON_RESOLUTION = 3.0, 2.4, 0.2
_REGION_ETA = 3.0  # of the regions, from which pile-up is estimated


def level1_objects(
    detected: Detected, *, generator: np.random.Generator
) -> Float32[np.ndarray, "event 19 3"]:
    """pT (GeV), eta and phi of the 19 objects of each event, hardest of each kind first, zeros where there is none.

    Cells of at least half a GeV of transverse energy count. Jets are anti-kT jets of radius 0.4 of them, less the
    median energy of the regions of the event times their area; electrons and photons are narrow jets of the ECAL
    (radius 0.1) with at most a tenth of HCAL energy behind them; muons are those of the tracker with pT smeared by a
    further 20 %; the missing energy is that of all these cells. A real trigger clusters windows of towers and has no
    tracker; there is no isolation.

    Args:
        detected: Events as the detector sees them, with the pile-up they have.
        generator: Source of the smearing of muons.
    """
    ecal, ecal_event = _cells(detected.ecal)
    hcal, hcal_event = _cells(detected.hcal)
    both, event = np.concatenate((ecal, hcal)), np.concatenate((ecal_event, hcal_event))
    order = np.argsort(event, kind="stable")
    both, offset = both[order], _boundaries(event[order], detected.events)
    jets = anti_kt(both, offset, radius=_RADIUS, min_pt=_LEAST_JET)
    narrow = anti_kt(ecal, _boundaries(ecal_event, detected.events), radius=_NARROW, min_pt=_LEAST_ELECTRON)
    electrons = cylindrical(narrow.momentum)[:, :3]
    behind = _energy_near(electrons, narrow.event, cylindrical(hcal), hcal_event)
    tight = (behind < _HADRONIC * narrow.momentum[:, 0]) & (np.abs(electrons[:, 1]) < _ELECTRON_ETA)
    jet, density = cylindrical(jets.momentum)[:, :3], pileup_density(detected)
    jet[:, 0] -= density[jets.event] * np.pi * _RADIUS**2
    muons, muon_event = _muons(detected, generator)
    found = (
        (_missing(both, event[order], detected.events), np.arange(detected.events)),
        (electrons[tight], narrow.event[tight]),
        (muons, muon_event),
        (jet[kept := (jet[:, 0] > _LEAST_JET) & (np.abs(jet[:, 1]) < _JET_ETA)], jets.event[kept]),
    )
    return np.concatenate(
        [
            in_steps(_hardest(rows, event, detected.events, kind.most), kind)
            for (rows, event), kind in zip(found, KINDS, strict=True)
        ],
        axis=1,
    )


def pileup_density(detected: Detected) -> Float[np.ndarray, "event"]:
    """Median transverse energy of the regions of an event over their area, GeV per unit of eta and phi."""
    area = 2 * _REGION_ETA * 2 * np.pi / (REGIONS[0] * REGIONS[1])
    median: np.ndarray = np.median(trigger_regions(detected), axis=(1, 2)) * COUNT / area
    return median


def in_steps(
    objects: Float[np.ndarray, "event object 3"], kind: Kind
) -> Float32[np.ndarray, "event object 3"]:
    """Objects as codes tell them: pT rounded down to half a GeV and cut at its largest code, angles rounded."""
    pt = np.minimum(np.floor(objects[..., 0] / COUNT), kind.largest) * COUNT
    eta = np.rint(objects[..., 1] / kind.eta_step) * kind.eta_step
    step = 2 * np.pi / kind.phi_steps
    phi = np.rint(objects[..., 2] / step) * step
    return np.where(pt[..., None] > 0, np.stack((pt, eta, phi), axis=-1), 0.0).astype(np.float32)


def _cells(towers: Towers) -> tuple[Float[np.ndarray, "cell 4"], Int[np.ndarray, "cell"]]:
    """Energy, px, py, pz of the cells that a trigger counts, without mass, and the event of each."""
    transverse = towers.measured / np.cosh(towers.eta)
    columns = np.cos(towers.phi), np.sin(towers.phi), np.sinh(towers.eta)
    momentum = np.stack((towers.measured, *(transverse * column for column in columns)), axis=1)
    event = np.repeat(np.arange(len(towers.offset) - 1), np.diff(towers.offset))
    counted = transverse >= COUNT
    return momentum[counted], event[counted]


def _boundaries(event: Int[np.ndarray, "row"], events: int) -> Int[np.ndarray, "boundary"]:
    return np.searchsorted(event, np.arange(events + 1))


def _missing(
    momentum: Float[np.ndarray, "cell 4"], event: Int[np.ndarray, "cell"], events: int
) -> Float[np.ndarray, "event 3"]:
    """Transverse momentum that is missing to a sum of zero; its eta is 0."""
    px, py = (-np.bincount(event, momentum[:, k], events) for k in (1, 2))
    return np.stack((np.hypot(px, py), np.zeros(events), np.arctan2(py, px)), axis=1)


def _energy_near(
    axes: Float[np.ndarray, "axis 3"],
    axis_event: Int[np.ndarray, "axis"],
    cells: Float[np.ndarray, "cell 4"],
    cell_event: Int[np.ndarray, "cell"],
) -> Float[np.ndarray, "axis"]:
    """Energy of the cells of the same event within 0.1 in eta and phi of each axis."""
    first, last = (np.searchsorted(cell_event, axis_event, side=side) for side in ("left", "right"))
    found = np.zeros(len(axes))
    for k, (start, stop) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        pt, eta, phi, _ = cells[start:stop].T
        turn = np.abs(np.remainder(phi - axes[k, 2] + np.pi, 2 * np.pi) - np.pi)
        near = (np.abs(eta - axes[k, 1]) < _NARROW) & (turn < _NARROW)
        found[k] = (pt[near] * np.cosh(eta[near])).sum()
    return found


def _muons(
    detected: Detected, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "muon 3"], Int[np.ndarray, "muon"]]:
    tracks = detected.tracks
    chosen = np.flatnonzero(np.abs(tracks.pdg) == 13)
    found = cylindrical(tracks.momentum[chosen])[:, :3]
    found[:, 0] *= np.exp(_MUON_RESOLUTION * generator.standard_normal(len(found)))
    kept = (found[:, 0] > _LEAST_MUON) & (np.abs(found[:, 1]) < _MUON_ETA)
    event = np.searchsorted(tracks.offset, chosen, side="right") - 1
    return found[kept], event[kept]


def _hardest(
    rows: Float[np.ndarray, "row 3"], event: Int[np.ndarray, "row"], events: int, count: int
) -> Float[np.ndarray, "event count 3"]:
    """The hardest objects of each event, zeros behind them."""
    order = np.lexsort((-rows[:, 0], event))
    rows, event = rows[order], event[order]
    rank = np.arange(len(rows)) - np.searchsorted(event, event)
    found = np.zeros((events, count, 3))
    kept = rank < count
    found[event[kept], rank[kept]] = rows[kept]
    return found
