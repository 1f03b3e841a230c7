"""A figure is stored as matplotlib would save it."""

import io
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from femtobarn import plots
from femtobarn.runs.svg import svg_bytes


def formulas() -> Figure:
    figure, (top, bottom) = pyplot.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    x = np.linspace(0, 10, 50)
    for k in range(3):
        top.stairs(np.exp(-x[:-1]) + 0.01 * k, x, label=f"$x^{k}$")
    top.set_yscale("log")
    top.legend()
    bottom.plot(x, 1e-6 * x)
    bottom.set_xlabel("energy [GeV]")
    plots.label(top, "stand-in", text="$E_T$")
    return figure


def images() -> Figure:
    figure, axes = pyplot.subplots(1, 2)
    pixels = np.random.default_rng(1).random((2, 9, 12))
    for ax, image in zip(axes.flat, pixels, strict=True):
        drawn = ax.imshow(image, norm="log")
    figure.colorbar(drawn, ax=axes, label="energy")
    figure.suptitle("all")
    return figure


def points() -> Figure:
    figure, (left, right) = pyplot.subplots(1, 2)
    left.set_aspect("equal")
    for ax, count in ((left, 20), (right, 6000)):
        ax.scatter(*np.random.default_rng(count).random((2, count)), label="hits", rasterized=count > 5000)
    figure.legend(loc="outside lower center")
    return figure


def without_layout() -> Figure:
    figure = formulas()
    figure.set_layout_engine("none")
    return figure


@pytest.mark.parametrize("made", [formulas, images, points, without_layout])
def test_the_drawing_is_the_one_that_matplotlib_saves(made: Callable[[], Figure]) -> None:
    stream = io.BytesIO()
    with plots.style():
        found, figure = svg_bytes(made()), made()
        with mpl.rc_context({"svg.hashsalt": "femtobarn"}):
            figure.savefig(stream, format="svg", dpi=150, metadata={"Date": None})
    assert found == stream.getvalue()
