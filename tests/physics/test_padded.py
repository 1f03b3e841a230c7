import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics._padded import check_mask, zero_padded


@pytest.mark.parametrize(
    "mask", [np.ones((1, 3), bool), np.ones((2, 4), bool), np.ones((2, 3)), np.ones((2, 3, 1), bool)]
)
def test_a_mask_that_does_not_fit_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        check_mask(mask, (2, 3))


def test_padding_becomes_zero() -> None:
    x = np.array([[[1.0, 2.0, 3.0], [np.nan, np.inf, 1e300]]])
    found = zero_padded(x, np.array([[True, False]]))
    np.testing.assert_array_equal(found, [[[1, 2, 3], [0, 0, 0]]])
    assert np.isnan(x[0, 1, 0])  # the caller's array stays as it is


def test_the_message_where_no_hook_checks_shapes() -> None:
    unchecked = zero_padded
    while hasattr(unchecked, "__wrapped__"):
        unchecked = unchecked.__wrapped__
    with pytest.raises(InputError, match=r"\(jet, particle, 3\)"):
        unchecked(np.zeros((2, 3, 4)), np.ones((2, 3), bool))
