"""The event display draws what it is given."""

from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import pyplot as plt

from femtobarn.errors import InputError
from femtobarn.plots import event_display, event_in_space


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


def test_tracks_in_space_are_where_their_hits_are() -> None:
    draw = np.random.default_rng(2)
    position, label = draw.normal(0, 100, (40, 3)), np.repeat([-1, 3, 1], [20, 6, 14])
    drawing, columns = event_in_space(position, label)
    parts = list(ElementTree.fromstring(drawing).iter())
    circles = [each for each in parts if each.tag.endswith("circle")]
    scale = 1.15 / np.abs(position[label >= 0]).max()
    found = sorted(tuple(map(float, each.attrib["data-at"].split())) for each in circles)
    np.testing.assert_allclose(found, sorted(map(tuple, scale * position[label >= 0])), atol=6e-4)
    assert columns["track"].tolist() == [1] * 14 + [3] * 6
    lines = [each for each in parts if each.tag.endswith("polyline")]
    assert [len(each.attrib["data-at"].split(",")) for each in lines] == [14, 6, 2]
    colours = {each.attrib["fill"] for each in circles}
    assert {each.attrib["stroke"] for each in lines} == colours | {"#bbbbbb"}


def test_an_event_without_tracks_is_drawn() -> None:
    ax, none = plt.figure().add_subplot(), np.full(3, -1)
    assert len(event_display(ax, np.ones((3, 3)), none)["track"]) == 0
    assert b"circle" not in event_in_space(np.ones((3, 3)), none)[0]


def test_what_does_not_fit_is_told() -> None:
    ax = plt.figure().add_subplot()
    with pytest.raises(InputError, match="r-phi or r-z"):
        event_display(ax, np.ones((3, 3)), np.zeros(3, int), view="3d")
    with pytest.raises((InputError, TypeError)):
        event_display(ax, np.ones((3, 3)), np.zeros(2, int))
    with pytest.raises((InputError, TypeError)):
        event_in_space(np.ones((3, 3)), np.zeros(2, int))
