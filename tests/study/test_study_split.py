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


def test_too_few_events_and_unfit_shares_are_one_line() -> None:
    with pytest.raises(InputError, match="too few jets to train, validate and test: 40"):
        cut(_Numbers(np.arange(40)), _MADE, validation=0.2, test=0.2, seed=1, what="jets")
    for validation, test in ((0.0, 0.5), (0.5, 0.5), (0.2, 1.0), (float("nan"), 0.2)):
        with pytest.raises(InputError, match="shares in"):
            check_shares(validation, test)
