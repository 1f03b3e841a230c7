"""Energy of clusters from their sum of hits: one factor a cluster, by size, depth, density and direction.

Whoever finds the clusters, this is fitted on his own ones, so that resolutions compare the clusters and not the
calibrations.
"""

import itertools

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError

_FACE, _DEPTH = 3200.0, 1500.0  # mm
_DEGREE = 3  # a square leaves photons of 100 to 200 GeV a sixth too high
_RIDGE = 1e-4
_ROUNDS, _LEAST = 30, 0.05  # of the fit: rounds, and deviation below which it counts as a square
_KNOWN = (
    0.05,
    0.95,
)  # quantiles of the factors fitted: products of odd clusters of pile-up would go far beyond


def cluster_features(
    hits: Float[np.ndarray, "hit 6"], label: Int[np.ndarray, " hit"]
) -> Float[np.ndarray, "cluster feature"]:
    """Of each cluster: 1, ln E, pseudorapidity, products of ln E, mean depth and ln(hits / E) to the third degree.

    Args:
        hits: Energy (GeV), x, y, z (mm) and more, which is not used.
        label: Cluster of each hit, negative for none; each has at least one hit with energy.
    """
    own = label >= 0
    number, energy = label[own], hits[own, 0].astype(np.float64)
    count = int(label.max(initial=-1)) + 1
    total = np.maximum(np.bincount(number, energy, count), 1e-6)
    x, y, z = (np.bincount(number, energy * hits[own, i], count) / total for i in (1, 2, 3))
    log, depth = np.log(total), (z - _FACE) / _DEPTH
    eta = np.arcsinh(z / np.maximum(np.hypot(x, y), 1.0))
    density = np.log(np.maximum(np.bincount(number, minlength=count), 1)) - log
    products = [
        np.prod(chosen, axis=0)
        for degree in range(1, _DEGREE + 1)
        for chosen in itertools.combinations_with_replacement((log / 3, depth, density), degree)
    ]
    return np.column_stack((np.ones(count), log, eta - 2.2, *products[1:]))


def fit_energy(
    features: Float[np.ndarray, "cluster feature"], true: Float[np.ndarray, " cluster"]
) -> Float[np.ndarray, " weight"]:
    """Weights of ln(true energy / sum of hits) with the least absolute deviations: about the median, which tails leave.

    After the weights of the features come the least and the largest logarithm that `cluster_energy` gives.

    Args:
        features: Of clusters whose particle is known, see `cluster_features`.
        true: Energies of the particles, GeV.

    Raises:
        InputError: No clusters, or an energy that is not above 0.
    """
    if not len(true) or not (true > 0).all():
        raise InputError(f"expected clusters with energies above 0, got {len(true)} clusters")
    target, each = np.log(true) - features[:, 1], np.ones(len(true))
    ridge = _RIDGE * len(true) * np.diag([0.0] + [1.0] * (features.shape[1] - 1))
    for _ in range(_ROUNDS):  # squares weighted by 1 / deviation
        weighted = features * each[:, None]
        weights = np.linalg.solve(features.T @ weighted + ridge, weighted.T @ target)
        each = 1 / np.maximum(np.abs(target - features @ weights), _LEAST)
    weights[0] += np.median(target - features @ weights)
    return np.append(weights, np.quantile(target, _KNOWN))


def cluster_energy(
    features: Float[np.ndarray, "cluster feature"], weights: Float[np.ndarray, " weight"]
) -> Float[np.ndarray, " cluster"]:
    """Energies of clusters, GeV.

    Args:
        features: See `cluster_features`.
        weights: Of `fit_energy`.
    """
    *linear, least, largest = weights
    return np.exp(features[:, 1] + np.clip(features @ np.array(linear), least, largest))
