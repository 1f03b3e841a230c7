"""Tracks of the charged particles of crossings, from hits of the tracker or from a table of its resolution."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int

from femtobarn.chain.detector import Seen
from femtobarn.chain.joining import answer
from femtobarn.chain.settings import AUTOMATON, CARD, TRUTH
from femtobarn.datasets.trackml import write_trackml
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import match, selected
from femtobarn.physics.tracks import (
    Hits,
    LayerMap,
    TrackFinder,
    TripletMap,
    find_tracks,
    fit_helix,
    learn_finder,
)
from femtobarn.simulate.detector.tracking import Tracks, energy

LEAST_PT = 0.9  #: GeV, of tracks from hits: what is softer does not reach the towers in 3.8 T
_SOUGHT = 0.8  # of the least pT of a track, that of particles whose hits may make one
_WORST = 0.3  # sigma(pT) / pT beyond which a track is none


def needs_hits(choice: str) -> bool:
    """Whether a choice looks at hits at all."""
    return choice != CARD


def learned_windows(hits: Hits) -> dict[str, np.ndarray]:
    """Windows of the automaton, from particles above `LEAST_PT` of some events, as arrays that can be kept."""
    found = learn_finder(hits, selected(hits, pt=LEAST_PT, least_hits=3))
    return {f"{name}_{i}": array for name, maps in found._asdict().items() for i, array in enumerate(maps)}


def tracks_of(choice: str, seen: Seen, windows: Mapping[str, np.ndarray], *, field: float) -> Tracks:
    """Tracks of some crossings; `truth` is the row of the particle, -1 for a track of none.

    Electrons and muons are told from hadrons by their truth, as on the card. A track's vertex is the point on the
    beam that it comes from.

    Args:
        choice: automaton, truth, card, the folder of a run, or the stem of a file with answers.
        seen: By the detectors.
        windows: Of `learned_windows`.
        field: Tesla.

    Raises:
        InputError: A run that does not find tracks, or answers that do not fit.
    """
    if choice == CARD:
        return seen.card_tracks
    hits = seen.hits
    if hits is None or hits.truth is None:
        raise InputError(f"track: {choice} needs hits with truth")
    if choice == TRUTH:
        labels = [_true_labels(hits.event(i)) for i in range(hits.events)]
    elif choice == AUTOMATON:
        ready = _finder(windows)
        labels = [find_tracks(hits.event(i), ready) for i in range(hits.events)]
    else:
        labels = _by_run(choice, hits)
    charged = np.flatnonzero(seen.crossings.particles.charge != 0)
    parts = [
        _fitted(hits.event(i), label, charged[slice(*hits.particles.offset[i : i + 2])], field)  # type: ignore[union-attr]
        for i, label in enumerate(labels)
    ]
    columns = [np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)]
    return Tracks(np.cumsum([0, *(len(part.truth) for part in parts)]), *columns)


def _true_labels(hits: Hits) -> Int[np.ndarray, "hit"]:
    """The particle of each hit, -1 for noise and for particles that are too soft to be sought: they may curl."""
    assert hits.truth is not None
    assert hits.particles is not None
    hard = np.append(hits.particles.pt > _SOUGHT * LEAST_PT, False)
    return np.where(hard[hits.truth.particle], hits.truth.particle, -1)


def _fitted(
    hits: Hits, label: Int[np.ndarray, "hit"], particle: Int[np.ndarray, "particle"], field: float
) -> Tracks:
    """Tracks of one event; `particle` has the rows of its charged particles."""
    assert hits.truth is not None
    assert hits.particles is not None
    fits = fit_helix(hits, label, field=field)
    found = match(label, hits.truth.particle, particles=len(particle))
    row = np.searchsorted(found.label, fits.label)
    own = np.where(found.double_majority()[row], found.particle[row], -1)
    pt, resolution = fits.pt(field), fits.error[:, 0] / np.maximum(np.abs(fits.parameter[:, 0]), 1e-12)
    good = np.isfinite(fits.parameter).all(axis=1) & (pt > LEAST_PT) & (resolution < _WORST)
    curvature, phi, _, cot, z0 = fits.parameter[good].T
    code = np.append(np.abs(hits.particles.pdg), 211)[own[good]]
    charge = -np.sign(curvature)
    lepton = np.isin(code, (11, 13))
    pdg = np.where(lepton, -code * charge, 211 * charge).astype(np.int64)
    pt = pt[good]
    momentum = np.stack((pt, pt * np.cos(phi), pt * np.sin(phi), pt * cot), axis=1)
    momentum[:, 0] = energy(pdg, momentum[:, 1:])
    zero = np.zeros(len(pt))
    truth = np.append(particle, -1)[own[good]]
    vertex = np.stack((zero, zero, zero, z0), axis=1)
    return Tracks(np.array([0, len(pt)]), truth, pdg, charge, momentum, vertex, resolution[good])


def _finder(windows: Mapping[str, np.ndarray]) -> TrackFinder:
    layers = (windows[f"layers_{i}"] for i in range(len(LayerMap._fields)))
    triples = (windows[f"triples_{i}"] for i in range(len(TripletMap._fields)))
    return TrackFinder(LayerMap(*layers), TripletMap(*triples))


def write_input(folder: Path, hits: Hits, name: str = "events") -> list[Path]:
    """The hits as a run reads them: in a folder of that name, a file an event with the others of TrackML beside it."""
    return [folder / name / f"{event}-hits.csv" for event in write_trackml(hits, folder / name)]


def _by_run(choice: str, hits: Hits) -> list[np.ndarray]:
    columns = answer("track", choice, partial(write_input, hits=hits), rows=len(hits.position)).columns
    return np.split(columns["track"].astype(np.int64), hits.offset[1:-1])
