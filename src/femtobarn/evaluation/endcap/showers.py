"""Showers that some method finds in an endcap, beside the true ones: matched, calibrated, counted event by event."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.metrics.instances import is_merged, is_split, match, overlaps, share_around
from femtobarn.physics.clue_showers import large_only
from femtobarn.physics.cluster_energy import cluster_energy, cluster_features, fit_energy
from femtobarn.simulate.endcap import Endcap

FACE = 3200.0  #: z in mm to which hits are projected
_AROUND = 50.0  # mm on the face: what counts as the surroundings of a shower
_CLEAN = 0.5  # IoU above which a cluster serves to fit the calibration

#: Cluster of each hit of one event, -1 for none.
Finder = Callable[[HitEvents], Int[np.ndarray, " hit"]]


class Showers(NamedTuple):
    """True and found showers of a sample; partners have an IoU of at least 0.1."""

    event: Int[np.ndarray, " true"]
    energy: Float[np.ndarray, " true"]  # true one, GeV
    pdg: Int[np.ndarray, " true"]
    share: Float[np.ndarray, " true"]  # of the energy around it
    iou: Float[np.ndarray, " true"]
    measured: Float[np.ndarray, " true"]  # energy of the partner, GeV; NaN for none
    split: Bool[np.ndarray, " true"]
    merged: Bool[np.ndarray, " true"]
    found_event: Int[np.ndarray, " found"]
    found_energy: Float[np.ndarray, " found"]
    found_iou: Float[np.ndarray, " found"]
    place: Float[np.ndarray, "true 2"]  # centre of the own hits on the face, mm
    found_place: Float[np.ndarray, "found 2"]
    events: int

    def efficiency(
        self, rows: Int[np.ndarray, " n"], *, iou: float, low: float = 5.0, high: float = np.inf
    ) -> float:
        """Share of true showers between two energies that have a partner of this IoU, in some of the events."""
        chosen = (self.energy > low) & (self.energy <= high)
        return _ratio(self.event[chosen], self.iou[chosen] >= iou, rows, self.events)

    def fake_rate(self, rows: Int[np.ndarray, " n"], *, iou: float, low: float = 5.0) -> float:
        """Share of found showers above an energy that have no partner of this IoU."""
        chosen = self.found_energy > low
        return _ratio(self.found_event[chosen], self.found_iou[chosen] < iou, rows, self.events)

    def share_of(
        self, what: Bool[np.ndarray, " true"], rows: Int[np.ndarray, " n"], *, low: float = 5.0
    ) -> float:
        """Share of true showers above an energy for which something holds, such as `split`."""
        chosen = self.energy > low
        return _ratio(self.event[chosen], what[chosen], rows, self.events)

    def ratios(
        self, pdg: tuple[int, ...], *, low: float = 5.0, high: float = np.inf
    ) -> Float[np.ndarray, " n"]:
        """Measured over true energy of matched particles."""
        chosen = np.isin(np.abs(self.pdg), pdg) & (self.energy > low) & (self.energy <= high)
        chosen &= np.isfinite(self.measured)
        return self.measured[chosen] / self.energy[chosen]


def true_labels(event: HitEvents) -> Int[np.ndarray, " hit"]:
    """Clusters as the truth has them: the best that anyone can do who gives each hit to one shower."""
    return event.owner


def shower_of_hits(
    events: HitEvents, find: Finder, weights: Float[np.ndarray, " weight"], endcap: Endcap
) -> tuple[Int[np.ndarray, " hit"], Float[np.ndarray, " hit"], int]:
    """Shower of each hit within its event and that shower's energy, GeV; and the number of hits outside of the endcap.

    Hits outside and those of no shower have -1 and NaN.
    """
    x, y, z = events.hits[:, 1:4].T.astype(np.float64)
    eta = np.arcsinh(z / np.maximum(np.hypot(x, y), 1e-3))
    inside = (z >= endcap.face) & (z <= endcap.z[-1] + 1) & (eta > endcap.eta[0]) & (eta < endcap.eta[1])
    shower, energy = np.full(len(z), -1), np.full(len(z), np.nan)
    empty = events.take(np.array([], np.int64))
    for start, stop in pairwise(events.offset.tolist()):
        rows = start + np.flatnonzero(inside[start:stop])
        if len(rows):
            one, nothing = np.array([0, len(rows)]), np.zeros(2, np.int64)
            alone = replace(
                empty, offset=one, hits=events.hits[rows], owner=np.full(len(rows), -1), of_object=nothing
            )
            label = large_only(find(alone))
            shower[rows] = label
            energy[rows] = np.append(cluster_energy(cluster_features(alone.hits, label), weights), np.nan)[
                label
            ]
    return shower, energy, int((~inside).sum())


def compared(events: HitEvents, find: Finder, weights: Float[np.ndarray, " weight"] | None) -> Showers:
    """All showers of a sample by one method.

    Args:
        events: Hits and truth.
        find: See `Finder`.
        weights: Of `fit_energy`; without them the sum of the hits is the energy.
    """
    parts = [_event(events.event(number), number, find, weights) for number in range(len(events))]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Showers._make([*columns, len(events)])


def calibration(events: HitEvents, find: Finder) -> Float[np.ndarray, " weight"]:
    """Weights of `cluster_energy` for the clusters of one method, from those with an IoU of at least a half."""
    features, true = [], []
    for number in range(len(events)):
        event = events.event(number)
        label = large_only(find(event))
        pairs = overlaps(event.owner, label, event.hits[:, 0], trues=len(event.energy))
        found = match(pairs)
        good = found.iou >= _CLEAN
        features.append(cluster_features(event.hits, label)[found.found_of[good]])
        true.append(event.energy[good])
    return fit_energy(np.concatenate(features), np.concatenate(true))


def found_score(
    events: HitEvents, labels: Sequence[Int[np.ndarray, "_"]], *, low: float = 1.0, iou: float = 0.3
) -> float:
    """Twice the matched showers over true and found ones (the F1 score), above an energy of hits in GeV.

    Args:
        events: Hits and truth.
        labels: Clusters of the hits of each event, -1 for none.
        low: Least energy.
        iou: Least IoU of partners.
    """
    matched = every = 0
    for number, found_label in enumerate(labels):
        event = events.event(number)
        label = large_only(found_label)
        pairs = overlaps(event.owner, label, event.hits[:, 0], trues=len(event.energy))
        true, found = pairs.true_energy > low, pairs.found_energy > low
        partners = match(pairs)
        both = true & (partners.iou >= iou)
        both[both] = found[partners.found_of[both]]
        matched += int(both.sum())
        every += int(true.sum() + found.sum())
    return 2 * matched / max(every, 1)


def on_face(hits: Float[np.ndarray, "hit 6"]) -> Float[np.ndarray, "hit 2"]:
    """x and y of hits on the face, as seen from the collision, mm."""
    return hits[:, 1:3].astype(np.float64) * (FACE / np.maximum(hits[:, 3:4], 1.0))


def _event(event: HitEvents, number: int, find: Finder, weights: np.ndarray | None) -> tuple[np.ndarray, ...]:
    label, energy = large_only(find(event)), event.hits[:, 0].astype(np.float64)
    pairs = overlaps(event.owner, label, energy, trues=len(event.energy))
    partners = match(pairs)
    features = cluster_features(event.hits, label)
    measured = np.exp(features[:, 1]) if weights is None else cluster_energy(features, weights)
    found_iou = np.zeros(len(measured))
    own = partners.true_of >= 0
    found_iou[own] = partners.iou[partners.true_of[own]]
    place, total = on_face(event.hits), pairs.true_energy
    true_place = _centres(place, energy, event.owner, len(total))
    share = share_around(true_place, total, place, energy, radius=_AROUND)
    return (
        np.full(len(total), number),
        event.energy,
        event.pdg,
        share,
        partners.iou,
        np.append(measured, np.nan)[partners.found_of],
        is_split(pairs),
        is_merged(pairs),
        np.full(len(measured), number),
        measured,
        found_iou,
        true_place,
        _centres(place, energy, label, len(measured)),
    )


def _centres(place: np.ndarray, energy: np.ndarray, label: np.ndarray, count: int) -> np.ndarray:
    """Centre of energy of each shower on the face; 0 for one without hits."""
    own = label >= 0
    total = np.maximum(np.bincount(label[own], energy[own], count), 1e-9)
    sums = [np.bincount(label[own], energy[own] * place[own, i], count) for i in (0, 1)]
    return np.column_stack(sums) / total[:, None]


def _ratio(event: np.ndarray, passed: np.ndarray, rows: np.ndarray, events: int) -> float:
    all_of, of = np.bincount(event, minlength=events)[rows], np.bincount(event, passed, events)[rows]
    return float(of.sum() / all_of.sum()) if all_of.sum() else float("nan")
