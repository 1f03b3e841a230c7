"""Names of files and samples in figures: whatever is in them, they are drawn, and drawn as they are."""

import io
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from femtobarn import plots

mpl.use("Agg")

NAMES = (
    "a$^^$b.h5",
    "a$x$b.h5",
    r"a\$b$c$",
    "_hidden",
    "odd $ one",
    "tab\tbell\x07",
    "half \udcff",
    "<b>&</b>",
)


def _svg_texts(figure: Figure) -> list[str]:
    stream = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(stream, format="svg")
    pyplot.close(figure)
    root = ElementTree.fromstring(stream.getvalue())
    return ["".join(each.itertext()).strip() for each in root.iter("{http://www.w3.org/2000/svg}text")]


def _drawn(name: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_samples_stand_in_the_legend_as_they_are(name: str) -> None:
    draw = np.random.default_rng(1)
    with plots.style():
        figure, (main, below) = pyplot.subplots(2)
        sample = draw.normal(size=50)
        found = plots.ratio_histograms(main, below, sample, {name: sample}, [-1, 0, 1], label=f"{name}!")
        main.legend()
        texts = _svg_texts(figure)
    assert _drawn(name) in texts
    assert _drawn(f"{name}!") in texts
    assert set(found["sample"]) == {name, f"{name}!"}, "the numbers keep the name that was given"


CURVES: dict[str, Callable[[Axes, str], object]] = {
    "training_curves": lambda ax, name: plots.training_curves(ax, [1, 2], {name: [3.0, 2.0]}),
    "frontier": lambda ax, name: plots.frontier(ax, [1, 2], [3, 4], label=name),
    "band_profile": lambda ax, name: plots.band_profile(
        ax, np.arange(50), np.arange(50), [0, 50], label=name
    ),
    "residuals": lambda ax, name: plots.residuals(ax, [0.1, 0.2], [0, 1], label=name),
    "resolution": lambda ax, name: plots.resolution(ax, np.arange(50), np.arange(50), [0, 50], label=name),
    "rejection": lambda ax, name: plots.rejection(ax, [0, 1], [0, 1], 100, label=name),
}


@pytest.mark.parametrize("make", [lambda: Figure().subplots(), lambda: pyplot.subplots()[1]])
@pytest.mark.parametrize("function", CURVES)
def test_figures_of_plain_axes_draw_any_label(function: str, make: Callable[[], Axes]) -> None:
    ax = make()
    CURVES[function](ax, "a$^^$b")
    ax.legend()
    plots.label(ax, "real", text="c$^^$d")
    assert isinstance(ax.figure, Figure)
    texts = _svg_texts(ax.figure)
    assert any("a$^^$b" in text for text in texts)
    assert "c$^^$d" in texts


def test_labels_may_hold_mathematics() -> None:
    assert plots.readable(r"$p_T$ of the jet") == r"$p_T$ of the jet"
    assert plots.readable("a$^^$b") == r"a\$^^\$b"


@given(st.text("$^_{}\\ab\x00\udcff\n", max_size=10))
def test_any_text_can_be_drawn(text: str) -> None:
    """By the renderer that finds out first what mathtext cannot say."""
    figure = Figure(figsize=(2, 1), dpi=30)
    figure.text(0.5, 0.5, text)
    figure.subplots().set_yticks([0], [text])
    plots.settle_texts(figure)
    figure.canvas.draw()
    assert plots.readable(plots.plain(text)) == plots.plain(text)
