import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.data.split import split_by_group
from femtobarn.errors import InputError

GROUPS = st.lists(st.integers(-5, 300), min_size=1, max_size=200).map(np.array)


@given(group=GROUPS, seed=st.integers(0, 1000))
def test_groups_stay_together_and_every_row_is_used_once(group: np.ndarray, seed: int) -> None:
    parts = split_by_group(group, fractions=(0.6, 0.3, 0.1), seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(group)))
    members = [set(group[part]) for part in parts]
    assert not members[0] & members[1]
    assert not members[0] & members[2]
    assert not members[1] & members[2]


@given(group=GROUPS, seed=st.integers(0, 1000))
def test_part_of_a_group_does_not_depend_on_order_or_company(group: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(group))
    first, _ = split_by_group(group, fractions=(0.5, 0.5), seed=seed)
    shuffled, _ = split_by_group(group[order], fractions=(0.5, 0.5), seed=seed)
    assert set(group[order][shuffled]) == set(group[first])
    alone, _ = split_by_group(group[:1], fractions=(0.5, 0.5), seed=seed)
    assert (len(alone) == 1) == (group[0] in group[first])


def test_fractions_hold_and_neighbouring_numbers_are_independent() -> None:
    group = np.arange(100_000)
    parts = split_by_group(group, fractions=(0.7, 0.2, 0.1), seed=3)
    np.testing.assert_allclose([len(part) / 100_000 for part in parts], (0.7, 0.2, 0.1), atol=0.006)
    chosen = np.zeros(100_000)
    chosen[parts[0]] = 1
    assert abs(np.corrcoef(chosen[1:], chosen[:-1])[0, 1]) < 0.015


def test_another_seed_is_another_split() -> None:
    group = np.arange(1000)
    one, two = (split_by_group(group, fractions=(0.5, 0.5), seed=seed)[0] for seed in (1, 2))
    assert 0.35 < np.isin(one, two).mean() < 0.65


@pytest.mark.parametrize("fractions", [(0.5, 0.6), (1.2, -0.2), (), (0.9,)])
def test_fractions_that_do_not_add_up_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="add up to 1"):
        split_by_group(np.arange(4), fractions=fractions, seed=1)
