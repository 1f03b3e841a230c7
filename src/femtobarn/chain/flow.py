"""Particles from tracks, towers and showers of the endcap: energy that tracks explain does not count twice."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from femtobarn.chain.clusters import Clusters
from femtobarn.chain.detector import Detector, Seen
from femtobarn.chain.joining import answer
from femtobarn.chain.settings import RULES
from femtobarn.datasets.mlpf_delphes import write_events
from femtobarn.errors import InputError
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import FlowEvents, four_momenta
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.detector.calorimeter import Towers
from femtobarn.simulate.detector.card import ELECTRON, MUON
from femtobarn.simulate.detector.early_showers import expected_shares
from femtobarn.simulate.detector.energy_flow import Expected, Reach, combine, reach
from femtobarn.simulate.detector.propagation import Arrival
from femtobarn.simulate.detector.tracking import Tracks
from femtobarn.simulate.particles import Particles

_LINK = 40.0  # mm on the face within which a track belongs to the nearest shower
_STOCHASTIC, _CONSTANT = 0.8, 0.1  # sigma / E of hadrons in the endcap, sqrt(GeV): a guess for links and cuts
_LEAST, _SIGNIFICANCE = 0.5, 1.0  # GeV and standard deviations of a neutral of the endcap
_PHOTON_SHARE = 0.9  # of its energy before the copper, from which a shower is a photon's


class Candidates(NamedTuple):
    """What particle flow finds in many events, one event after the other."""

    offset: Int[np.ndarray, "boundary"]
    momentum: Float[np.ndarray, "candidate 4"]  # energy, px, py, pz, GeV
    charged: Bool[np.ndarray, "candidate"]  # has a track
    z: Float[np.ndarray, "candidate"]  # of the track on the beam, mm; 0 without

    def keep(self, wanted: Bool[np.ndarray, "candidate"]) -> "Candidates":
        """Those where `wanted` is true; every event stays."""
        before = np.concatenate(([0], np.cumsum(wanted)))
        return Candidates(before[self.offset], *(column[wanted] for column in self[1:]))


class Linked(NamedTuple):
    """Tracks with the places where they reach the calorimeters."""

    tracks: Tracks
    arrival: Arrival
    at_endcap: Arrival
    inside: Bool[np.ndarray, "track"]  # of the endcap


def candidates_of(
    choice: str, tracks: Tracks, seen: Seen, clusters: Clusters, detector: Detector
) -> Candidates:
    """Particles of some crossings. In the endcap the rules hold for every choice.

    Args:
        choice: rules, or the folder of a run or the stem of a file with answers, which then makes the particles of all
            tracks and towers but those of the endcap.
        tracks: Of the crossings; none at all is what a trigger without tracker has.
        seen: For the towers.
        clusters: Of the endcap.
        detector: That saw all this.

    Raises:
        InputError: A run that does not make particles of elements, or answers that do not fit.
    """
    linked = _linked(tracks, detector)
    forward = _endcap(linked, clusters, detector)
    central = _towers(linked, seen, detector) if choice == RULES else _by_run(choice, linked, seen)
    return _together(central, forward)


def no_tracks(events: int) -> Tracks:
    """What a detector without tracker has."""
    none, four = np.empty(0), np.empty((0, 4))
    whole = np.empty(0, np.int64)
    return Tracks(np.zeros(events + 1, np.int64), whole, whole, none, four, four, none)


def _linked(tracks: Tracks, detector: Detector) -> Linked:
    """Tracks that count as particles of their own: their row stands for that of the particle."""
    own = tracks._replace(truth=np.arange(len(tracks.truth)))
    particles = Particles(own.offset, own.pdg, own.charge, own.momentum, own.vertex)
    inside = detector.reaches_endcap(particles)
    return Linked(own, detector.arrival(particles), detector.at_endcap(particles), inside)


def _some(tracks: Tracks, wanted: np.ndarray) -> Tracks:
    before = np.concatenate(([0], np.cumsum(wanted)))
    return Tracks(before[tracks.offset], *(column[wanted] for column in tracks[1:]))


def _towers(linked: Linked, seen: Seen, detector: Detector) -> Candidates:
    """The rules of the parametrised detector (`femtobarn.simulate.detector.energy_flow`) with these tracks."""
    tracks, parts = _some(linked.tracks, ~linked.inside), list[Candidates]()
    calorimeters = (seen.towers.ecal, detector.card.ecal), (seen.towers.hcal, detector.card.hcal)
    shares = expected_shares(tracks, detector.card)
    for (towers, calorimeter), share in zip(calorimeters, shares, strict=True):
        near = reach(towers, tracks, linked.arrival, calorimeter=calorimeter)
        found, tracks = combine(towers, tracks, calorimeter=calorimeter, reach=near, expected=share)
        parts.append(_neutral(found.offset, found.momentum))
    return _together(_charged(tracks), *parts)


def _endcap(linked: Linked, clusters: Clusters, detector: Detector) -> Candidates:
    """The same rules for the showers of the endcap: each track belongs to the nearest one within 40 mm."""
    tracks, towers = _some(linked.tracks, linked.inside), _as_towers(clusters)
    calorimeter = replace(detector.card.hcal, minimum=_LEAST, significance=_SIGNIFICANCE)
    near = _nearest(tracks, linked, clusters, detector.endcap.face)
    ones = np.ones(len(tracks.truth))
    expected = Expected(np.where(np.abs(tracks.pdg) == MUON, 0.0, ones), 0 * ones)
    found, _ = combine(towers, tracks, calorimeter=calorimeter, reach=near, expected=expected)
    return _together(_charged(tracks), _neutral(found.offset, found.momentum))


def _as_towers(clusters: Clusters) -> Towers:
    energy, count = clusters.energy, len(clusters.energy)
    sigma = energy * np.hypot(_STOCHASTIC / np.sqrt(np.maximum(energy, 0.1)), _CONSTANT)
    sigma = np.where(clusters.electromagnetic > _PHOTON_SHARE, 0.5 * sigma, sigma)
    nobody, nothing = np.empty(0, np.int64), np.empty(0)
    return Towers(
        clusters.offset, np.arange(count), energy, energy, sigma, clusters.eta, clusters.phi,
        np.full(count, -1), nobody, nothing,
    )  # fmt: skip


def _nearest(tracks: Tracks, linked: Linked, clusters: Clusters, face: float) -> Reach:
    """For each track the shower nearest to the place where it comes in, seen along the line from the collision."""
    place = linked.at_endcap.position[tracks.truth, 1:3]
    on_face = clusters.position[:, :2] * (face / np.maximum(clusters.position[:, 2:], 1.0))
    track, tower = list[np.ndarray](), list[np.ndarray]()
    for event in range(len(tracks.offset) - 1):
        mine, theirs = slice(*tracks.offset[event : event + 2]), slice(*clusters.offset[event : event + 2])
        if mine.start < mine.stop and theirs.start < theirs.stop:
            distance, row = cKDTree(on_face[theirs]).query(place[mine], distance_upper_bound=_LINK)
            near = np.flatnonzero(np.isfinite(distance))
            track.append(mine.start + near)
            tower.append(theirs.start + row[near])
    whole = np.empty(0, np.int64)
    found = np.concatenate([whole, *track])
    return Reach(found, np.concatenate([whole, *tower]), np.ones(len(found)))


def write_input(
    folder: Path, tracks: Tracks, seen: Seen, detector: Detector, name: str = "elements"
) -> list[Path]:
    """Tracks and towers outside of the endcap as a run reads them."""
    return _write(folder, *_elements(_linked(tracks, detector), seen)[:2], name=name)


def _write(folder: Path, offset: np.ndarray, element: np.ndarray, name: str = "elements") -> list[Path]:
    none = np.zeros((len(element), len(flow.PARTICLE_COLUMNS)), np.float32)
    path = folder / f"{name}.pkl.bz2"
    write_events(path, FlowEvents(offset, element, none, none, np.zeros(len(offset), np.int64), none[:0]))
    return [path]


def _by_run(choice: str, linked: Linked, seen: Seen) -> Candidates:
    """Particles that a run makes of the elements; a particle of a track keeps the track's vertex.

    Its answer has a row an event, padded to the longest; or, of a user's own algorithm, a row an element.
    """
    offset, element, z = _elements(linked, seen)
    columns = answer("flow", choice, partial(_write, offset=offset, element=element)).columns
    mask = columns["mask"].astype(bool)
    if mask.sum() != len(element):
        raise InputError(
            f"flow: {choice} has {mask.sum()} particles, 0 or not; {len(element)} elements were given"
        )
    kind, charge, pt, eta, phi, energy = (
        columns[name][mask].astype(np.float64) for name in ("class", "charge", "pT", "eta", "phi", "E")
    )
    rows = np.column_stack((kind, charge, pt, eta, np.sin(phi), np.cos(phi), energy))
    there = (kind != flow.NONE) & (energy > 0)
    of_track = element[:, 0] == flow.TRACK
    return Candidates(offset, four_momenta(rows), of_track, z).keep(there)


def _elements(
    linked: Linked, seen: Seen
) -> tuple[Int[np.ndarray, "boundary"], Float[np.ndarray, "element 12"], Float[np.ndarray, "element"]]:
    """Tracks outside of the endcap and towers with energy as rows of `physics.particle_flow`, and z of the tracks."""
    tracks, arrival = _some(linked.tracks, ~linked.inside), linked.arrival
    pt, eta, phi, _ = cylindrical(tracks.momentum).T
    outer_eta, outer_phi = arrival.eta[tracks.truth], arrival.phi[tracks.truth]
    code = np.abs(tracks.pdg)
    rows = [
        np.column_stack(
            (
                np.full(len(pt), float(flow.TRACK)), pt, eta, np.sin(phi), np.cos(phi), pt * np.cosh(eta),
                outer_eta, np.sin(outer_phi), np.cos(outer_phi), tracks.charge, code == MUON, code == ELECTRON,
            )
        )[np.isfinite(outer_eta)]
    ]  # fmt: skip
    reached = np.isfinite(outer_eta)
    event = [np.repeat(np.arange(len(tracks.offset) - 1), np.diff(tracks.offset))[reached]]
    for at, towers in enumerate((seen.towers.ecal, seen.towers.hcal)):
        shown = towers.measured > 0
        energy, eta, phi = towers.measured[shown], towers.eta[shown], towers.phi[shown]
        tower = np.zeros((len(energy), 12))
        tower[:, 0] = flow.TOWER
        tower[:, 1:6] = np.column_stack((energy / np.cosh(eta), eta, np.sin(phi), np.cos(phi), energy))
        tower[:, 6 + at] = energy
        rows.append(tower)
        event.append(np.repeat(np.arange(len(towers.offset) - 1), np.diff(towers.offset))[shown])
    order = np.argsort(np.concatenate(event), kind="stable")
    offset = np.searchsorted(np.concatenate(event)[order], np.arange(len(tracks.offset)))
    z = np.zeros(len(order))
    z[: reached.sum()] = tracks.vertex[reached, 3]
    return offset, np.concatenate(rows)[order].astype(np.float32), z[order]


def _charged(tracks: Tracks) -> Candidates:
    return Candidates(tracks.offset, tracks.momentum, np.ones(len(tracks.truth), bool), tracks.vertex[:, 3])


def _neutral(offset: np.ndarray, momentum: np.ndarray) -> Candidates:
    return Candidates(offset, momentum, np.zeros(len(momentum), bool), np.zeros(len(momentum)))


def _together(*parts: Candidates) -> Candidates:
    """Event by event the candidates of all parts."""
    event = np.concatenate([np.repeat(np.arange(len(p.offset) - 1), np.diff(p.offset)) for p in parts])
    order = np.argsort(event, kind="stable")
    columns = [np.concatenate(column)[order] for column in list(zip(*parts, strict=True))[1:]]
    return Candidates(np.sum([part.offset for part in parts], axis=0), *columns)
