"""How well clusters agree with classes, or two clusterings with each other."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from femtobarn.errors import InputError, require

Labels = Int[np.ndarray, "_"]


class Agreement(NamedTuple):
    """Four views of one comparison; see `agreement`."""

    nmi: float
    ari: float
    purity: float
    accuracy: float


def agreement(cluster: Labels, truth: Labels) -> Agreement:
    """Agreement of clusters with classes; the names of either do not matter.

    nmi: mutual information over the mean of both entropies; large for many small clusters, too. ari: share of pairs
    that both treat alike, adjusted so that chance gives 0. purity: see `purity`. accuracy: share of objects in the
    class of their cluster, for the best one-to-one assignment of clusters to classes (Kuhn 1955).

    Raises:
        MissingExtraError: scikit-learn is not installed.
        InputError: No objects, or not one cluster for each.
    """
    metrics = require("sklearn.metrics", extra="baselines")
    table = contingency(cluster, truth)
    rows, columns = linear_sum_assignment(-table)
    return Agreement(
        float(metrics.normalized_mutual_info_score(truth, cluster)),
        float(metrics.adjusted_rand_score(truth, cluster)),
        purity(cluster, truth),
        float(table[rows, columns].sum() / table.sum()),
    )


def purity(cluster: Labels, truth: Labels) -> float:
    """Share of objects that are of the most frequent class of their cluster.

    It never falls when a cluster is split, so it says nothing without the number of clusters.
    """
    table = contingency(cluster, truth)
    return float(table.max(axis=1).sum() / table.sum())


def silhouette(embedding: Float[np.ndarray, "object feature"], cluster: Int[np.ndarray, "object"]) -> float:
    """Mean over objects of (b - a) / max(a, b): mean cosine distances a to the own cluster, b to the nearest other.

    1 for clusters that lie far apart, 0 for those that touch. It knows no classes, and it is of one embedding: another
    one has other distances. NaN if all objects are in one cluster or each in its own.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    if not 1 < len(np.unique(cluster)) < len(cluster):
        return float("nan")
    metrics = require("sklearn.metrics", extra="baselines")
    return float(metrics.silhouette_score(embedding, cluster, metric="cosine"))


def contingency(cluster: Labels, truth: Labels) -> Int[np.ndarray, "cluster class"]:
    """Objects of each cluster and class, in the order of their numbers.

    Raises:
        InputError: No objects, or not one cluster for each.
    """
    if len(cluster) != len(truth) or not len(cluster):
        raise InputError(f"expected a cluster and a class for each object: got {len(cluster)}, {len(truth)}")
    (_, row), (_, column) = (np.unique(each, return_inverse=True) for each in (cluster, truth))
    table = np.zeros((row.max() + 1, column.max() + 1), int)
    np.add.at(table, (row, column), 1)
    return table
