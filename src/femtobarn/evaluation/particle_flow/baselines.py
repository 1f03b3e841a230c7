"""Particle flow without a network, from the same elements: rules, rules that join neighbours, boosted trees."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.spatial import cKDTree

from femtobarn.errors import require
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import FlowEvents

_JOINED = {flow.PHOTON: 0.03, flow.NEUTRAL: 0.14}  # distances within which neutrals are one: 1.5 cells
_NEAREST = 6  # elements of each kind that the trees see
_FAR = 1.0  # distance of those that are not there
#: Settings that the trees may try on validation events, as many trials as the network had.
TRIALS = (
    {"learning_rate": 0.1, "max_leaf_nodes": 31},
    {"learning_rate": 0.2, "max_leaf_nodes": 31},
    {"learning_rate": 0.1, "max_leaf_nodes": 15},
    {"learning_rate": 0.1, "max_leaf_nodes": 63},
)
_TRIED_ON = 40_000  # rows


def joined_neighbours(events: FlowEvents) -> Float32[np.ndarray, "element 7"]:
    """The rules' particles, where each photon or neutral hadron next to a larger one is added to that.

    A particle goes to the one with most energy within one and a half cells, that to another in turn, until none is
    larger; what is left keeps its direction and has the energy of all.
    """
    found = events.candidate.copy()
    for kind, radius in _JOINED.items():
        for start, stop in zip(events.offset[:-1].tolist(), events.offset[1:].tolist(), strict=True):
            rows = start + np.flatnonzero(found[start:stop, 0] == kind)
            if len(rows) < 2:
                continue
            energy = found[rows, 6].astype(np.float64)
            above = _larger(_place(found[rows, 2 + 1], found[rows, 4], found[rows, 5]), energy, radius)
            total = np.bincount(above, energy, len(rows))
            kept = above == np.arange(len(rows))
            found[rows[kept], 2] *= total[kept] / energy[kept]
            found[rows[kept], 6] = total[kept]
            found[rows[~kept]] = 0.0
    return found


@dataclass(frozen=True)
class FlowTrees:
    """Boosted trees on each element and the elements near it: a class for towers, pT for tracks, E for towers.

    The class of a track is that of its bits: it always stands for its particle.
    """

    classes: Any
    track: Any
    tower: Any
    outer: bool = True

    @classmethod
    def fit(
        cls,
        events: FlowEvents,
        *,
        seed: int,
        trees: int = 100,
        outer: bool = True,
        validation: FlowEvents | None = None,
    ) -> "FlowTrees":
        """Trees of the true particles of these events; without `outer` they do not see where tracks end.

        With validation events each of the three ensembles has, of `TRIALS`, the settings and the number of trees of
        the smallest loss on these; trials see 40,000 elements at most. Without, those of scikit-learn.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        ensemble = require("sklearn.ensemble", extra="baselines")
        kinds = (ensemble.HistGradientBoostingClassifier, *[ensemble.HistGradientBoostingRegressor] * 2)
        checks = [None] * len(kinds) if validation is None else _tasks(validation, outer=outer)
        fitted = []
        for kind, task, check in zip(kinds, _tasks(events, outer=outer), checks, strict=True):
            made = partial(kind, random_state=seed, early_stopping=False)
            settings = {"max_iter": trees} if check is None else _best(made, task, check, trees, seed)
            fitted.append(made(**settings).fit(*task))
        classes, track, tower = fitted
        return cls(classes, track, tower, outer=outer)

    def particles(
        self, events: FlowEvents
    ) -> tuple[Float32[np.ndarray, "element 7"], Float[np.ndarray, "element 6"]]:
        """A particle for each element, and the probability of each class."""
        x, element = neighbour_features(events, outer=self.outer), events.element
        tower = element[:, 0] == flow.TOWER
        score = np.zeros((len(element), len(flow.CLASSES)))
        score[np.flatnonzero(~tower), _track_class(element[~tower])] = 1.0
        if tower.any():
            score[np.ix_(tower, self.classes.classes_.astype(np.int64))] = self.classes.predict_proba(
                x[tower]
            )
        factor = np.ones(len(element))
        for rows, model in ((~tower, self.track), (tower, self.tower)):
            if rows.any():
                factor[rows] = np.exp(model.predict(x[rows]))
        kind = score.argmax(axis=1)
        found = np.column_stack(
            (
                kind,
                np.where(tower, 0, element[:, 9]),
                element[:, 1] * factor,
                element[:, 2:5],
                element[:, 5] * factor,
            )
        ).astype(np.float32)
        found[kind == flow.NONE] = 0.0
        return found, score


def _tasks(events: FlowEvents, *, outer: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Features, and the class of each tower; the same for ln(true / measured) of the pT of tracks, of E of towers."""
    x, target, tower = (
        neighbour_features(events, outer=outer),
        events.target,
        events.element[:, 0] == flow.TOWER,
    )
    tasks = [(x[tower], target[tower, 0])]
    for rows, column, measured in ((~tower, 2, 1), (tower, 6, 5)):
        known = rows & (target[:, 0] != flow.NONE)
        tasks.append((x[known], np.log(target[known, column] / events.element[known, measured])))
    return tasks


def _best(
    made: Callable[..., Any],
    task: tuple[np.ndarray, np.ndarray],
    check: tuple[np.ndarray, np.ndarray],
    trees: int,
    seed: int,
) -> dict[str, Any]:
    """The settings among `TRIALS`, and the number of trees, of the smallest loss on the second sample."""
    x, y = task
    rows = np.random.default_rng(seed).permutation(len(y))[:_TRIED_ON]
    best, settings = np.inf, dict[str, Any]()
    for trial in TRIALS:
        model = made(max_iter=trees, **trial).fit(x[rows], y[rows])
        losses = _losses(model, *check)
        if min(losses) < best:
            best, settings = min(losses), {**trial, "max_iter": int(np.argmin(losses)) + 1}
    return settings


def _losses(model: Any, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Cross entropy, or the mean squared error, after each tree."""
    if not hasattr(model, "classes_"):
        return [float(np.square(said - y).mean()) for said in model.staged_predict(x)]
    place = np.minimum(np.searchsorted(model.classes_, y), len(model.classes_) - 1)
    known, each = model.classes_[place] == y, np.arange(len(y))
    return [
        float(-np.log(np.where(known, said[each, place], 0).clip(1e-6)).mean())
        for said in model.staged_predict_proba(x)
    ]


def neighbour_features(events: FlowEvents, *, outer: bool = True) -> Float32[np.ndarray, "element feature"]:
    """Of each element its own numbers and, of tracks, ECAL and HCAL towers, distance and energy of the six nearest.

    Positions are those at the calorimeters or, without `outer`, directions for tracks. Energies are logarithms; of an
    element that is not there, the distance is 1 and the energy 0.
    """
    element = events.element
    track = element[:, 0] == flow.TRACK
    kind = np.where(track, 0, np.where(element[:, 6] > 0, 1, 2))
    at = np.where(track[:, None] & outer, element[:, 6:9], element[:, 2:5])
    place, energy = _place(*at.T), np.log1p(element[:, 5])
    own = [
        kind,
        np.log1p(element[:, 1]),
        energy,
        np.abs(at[:, 0]),
        *np.where(track[:, None], element[:, 9:12], 0).T,
    ]
    near = np.zeros((len(element), 3, 2, _NEAREST), np.float32)
    near[:, :, 0] = _FAR
    for start, stop in zip(events.offset[:-1].tolist(), events.offset[1:].tolist(), strict=True):
        for code in range(3):
            rows = start + np.flatnonzero(kind[start:stop] == code)
            if not len(rows):
                continue
            count = min(_NEAREST, len(rows))
            tree = cKDTree(place[rows])
            distance, index = tree.query(
                place[start:stop], k=np.arange(1, count + 1), distance_upper_bound=_FAR
            )
            there = np.isfinite(distance)
            near[start:stop, code, 0, :count] = np.where(there, distance, _FAR)
            near[start:stop, code, 1, :count] = np.where(there, np.append(energy[rows], 0)[index], 0)
    return np.column_stack((*own, near.reshape(len(element), 6 * _NEAREST))).astype(np.float32)


def _track_class(element: Float[np.ndarray, "track 12"]) -> Int[np.ndarray, "track"]:
    lepton = np.where(
        element[:, 10] > 0, flow.MUON, np.where(element[:, 11] > 0, flow.ELECTRON, flow.CHARGED)
    )
    return lepton.astype(np.int64)


def _place(eta: np.ndarray, sin: np.ndarray, cos: np.ndarray) -> Float[np.ndarray, "element 3"]:
    """Points whose distances are those in (eta, phi), for small ones."""
    return np.stack((eta, sin, cos), axis=1).astype(np.float64)


def _larger(
    place: Float[np.ndarray, "point 3"], energy: Float[np.ndarray, "point"], radius: float
) -> Int[np.ndarray, "point"]:
    """The point that each ends at, going from each to the largest one near it."""
    pairs = cKDTree(place).query_pairs(radius, output_type="ndarray")
    pairs = np.concatenate((pairs, pairs[:, ::-1]))
    best = np.arange(len(energy))
    order = np.argsort(energy[pairs[:, 1]], kind="stable")
    best[pairs[order, 0]] = pairs[order, 1]  # the largest stays
    best = np.where(energy[best] > energy, best, np.arange(len(energy)))
    for _ in range(int(np.ceil(np.log2(len(energy) + 1)))):
        best = best[best]
    return best
