import doctest
import importlib
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from femtobarn import plots

# Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1: what is seen of linear RGB.
DEFICIENCY = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("kind", DEFICIENCY)
def test_the_first_colours_stay_apart_for_the_colour_blind(kind: str) -> None:
    eye = np.array(DEFICIENCY[kind])

    def seen_apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.linalg.norm(np.clip(eye @ one, 0, 1) - np.clip(eye @ other, 0, 1)))

    colours = [linear(colour) for colour in plots.PALETTE[:5]]
    assert min(seen_apart(*pair) for pair in combinations(colours, 2)) > 0.1
    # Two colours 0.4 apart in the direction that this eye hardly sees do come closer than that.
    blind = np.linalg.svd(eye)[2][-1]
    assert seen_apart(0.3 + 0.2 * blind, 0.3 - 0.2 * blind) < 0.1


def test_the_style_ends_with_the_context() -> None:
    before = dict(mpl.rcParams)
    with plots.style():
        assert mpl.rcParams["xtick.direction"] == "in"
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(("data", "text"), [("real", "real data"), ("stand-in", "stand-in")])
def test_the_label_says_what_the_data_are(ax: Axes, data: str, text: str) -> None:
    plots.label(ax, data, text="5 e-links")
    assert [each.get_text() for each in ax.texts] == ["femtobarn", text, "5 e-links"]
    ax.figure.canvas.draw()
    name, kind, right = (each.get_window_extent() for each in ax.texts)
    frame = ax.get_window_extent()
    assert name.x1 < kind.x0 < kind.x1 < right.x0
    assert all(each.y0 >= frame.y1 for each in (name, right))
    assert name.x0 == pytest.approx(frame.x0, abs=2)
    assert right.x1 == pytest.approx(frame.x1, abs=2)


def test_long_form_keeps_every_number() -> None:
    table = plots.long_form({"a": {"x": [1, 2], "y": [3, 4]}, "b": {"x": [5], "y": [6]}}, name="method")
    assert {name: column.tolist() for name, column in table.items()} == {
        "method": ["a", "a", "b"],
        "x": [1, 2, 5],
        "y": [3, 4, 6],
    }


@pytest.mark.parametrize("module", ["femtobarn.plots.style", "femtobarn.report.numbers"])
def test_examples_of_the_docstrings(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0
