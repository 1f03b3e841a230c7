"""The one rule for errors over seeds, against closed forms and simulated trainings."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.study import (
    bootstrapped,
    by_name,
    draws_of_classes,
    draws_of_units,
    gain,
    grouped,
    over_seeds,
    row,
)


def test_error_of_a_number_joins_sample_and_spread() -> None:
    value, error = over_seeds([(1.0, 0.3), (3.0, 0.5)])
    assert (value, error) == pytest.approx((2.0, np.hypot(0.4, np.sqrt(2))))
    _, of_mean = over_seeds([(1.0, 0.3), (3.0, 0.5)], of_mean=True)
    assert of_mean == pytest.approx(np.hypot(0.4, 1.0))
    assert over_seeds([(1.5, 0.2)]) == pytest.approx((1.5, 0.2)), "one seed knows of no spread"


def test_row_says_what_its_error_is() -> None:
    one = row("AUC", [(0.9, 0.01)], {"network": "a"}, seeds=[1], n=100)
    assert (one.error_kind, one.seeds, one.n, one.split) == ("test sample", (1,), 100, "test")
    two = row("AUC", [(0.9, 0.01), (0.8, 0.01)], {}, seeds=[1, 2], of_mean=True)
    assert two.error_kind == "test sample and standard error over 2 seeds"
    assert row("weights", [(10.0, 0.0)], {}).error is None
    assert row("time", [(1.0, 0.0), (2.0, 0.0)], {}).error_kind == "standard deviation over 2 seeds"


def _mean(outcome: np.ndarray, rows: np.ndarray) -> float:
    return float(outcome[rows].mean())


def test_a_bootstrap_gives_each_outcome_its_own_error() -> None:
    draw = np.random.default_rng(2)
    outcomes = [width * draw.normal(size=1000) for width in (1.0, 3.0)]
    draws = draws_of_units(np.arange(1000), count=300, seed=0)
    found = bootstrapped(_mean, outcomes, draws)
    for (value, error), outcome in zip(found, outcomes, strict=True):
        assert value == pytest.approx(outcome.mean())
        assert error == pytest.approx(outcome.std() / np.sqrt(1000), rel=0.15)


def test_a_paired_gain_does_not_see_what_both_share() -> None:
    """Both methods see the same hard and easy events: the error of their difference is far below that of each."""
    draw = np.random.default_rng(1)
    shared = draw.normal(size=2000)
    one, two = shared + 0.1 + 0.01 * draw.normal(size=2000), shared
    draws = draws_of_units(np.arange(2000), count=200, seed=0)
    ((value, error),) = gain(_mean, [(one, two)], draws)
    assert value == pytest.approx(0.1, abs=4 * error)
    assert error == pytest.approx(0.01 / np.sqrt(2000), rel=0.2)
    assert 1 / np.sqrt(2000) > 50 * error, "unpaired it would be the scatter of the events"


def test_the_error_of_a_gain_over_seeds_is_right_in_simulated_studies() -> None:
    """Of many studies with three trainings each, the gain is within one error in about 68 %: events and seeds vary."""
    draw, pulls = np.random.default_rng(2), []
    for _ in range(150):
        events = draw.normal(0.3, 1.0, 400)
        pairs = [(events + draw.normal(0, 0.05), np.zeros(400)) for _ in range(8)]
        values = gain(_mean, pairs, draws_of_units(np.arange(400), count=40, seed=3))
        value, error = over_seeds(values, of_mean=True)
        pulls.append((value - 0.3) / error)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_ratios_leave_out_draws_with_nothing_to_divide_by() -> None:
    counts, other = np.array([4.0, 4.0, 4.0]), np.array([0.0, 0.0, 2.0])
    draws = draws_of_units(np.arange(3), count=50, seed=0)
    assert any(not other[rows].any() for rows in draws), "some draws divide by zero"
    ((value, error),) = gain(_mean, [(counts, other)], draws, ratio=True)
    assert value == pytest.approx(6.0)
    assert np.isfinite(error)
    assert error > 0


def test_whole_units_are_drawn() -> None:
    unit = np.array([5, 2, 5, 2, 9])
    everything, *drawn = draws_of_units(unit, count=30, seed=1)
    assert everything.tolist() == [0, 1, 2, 3, 4]
    for rows in drawn:
        counts = np.bincount(rows, minlength=5)
        assert counts[0] == counts[2]
        assert counts[1] == counts[3]
    single = draws_of_units(np.zeros(4, int), count=5, seed=1)
    assert all(len(rows) == 4 for rows in single), "without numbers every row counts for itself"


def test_draws_of_classes_keep_the_numbers_of_both() -> None:
    is_signal = np.array([True, False, False, True, False])
    everything, *drawn = draws_of_classes(is_signal, count=20, seed=1)
    assert sorted(everything.tolist()) == [0, 1, 2, 3, 4]
    assert {int(is_signal[rows].sum()) for rows in drawn} == {2}
    with pytest.raises(InputError, match="at least one row and one draw: got 0 and 20"):
        draws_of_classes(np.zeros(0, bool), count=20, seed=1)


def test_groups_and_names_keep_their_order() -> None:
    assert grouped("banana", str) == {"b": ["b"], "a": ["a", "a", "a"], "n": ["n", "n"]}
    rows = [row(name, [(1, 0)], {"k": str(i)}) for i, name in enumerate(("a", "b", "a", "c"))]
    assert [r.name + r.labels["k"] for r in by_name(rows, ["b"])] == ["b1", "a0", "a2", "c3"]
