"""Clusters of embedded images: found, in any order, in one graph, and for many images, too."""

import warnings

import numpy as np
import pytest

from femtobarn.data.image_stack import ImageStack
from femtobarn.errors import InputError
from femtobarn.evaluation.image_stacks.clusters import image_clusters
from femtobarn.evaluation.image_stacks.embeddings import PRETRAINED, REGISTERED, STABILISED, training_free
from femtobarn.evaluation.image_stacks.tables import (
    Clustered,
    agreement_table,
    confidence_table,
    duplicates,
    gain_table,
    stack_table,
    verdict,
)
from femtobarn.metrics import agreement
from femtobarn.simulate.ion_images import Ions, drawn_templates, ion_images


def groups(images: int, spread: float = 0.3, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    centres, label = np.eye(4, 8) * 2, draw.integers(0, 4, images)
    return centres[label] + draw.normal(0, spread, (images, 8)), label


@pytest.mark.parametrize("many", [5000, 100])
def test_groups_are_found_whatever_their_order(many: int) -> None:
    """With few images by the graph, with many by k-means."""
    rows, label = groups(200)
    found = image_clusters(rows, 4, many=many)
    assert agreement(found, label).ari > 0.95
    order = np.random.default_rng(2).permutation(200)
    again = image_clusters(rows[order], 4, many=many)
    assert agreement(again, found[order]).ari == pytest.approx(1)
    np.testing.assert_array_equal(image_clusters(rows, 4, many=many), found)
    assert (np.diff(np.bincount(found)) <= 0).all(), "numbered by size"


def test_the_length_of_a_row_does_not_count() -> None:
    rows, _ = groups(120)
    longer = rows * np.random.default_rng(1).uniform(0.1, 10, (120, 1))
    np.testing.assert_array_equal(image_clusters(longer, 4), image_clusters(rows, 4))


def test_a_graph_that_falls_apart_is_tied_together() -> None:
    """Far groups have no neighbour in common, and one is smaller than the number of neighbours of the others."""
    rows, label = groups(120, spread=0.01)
    some = (label > 0) | (np.cumsum(label == 0) <= 6)
    rows, label = rows[some], label[some]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = image_clusters(rows, 4, neighbours=5)
    assert agreement(found, label).ari == pytest.approx(1)


@pytest.mark.parametrize(("images", "clusters"), [(4, 4), (10, 1)])
def test_too_many_or_too_few_clusters(images: int, clusters: int) -> None:
    with pytest.raises(InputError, match="2 clusters or more"):
        image_clusters(np.eye(images), clusters)


# Embeddings without training


def stack(shift: int = 0) -> ImageStack:
    templates, inside = drawn_templates(3, 32, generator=np.random.default_rng(17))
    return ion_images(
        templates, inside, Ions(0.3, 1.0, shift=shift), sizes=[9, 9, 9], generator=np.random.default_rng(1)
    )


def test_pixels_outside_change_no_embedding() -> None:
    given = stack()
    other = ImageStack(np.where(given.inside, given.counts, 50).astype(np.float32), given.inside, given.name)
    for name, embedding in training_free(largest=2, seed=1).items():
        if name not in PRETRAINED:
            np.testing.assert_allclose(embedding(other), embedding(given), atol=1e-5, err_msg=name)


def test_registration_undoes_shifts_that_pixels_suffer_from() -> None:
    given = stack(shift=3)
    assert given.label is not None
    found = training_free(largest=3, seed=1)
    nmi = {
        name: agreement(image_clusters(found[name](given).reshape(27, -1), 3), given.label).nmi
        for name in (STABILISED, REGISTERED)
    }
    assert nmi[REGISTERED] > nmi[STABILISED]


# Tables


def clustered(name: str, cluster: np.ndarray, **more: object) -> Clustered:
    return Clustered(name, ("clean", 1), cluster, **more)  # type: ignore[arg-type]


def test_the_verdict_says_what_the_numbers_say() -> None:
    label = np.repeat(np.arange(4), 10)
    worse = label.copy()
    worse[:5] = 3
    truth = {("clean", 1): label}
    good, bad = clustered("a", label, trained=True), clustered("b", worse)
    assert verdict([good, bad], truth, "clean").startswith("Training helped: the best trained embedding (a)")
    reverse = [clustered("a", worse, trained=True), clustered("b", label)]
    assert "did not help" in verdict(reverse, truth, "clean")
    assert "made no difference" in verdict([good, clustered("b", label)], truth, "clean")
    assert "Without known classes" in verdict([good, bad], {}, "clean")
    (gained,) = gain_table([good, bad], truth, over=["b"])
    assert gained.value == pytest.approx(1 - agreement(worse, label).nmi)
    rows = {
        row.labels["embedding"]: row.value for row in agreement_table([good, bad], truth) if row.name == "ARI"
    }
    assert rows["a"] == 1 > rows["b"]


def test_confidence_splits_the_images_in_halves() -> None:
    label = np.repeat(np.arange(4), 10)
    wrong = label.copy()
    wrong[::5] = (label[::5] + 1) % 4
    sure = np.where(wrong == label, 0.9, 0.3)
    rows = confidence_table([clustered("a", wrong, trained=True, confidence=sure)], {("clean", 1): label})
    assert [row.value for row in rows] == [4, 1.0, pytest.approx(0.6)]


def test_duplicates_are_those_of_the_same_pattern() -> None:
    given = stack()
    given.counts[4], given.counts[7] = 3 * given.counts[2], 0
    first = duplicates(given)
    assert first[4] == 2
    assert first[7] == 7
    assert (first == np.arange(27)).sum() == 26


def test_known_shifts_are_counted() -> None:
    rows = {row.labels.get("within", row.name): row.value for row in stack_table("k", [stack(3)], largest=3)}
    assert rows["1 px"] >= rows["0 px"] > 0.4
    assert len(stack_table("k", [stack()], largest=3)) == 1
