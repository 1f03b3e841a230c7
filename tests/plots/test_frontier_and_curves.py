import numpy as np
import pytest
from matplotlib.axes import Axes

from femtobarn import plots
from femtobarn.errors import InputError


def test_frontier_joins_points_in_the_order_of_bits(ax: Axes) -> None:
    drawn = plots.frontier(ax, [80, 48], [1.0, 2.0], [0.1, np.nan], label="a")
    assert drawn["bits"].tolist() == [48, 80]
    assert drawn["value"].tolist() == [2, 1]
    np.testing.assert_array_equal(drawn["error"], [np.nan, 0.1])
    (container,) = ax.containers
    np.testing.assert_array_equal(container[0].get_xydata(), [[48, 2], [80, 1]])
    assert np.isnan(plots.frontier(ax, [1], [1], label="b")["error"]).all()
    with pytest.raises(InputError, match=r"got shapes \(2,\), \(1,\), \(1,\)"):
        plots.frontier(ax, [1, 2], [1], label="a")


def test_training_curves_mark_the_epoch_kept(ax: Axes) -> None:
    drawn = plots.training_curves(
        ax, [1, 2, 3], {"training": [3, 2, 1.0], "validation": [3, 2, np.nan]}, best="validation"
    )
    assert drawn["curve"].tolist() == ["training"] * 3 + ["validation"] * 3
    assert drawn["epoch"].tolist() == [1, 2, 3, 1, 2, 3]
    (point,) = (line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_array_equal(point.get_xydata(), [[2, 2]])
    assert ax.get_yscale() == "linear"


@pytest.mark.parametrize(
    ("loss", "scale"),
    [
        ([100, 1], "log"),
        ([5, 1], "linear"),
        ([100, -1], "linear"),
        ([100, 0], "linear"),
        ([np.nan, np.nan], "linear"),
    ],
)
def test_training_curves_are_logarithmic_over_a_decade(ax: Axes, loss: list[float], scale: str) -> None:
    plots.training_curves(ax, [1, 2], {"loss": loss}, best="loss")
    assert ax.get_yscale() == scale


def test_training_curves_refuse_what_does_not_fit(ax: Axes) -> None:
    with pytest.raises(InputError, match=r"one value of loss per epoch: got shapes \(1,\) and \(2,\)"):
        plots.training_curves(ax, [1, 2], {"loss": [1]})
    with pytest.raises(InputError, match="no curve is called x: there are loss"):
        plots.training_curves(ax, [1], {"loss": [1]}, best="x")
