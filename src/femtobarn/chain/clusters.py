"""Showers of the endcap: which hits are one, and their energies, calibrated for each way to find them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.chain.joining import answer
from femtobarn.chain.settings import CLUE, TRUTH
from femtobarn.datasets.hgcalml import HitEvents, write_hits
from femtobarn.evaluation.endcap.baselines import clue_finder
from femtobarn.evaluation.endcap.showers import Finder, calibration, true_labels
from femtobarn.physics.clue_showers import large_only
from femtobarn.physics.cluster_energy import cluster_energy, cluster_features
from femtobarn.simulate.endcap import Endcap

#: CLUE layer by layer, then across layers: distance (mm), density (GeV) and depth (mm), for hits and for trigger cells,
#: which are 24 mm wide.
CLUE_OF = {True: (20.0, 1.5, 8.0), False: (30.0, 1.5, 8.0)}


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


def learned_energy(choice: str, hits: HitEvents, *, fine: bool) -> Float[np.ndarray, "8"]:
    """Weights of `cluster_energy` for the clusters of one choice; those of a run, which has its own, are zeros."""
    find = finder(choice, fine=fine)
    return np.zeros(8) if find is None else calibration(hits, find)


def finder(choice: str, *, fine: bool) -> Finder | None:
    """How a choice finds clusters; None for a run."""
    known: dict[str, Callable[[], Finder]] = {
        CLUE: lambda: clue_finder(*CLUE_OF[fine], by_layers=True),
        TRUTH: lambda: true_labels,
    }
    return known[choice]() if choice in known else None


def clusters_of(
    choice: str, hits: HitEvents, weights: Float[np.ndarray, "8"], endcap: Endcap, *, fine: bool
) -> Clusters:
    """Clusters of some events.

    Args:
        choice: clue, truth, or the folder of a run.
        hits: As they arrive.
        weights: Of `learned_energy`.
        endcap: Where they are.
        fine: Whether these are all hits, not trigger cells.

    Raises:
        InputError: A run that does not find showers.
    """
    find = finder(choice, fine=fine)
    if find is None:
        return _by_run(choice, hits, endcap)
    labels = [large_only(find(hits.event(number))) for number in range(len(hits))]
    parts = [
        (label, cluster_energy(cluster_features(hits.hits[start:stop], label), weights))
        for label, (start, stop) in zip(labels, pairwise(hits.offset.tolist()), strict=True)
    ]
    return _summed(hits, [label for label, _ in parts], [energy for _, energy in parts], endcap)


def _by_run(choice: str, hits: HitEvents, endcap: Endcap) -> Clusters:
    def write(folder: Path) -> list[Path]:
        path = folder / "hits.h5"
        write_hits(path, hits)
        return [path]

    columns = answer("cluster", choice, write).columns
    labels = [columns["shower"][start:stop] for start, stop in pairwise(hits.offset.tolist())]
    energies = []
    for label, (start, stop) in zip(labels, pairwise(hits.offset.tolist()), strict=True):
        energy = np.zeros(int(label.max(initial=-1)) + 1)
        own = label >= 0
        energy[label[own]] = columns["shower_energy"][start:stop][own]
        energies.append(energy)
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
