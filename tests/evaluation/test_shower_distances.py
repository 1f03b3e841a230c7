"""Wasserstein distances of responses against SciPy, and their floor."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from femtobarn.evaluation.shower_distances import response_distances
from femtobarn.metrics.shower_features import features
from femtobarn.physics.voxels import geometry
from toy_showers import toy_showers

PHOTONS = geometry("1-photons")
RESPONSE, LAYERS = "W1 E_tot / E_inc", "W1 E_layer / E_inc"


def _table(count: int, seed: int, scale: float = 1.0) -> np.ndarray:
    return features(*toy_showers("1-photons", count, seed=seed, scale=scale), PHOTONS)


def test_distances_agree_with_scipy() -> None:
    samples = [toy_showers("1-photons", count, seed=count, scale=s) for count, s in ((500, 1.0), (700, 1.1))]
    tables = [features(*sample, PHOTONS) for sample in samples]
    found = response_distances(*tables, PHOTONS, generator=np.random.default_rng(0))
    total = [showers.sum(axis=1, dtype=float) / energies for energies, showers in samples]
    assert found[RESPONSE].value == pytest.approx(wasserstein_distance(*total), rel=1e-4)
    each = [
        wasserstein_distance(*(showers[:, span].sum(axis=1, dtype=float) / e for e, showers in samples))
        for span in PHOTONS.spans
    ]
    assert found[LAYERS].value == pytest.approx(np.mean(each), rel=1e-4)
    assert (found[LAYERS].n_real, found[LAYERS].n_generated) == (500, 700)


def test_the_same_kind_lies_on_the_floor_and_a_scaled_one_far_above() -> None:
    draw = np.random.default_rng(0)
    real = _table(2000, 1)
    pulls = [
        response_distances(real, _table(2000, 2 + k), PHOTONS, generator=draw)[RESPONSE].significance
        for k in range(5)
    ]
    assert np.mean(np.abs(pulls)) < 3
    scaled = response_distances(real, _table(2000, 9, scale=1.03), PHOTONS, generator=draw)
    assert scaled[RESPONSE].significance > 5
    assert scaled[RESPONSE].value - scaled[RESPONSE].null > 5 * scaled[RESPONSE].error
