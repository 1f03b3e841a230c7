"""Objects read off beta and coordinates: fast against naive, thresholds, order."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.condense import condense


def _event(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.random(n).round(2), draw.normal(size=(n, 3)), 0.5 + draw.random(n)


def _naive(beta: np.ndarray, x: np.ndarray, distance: np.ndarray, t_beta: float, t_d: float) -> np.ndarray:
    label, found = np.full(len(beta), -1), 0
    for seed in np.argsort(-beta, kind="stable"):
        if beta[seed] <= t_beta or label[seed] >= 0:
            continue
        for hit in range(len(beta)):
            near = np.sqrt(((x[hit] - x[seed]) ** 2).sum()) < t_d * distance[seed]
            if label[hit] < 0 and (near or hit == seed):
                label[hit] = found
        found += 1
    return label


def test_fast_and_naive_agree() -> None:
    for seed in range(100):
        event = _event(seed)
        label, centres = condense(*event, t_beta=0.3, t_d=0.6)
        np.testing.assert_array_equal(label, _naive(*event, 0.3, 0.6))
        np.testing.assert_array_equal(label[centres], np.arange(len(centres)))


def test_a_higher_threshold_never_finds_more() -> None:
    for seed in range(20):
        counts = [len(condense(*_event(seed), t_beta=t)[1]) for t in np.linspace(0, 1, 11)]
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] == 0


def test_order_of_hits_changes_nothing() -> None:
    _, x, distance = _event(1)
    beta = np.random.default_rng(2).permutation(80) / 80  # without ties
    order = np.random.default_rng(3).permutation(80)
    one, two = condense(beta, x, distance)[0], condense(beta[order], x[order], distance[order])[0]
    np.testing.assert_array_equal(one[order], two)


def test_no_hits_one_hit_and_numbers_that_are_none() -> None:
    label, centres = condense(np.empty(0), np.empty((0, 3)))
    assert len(label) == len(centres) == 0
    label, centres = condense(np.array([0.9]), np.zeros((1, 2)), np.zeros(1))
    assert label.tolist() == centres.tolist() == [0]
    with pytest.raises(InputError, match="beta has 1"):
        condense(np.array([np.nan, 0.1]), np.zeros((2, 2)))
