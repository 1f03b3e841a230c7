"""Agreement of clusters with classes: names do not matter, chance gives nothing, and splitting only helps purity."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.metrics import agreement, purity, silhouette


def labels(seed: int, objects: int, clusters: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, clusters, objects)


@given(seed=st.integers(0, 1000), objects=st.integers(2, 40), clusters=st.integers(1, 4))
def test_names_do_not_matter_and_accuracy_is_the_best_assignment(
    seed: int, objects: int, clusters: int
) -> None:
    cluster, truth = labels(seed, objects, clusters), labels(seed + 1, objects, clusters)
    found = agreement(cluster, truth)
    renamed = 10 * np.random.default_rng(seed).permutation(clusters)[cluster]
    np.testing.assert_allclose(agreement(renamed, truth), found)
    best = max(
        (np.array(order)[cluster] == truth).mean() for order in itertools.permutations(range(clusters))
    )
    assert found.accuracy == pytest.approx(best)
    shares = [np.bincount(truth[cluster == each]).max() for each in np.unique(cluster)]
    assert found.purity == pytest.approx(sum(shares) / objects)


def test_the_same_clusters_agree_fully_and_random_ones_not_at_all() -> None:
    truth = labels(1, 3000, 5)
    np.testing.assert_allclose(agreement((truth + 2) % 5, truth), 1)
    assert abs(agreement(labels(2, 3000, 5), truth).ari) < 0.01


def test_purity_never_falls_when_a_cluster_is_split() -> None:
    cluster, truth = labels(1, 200, 4), labels(2, 200, 4)
    split = 2 * cluster + labels(3, 200, 2)
    assert purity(split, truth) >= purity(cluster, truth)
    assert purity(np.arange(200), truth) == 1
    assert agreement(np.arange(200), truth).ari == pytest.approx(0)


def test_far_clusters_have_a_silhouette_of_one_and_random_ones_none() -> None:
    cluster = np.repeat(np.arange(3), 20)
    rows = np.eye(3)[cluster] + np.random.default_rng(1).normal(0, 0.01, (60, 3))
    assert silhouette(rows, cluster) > 0.99
    assert silhouette(rows, np.random.default_rng(2).permutation(cluster)) < 0.1
    assert silhouette(5 * rows, cluster) == pytest.approx(silhouette(rows, cluster)), (
        "distances are by cosine"
    )
    assert np.isnan(silhouette(rows, np.zeros(60, int)))


def test_each_object_needs_both() -> None:
    with pytest.raises(InputError, match="for each object"):
        purity(np.zeros(3, int), np.zeros(4, int))
