"""Fresh axes in femtobarn's style, closed after the test."""

from collections.abc import Iterator

import matplotlib as mpl
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes

from femtobarn import plots


@pytest.fixture
def ax() -> Iterator[Axes]:
    mpl.use("Agg")
    with plots.style():
        figure, axes = pyplot.subplots()
        yield axes
        figure.canvas.draw()  # what was set must also draw
        pyplot.close(figure)
