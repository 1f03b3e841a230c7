"""The event display draws what it is given."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from femtobarn.errors import InputError
from femtobarn.plots import event_display


@pytest.mark.parametrize("view", ["r-phi", "r-z"])
def test_longest_tracks_are_drawn(view: str) -> None:
    draw = np.random.default_rng(1)
    position, label = draw.normal(0, 100, (60, 3)), np.repeat([-1, 0, 1, 2], [20, 10, 25, 5])
    ax = plt.figure().add_subplot()
    drawn = event_display(ax, position, label, view=view, most=2)
    assert set(drawn["track"].tolist()) == {0, 1}
    rows = [np.flatnonzero((position[:, 2] if view == "r-z" else position[:, 0]) == x)[0] for x in drawn["x"]]
    np.testing.assert_array_equal(label[rows], drawn["track"])
    lines = ax.collections[1].get_paths()
    assert sorted(len(line.vertices) for line in lines) == [10, 25]


def test_an_event_without_tracks_is_drawn() -> None:
    ax = plt.figure().add_subplot()
    assert len(event_display(ax, np.ones((3, 3)), np.full(3, -1))["track"]) == 0


def test_what_does_not_fit_is_told() -> None:
    ax = plt.figure().add_subplot()
    with pytest.raises(InputError, match="r-phi or r-z"):
        event_display(ax, np.ones((3, 3)), np.zeros(3, int), view="3d")
    with pytest.raises((InputError, TypeError)):
        event_display(ax, np.ones((3, 3)), np.zeros(2, int))
