"""Drawing rejection: what is drawn is what comes back."""

import numpy as np
import pytest
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.errors import InputError


def test_columns_are_the_curve_with_its_binomial_error() -> None:
    figure, ax = pyplot.subplots()
    signal = np.linspace(0, 1, 101)
    drawn = plots.rejection(ax, signal, signal**2, 10_000, label="square")
    at, value, error = drawn["signal"], drawn["rejection"], drawn["error"]
    np.testing.assert_allclose(value, 1 / np.interp(at, signal, signal**2))
    np.testing.assert_allclose(error, value**2 * np.sqrt((1 / value) * (1 - 1 / value) / 10_000))
    assert 10_000 / value.max() >= 5
    assert ax.get_yscale() == "log"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), value)
    pyplot.close(figure)


def test_mistakes_are_told() -> None:
    figure, ax = pyplot.subplots()
    with pytest.raises(InputError, match="one background efficiency"):
        plots.rejection(ax, [0.0, 1.0], [0.0], 10, label="")
    pyplot.close(figure)
