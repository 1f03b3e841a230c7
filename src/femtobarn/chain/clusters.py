"""Showers of the endcap: which hits are one, and their energies, calibrated for each way to find them."""

from collections.abc import Iterable
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.chain.joining import answer
from femtobarn.chain.settings import CLUE, TRUTH
from femtobarn.datasets.hgcalml import HitEvents, write_hits
from femtobarn.evaluation.endcap.baselines import clue_finder
from femtobarn.evaluation.endcap.showers import Finder, calibration, found_score, true_labels
from femtobarn.physics.clue_showers import large_only
from femtobarn.physics.cluster_energy import cluster_energy, cluster_features
from femtobarn.simulate.endcap import Endcap

#: Settings of CLUE layer by layer that are tried: distances (mm), densities (GeV), depths of a layer (mm).
TRIED = ((15.0, 20.0, 30.0), (0.2, 0.5, 1.5), (4.0, 8.0))
_TRIED_ON = 2  # events: with pile-up each has some hundred showers


class Clusters(NamedTuple):
    """Showers of many events, one event after the other."""

    offset: Int[np.ndarray, "boundary"]
    energy: Float[np.ndarray, "cluster"]  # GeV
    position: Float[np.ndarray, "cluster 3"]  # mm, the mean of the hits
    electromagnetic: Float[np.ndarray, "cluster"]  # share of the energy in the layers with lead

    @property
    def eta(self) -> Float[np.ndarray, "cluster"]:
        """Pseudorapidity of the position."""
        x, y, z = self.position.T
        return np.arcsinh(z / np.hypot(x, y))

    @property
    def phi(self) -> Float[np.ndarray, "cluster"]:
        """Azimuth of the position."""
        return np.arctan2(self.position[:, 1], self.position[:, 0])


def learned(choice: str, hits: HitEvents) -> Float[np.ndarray, "_"]:
    """What has to be known of the clusters of one choice: the settings of CLUE, then weights of `cluster_energy`.

    The settings are those of `TRIED` that find most showers (`found_score`), as in object-condensation. A run has
    its own energies, and nothing to learn.
    """
    if choice == TRUTH:
        return calibration(hits, true_labels)
    if choice != CLUE:
        return np.empty(0)
    few = hits.take(np.arange(min(_TRIED_ON, len(hits))))
    events = [few.event(number) for number in range(len(few))]

    def score(tried: tuple[float, ...]) -> float:
        return found_score(few, list(map(_clue(tried), events)))

    best = max(product(*TRIED), key=score)
    return np.array([*best, *calibration(hits, _clue(best))])


def clusters_of(choice: str, hits: HitEvents, known: Float[np.ndarray, "_"], endcap: Endcap) -> Clusters:
    """Clusters of some events.

    Args:
        choice: clue, truth, the folder of a run, or the stem of a file with answers.
        hits: As they arrive.
        known: Of `learned`.
        endcap: Where they are.

    Raises:
        InputError: A run that does not find showers, or answers that do not fit.
    """
    if choice not in (CLUE, TRUTH):
        return _by_run(choice, hits, endcap)
    settings, weights = np.split(known, [len(TRIED) if choice == CLUE else 0])
    find = true_labels if choice == TRUTH else _clue(settings)
    labels = [large_only(find(hits.event(number))) for number in range(len(hits))]
    energies = [
        cluster_energy(cluster_features(hits.hits[start:stop], label), weights)
        for label, (start, stop) in zip(labels, pairwise(hits.offset.tolist()), strict=True)
    ]
    return _summed(hits, labels, energies, endcap)


def write_input(folder: Path, hits: HitEvents, name: str = "hits") -> list[Path]:
    """The hits as a run reads them."""
    path = folder / f"{name}.h5"
    write_hits(path, hits)
    return [path]


def _clue(settings: Iterable[float]) -> Finder:
    return clue_finder(*map(float, settings), by_layers=True)


def _by_run(choice: str, hits: HitEvents, endcap: Endcap) -> Clusters:
    columns = answer("cluster", choice, partial(write_input, hits=hits), rows=len(hits.hits)).columns
    labels, energies = [], []
    for start, stop in pairwise(hits.offset.tolist()):
        number, energy = columns["shower"][start:stop], columns["shower_energy"][start:stop]
        own, label = number >= 0, np.full(stop - start, -1)
        _, first, label[own] = np.unique(number[own], return_index=True, return_inverse=True)
        labels.append(label)
        energies.append(energy[own][first].astype(np.float64))
    return _summed(hits, labels, energies, endcap)


def _summed(
    hits: HitEvents, labels: list[np.ndarray], energies: list[np.ndarray], endcap: Endcap
) -> Clusters:
    sizes = np.cumsum([0, *map(len, energies)])
    label = np.concatenate([np.empty(0, np.int64), *labels])
    start = np.repeat(sizes[:-1], np.diff(hits.offset))
    own = np.flatnonzero(label >= 0)
    cluster, weight = (label + start)[own], hits.hits[own, 0].astype(np.float64)
    total = np.maximum(np.bincount(cluster, weight, sizes[-1]), 1e-9)
    place = [np.bincount(cluster, weight * hits.hits[own, i], sizes[-1]) / total for i in (1, 2, 3)]
    front = hits.hits[own, 3] < endcap.z[endcap.electromagnetic - 1] + 1
    share = np.bincount(cluster, weight * front, sizes[-1]) / total
    energy = np.concatenate([np.empty(0), *energies])
    return Clusters(sizes, energy, np.stack(place, axis=1), share)
