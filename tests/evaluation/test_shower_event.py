import re
from xml.etree import ElementTree

import numpy as np
import pytest

from femtobarn.evaluation.shower_event import radius_of, shower_drawing
from femtobarn.physics.voxels import geometry
from femtobarn.report.svg import inline_svg
from toy_showers import toy_showers


@pytest.mark.parametrize("dataset", ["1-photons", "2"])
def test_every_circle_is_a_voxel_and_says_where_it_is(dataset: str) -> None:
    voxels = geometry(dataset)
    shower = toy_showers(dataset, 3, seed=1)[1][2]
    drawing, columns = shower_drawing(shower, voxels, radius=25.0)
    circles = [each for each in ElementTree.fromstring(drawing).iter() if each.tag.endswith("circle")]
    assert len(circles) == len(columns["energy"]) <= 1200
    assert (np.hypot(columns["x"], columns["y"]) <= 25).all()
    assert (columns["energy"] > 0).all()
    expected = {(round(x / 25, 3), round(y / 25, 3)) for x, y in zip(columns["x"], columns["y"], strict=True)}
    found = [tuple(map(float, each.attrib["data-at"].split())) for each in circles]
    assert {(x + 0.0, y + 0.0) for x, y, _ in found} == {(x + 0.0, y + 0.0) for x, y in expected}
    assert all(abs(z) <= 1.1 for _, _, z in found)


def test_the_page_keeps_what_turns_it() -> None:
    shower = toy_showers("1-photons", 3, seed=1)[1][2]
    drawing, _ = shower_drawing(shower, geometry("1-photons"), radius=500.0)
    markup, width, height = inline_svg(drawing, prefix="f0-", title="a shower")
    assert (width, height) == (460, 380)
    assert "data-turn=" in markup
    assert len(re.findall("data-at=", markup)) == drawing.count(b"data-at=")


def test_an_empty_shower_is_an_empty_cage() -> None:
    drawing, columns = shower_drawing(np.zeros(368), geometry("1-photons"), radius=100.0)
    assert b"circle" not in drawing
    assert len(columns["energy"]) == 0


def test_the_radius_holds_nearly_all_energy() -> None:
    voxels = geometry("2")
    shower = toy_showers("2", 50, seed=1)[1].mean(axis=0)
    radius = radius_of(shower, voxels)
    assert shower[voxels.radius <= radius].sum() >= 0.98 * shower.sum()
    assert shower[voxels.radius <= radius - 4.65].sum() < 0.98 * shower.sum()
