"""Drawings in space: what belongs to a layer says so, and hidden layers are there but not seen."""

from xml.etree import ElementTree

import numpy as np

from femtobarn.plots import turnable


def test_parts_say_their_layer_and_hidden_ones_are_not_shown() -> None:
    at = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
    svg = turnable(
        at, np.ones(3), np.array(["#112233"] * 3), layer=["hits", "hits", "truth"], lines=[at, at],
        line_colour=["#445566"], line_layer=["truth"], hidden=["truth"], words="three",
    )  # fmt: skip
    parts = [each for each in ElementTree.fromstring(svg).iter() if "data-at" in each.attrib]
    layers = [each.get("data-layer") for each in parts]
    assert sorted(map(str, layers)) == ["None", "hits", "hits", "truth", "truth"]
    assert all((each.get("display") == "none") == (each.get("data-layer") == "truth") for each in parts)


def test_without_layers_everything_is_always_there() -> None:
    svg = turnable(np.zeros((1, 3)), np.ones(1), np.array(["#112233"]), lines=[np.zeros((2, 3))], words="one")
    assert b"data-layer" not in svg
    assert b"display" not in svg
