"""Matching of showers: by hand, against all assignments, splits, merges and crowds."""

import itertools

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics.instances import is_merged, is_split, match, overlaps, share_around


def _event(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    true = draw.integers(-1, 4, n)
    found = np.where(draw.random(n) < 0.7, true, draw.integers(-1, 5, n))
    return true, found, draw.exponential(1.0, n)


def test_overlaps_are_those_of_the_hits() -> None:
    true, found, energy = _event(1)
    pairs = overlaps(true, found, energy)
    for t, p, common, iou in zip(*pairs[:4], strict=True):
        one, two = energy[(true == t) & (found == p)].sum(), energy[(true == t) | (found == p)].sum()
        assert common == pytest.approx(one)
        assert iou == pytest.approx(one / two)


def test_the_sum_over_partners_is_the_largest_there_is() -> None:
    for seed in range(20):
        pairs = overlaps(*_event(seed), trues=4, founds=5)
        table = np.zeros((4, 5))
        table[pairs.true, pairs.found] = np.where(pairs.iou >= 0.1, pairs.iou, 0)
        best = max(
            sum(table[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(5), 4)
        )
        found = match(pairs)
        assert found.iou.sum() == pytest.approx(best)
        for t, p in enumerate(found.found_of):
            if p >= 0:
                assert found.true_of[p] == t
                assert found.iou[t] == pytest.approx(table[t, p])
        assert (found.found_of >= 0).sum() == (found.true_of >= 0).sum()


def test_perfect_clusters_match_whatever_their_numbers() -> None:
    true, _, energy = _event(3)
    new = np.array([2, 0, 3, 1])
    found = match(overlaps(true, np.where(true < 0, -1, new[true]), energy))
    np.testing.assert_array_equal(found.found_of, new)
    np.testing.assert_allclose(found.iou, 1)


def test_a_higher_cut_never_matches_more() -> None:
    pairs = overlaps(*_event(4))
    counts = [(match(pairs, least=cut).found_of >= 0).sum() for cut in (0.1, 0.3, 0.5, 0.9, 1.1)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_splits_and_merges_are_told_apart() -> None:
    true = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    found = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    pairs = overlaps(true, found, np.ones(8))
    assert is_split(pairs).tolist() == [True, False, False]
    assert is_merged(pairs).tolist() == [False, True, True]
    perfect = overlaps(true, true, np.ones(8))
    assert not is_split(perfect).any()
    assert not is_merged(perfect).any()


def test_a_shower_alone_has_all_energy_around_it() -> None:
    hits = np.array([[0.0, 0], [1, 0], [10, 0], [10, 1], [50, 0]])
    energy = np.array([1.0, 1, 2, 2, 5])
    place = np.array([[0.5, 0], [10, 0.5], [50, 0]])
    shares = share_around(place, np.array([2.0, 2.0, 5.0]), hits, energy, radius=3.0)
    np.testing.assert_allclose(shares, [1.0, 0.5, 1.0])


def test_nothing_true_nothing_found_and_unequal_lengths() -> None:
    none = np.full(3, -1)
    pairs = overlaps(none, np.zeros(3, int), np.ones(3), trues=0)
    assert match(pairs).true_of.tolist() == [-1]
    empty = overlaps(none[:0], none[:0], np.empty(0))
    assert len(match(empty).found_of) == 0
    with pytest.raises((InputError, TypeError)):
        overlaps(none, none[:1], np.ones(3))
