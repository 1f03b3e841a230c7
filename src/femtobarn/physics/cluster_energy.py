"""Energy of clusters from their sum of hits: one factor a cluster, by size, depth and direction.

Whoever finds the clusters, this is fitted on his own ones, so that resolutions compare the clusters and not the
calibrations.
"""

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError

_FACE, _DEPTH = 3200.0, 1500.0  # mm
_RIDGE = 1e-3


def cluster_features(
    hits: Float[np.ndarray, "hit 6"], label: Int[np.ndarray, " hit"]
) -> Float[np.ndarray, "cluster 8"]:
    """Of each cluster: 1, ln E, its square, mean depth, its square, depth times ln E, pseudorapidity, ln of hits.

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
    size = np.log(np.maximum(np.bincount(number, minlength=count), 1))
    return np.column_stack((np.ones(count), log, log**2, depth, depth**2, depth * log, eta - 2.2, size - log))


def fit_energy(
    features: Float[np.ndarray, "cluster 8"], true: Float[np.ndarray, " cluster"]
) -> Float[np.ndarray, "8"]:
    """Weights of ln(true energy / sum of hits), by least squares; the median of what comes out over the truth is 1.

    Args:
        features: Of clusters whose particle is known, see `cluster_features`.
        true: Energies of the particles, GeV.

    Raises:
        InputError: No clusters, or an energy that is not above 0.
    """
    if not len(true) or not (true > 0).all():
        raise InputError(f"expected clusters with energies above 0, got {len(true)} clusters")
    target = np.log(true) - features[:, 1]
    square = features.T @ features + _RIDGE * len(true) * np.diag([0.0] + [1.0] * (features.shape[1] - 1))
    weights = np.linalg.solve(square, features.T @ target)
    weights[0] += np.median(target - features @ weights)
    return weights


def cluster_energy(
    features: Float[np.ndarray, "cluster 8"], weights: Float[np.ndarray, "8"]
) -> Float[np.ndarray, " cluster"]:
    """Energies of clusters, GeV; the factor is at most 20 and at least 1/20."""
    factor = np.clip(features @ weights, -np.log(20), np.log(20))
    return np.exp(features[:, 1] + factor)
