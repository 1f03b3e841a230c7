"""Three samples without a common event."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.study import check_shares, cut


class _Numbers:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray) -> "_Numbers":
        return _Numbers(self.values[rows])


_MADE = Provenance("stand-in", "numbers")


def test_every_event_is_in_one_of_the_three() -> None:
    split = cut(_Numbers(np.arange(1000)), _MADE, validation=0.2, test=0.3, seed=1)
    parts = [each.values for each in (split.train, split.validation, split.test)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(1000))
    assert split.sizes == {"train": 500, "validation": 200, "test": 300}
    again = cut(_Numbers(np.arange(1000)), _MADE, validation=0.2, test=0.3, seed=1)
    other = cut(_Numbers(np.arange(1000)), _MADE, validation=0.2, test=0.3, seed=2)
    assert np.array_equal(split.test.values, again.test.values)
    assert not np.array_equal(split.test.values, other.test.values)


def test_a_test_sample_of_its_own_is_left_as_it_is() -> None:
    own = _Numbers(np.arange(1000, 1050))
    split = cut(_Numbers(np.arange(1000)), _MADE, validation=0.2, test=own, seed=1)
    assert split.test is own
    assert split.sizes == {"train": 800, "validation": 200, "test": 50}
    both = np.concatenate([split.train.values, split.validation.values])
    assert sorted(both.tolist()) == list(range(1000))
    with pytest.raises(InputError, match="too few events"):
        cut(_Numbers(np.arange(1000)), _MADE, validation=0.2, test=_Numbers(np.arange(9)), seed=1)


@pytest.mark.parametrize(("count", "validation", "test"), [(30_000, 0.12, 0.34), (1000, 0.1, 0.7)])
def test_each_share_is_cut_as_asked(count: int, validation: float, test: float) -> None:
    """Also where 1 minus the shares falls just below a whole number in floating point."""
    split = cut(_Numbers(np.arange(count)), _MADE, validation=validation, test=test, seed=1)
    wanted = {"validation": round(count * validation), "test": round(count * test)}
    assert split.sizes == {"train": count - sum(wanted.values()), **wanted}


def test_too_few_events_and_unfit_shares_are_one_line() -> None:
    with pytest.raises(InputError, match="too few jets to train, validate and test: 40"):
        cut(_Numbers(np.arange(40)), _MADE, validation=0.2, test=0.2, seed=1, what="jets")
    for validation, test in ((0.0, 0.5), (0.5, 0.5), (0.2, 1.0), (float("nan"), 0.2)):
        with pytest.raises(InputError, match="shares in"):
            check_shares(validation, test)
