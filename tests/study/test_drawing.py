"""Figures in one block: numbers beside the drawing, label of the data, nothing left open."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib import pyplot

from femtobarn.runs import Provenance, Run
from femtobarn.study import Trained, draw_against, draw_front, draw_rejection, draw_training, drawing, row


class Part(NamedTuple):
    """A training of these tests."""

    name: str
    seed: int = 1

    @property
    def labels(self) -> dict[str, str]:
        return {}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    data = Provenance("real", "jets")
    return Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1, data=data)


def _rows(run: Run, name: str) -> list[dict[str, str]]:
    with (run.folder / "figures" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_what_is_drawn_stands_beside_the_figure(run: Run) -> None:
    with drawing(run, "mass", title="Mass", caption="Of jets.", section="Jets", by="jets", legend={}) as d:
        for name, height in (("tops", 1.0), ("others", 2.0)):
            d.ax.plot([0, 1], [height, height], label=name)
            d.drawn[name] = {"mass": [0, 1], "share": [height, height]}
    assert [(r["jets"], float(r["share"])) for r in _rows(run, "mass")][1:3] == [("tops", 1), ("others", 2)]
    (figure,) = run.figures()
    assert (figure.title, figure.section) == ("Mass", "Jets")
    text = figure.svg.read_text()
    assert "real data" in text
    assert "tops" in text
    assert not pyplot.get_fignums()


def test_lines_look_as_asked_for_on_all_axes(run: Run) -> None:
    looks = [{"color": "#102030", "linestyle": "--"}, {"color": "#405060", "linestyle": ":"}]
    with drawing(run, "looks", title="t", caption="c", section="s", shape=(1, 2), lines=looks) as d:
        for ax in d.axes.flat:
            for look in looks:
                (line,) = ax.plot([0, 1], [0, 1])
                assert {"color": line.get_color(), "linestyle": line.get_linestyle()} == look


def test_data_of_another_kind_than_the_run_are_labelled_as_such(run: Run) -> None:
    with drawing(run, "mass", title="Mass", caption="Of jets.", section="Jets", kind="stand-in") as d:
        d.drawn["jets"] = {"mass": [1.0]}
    (figure,) = run.figures()
    assert "stand-in" in figure.svg.read_text()
    assert "real data" not in figure.svg.read_text()


def _draw_what_fails(run: Run) -> None:
    with drawing(run, "fails", title="t", caption="c", section="s") as d:
        d.drawn["x"] = {"a": [1]}
        d.ax.plot([1, 2], [1])


def test_a_block_that_draws_nothing_or_fails_saves_nothing(run: Run) -> None:
    with drawing(run, "none", title="t", caption="c", section="s"):
        pass
    with pytest.raises(ValueError, match="shape"):
        _draw_what_fails(run)
    assert not run.figures()
    assert not pyplot.get_fignums()


def test_standard_figures(run: Run) -> None:
    trained = [
        Trained(Part("long"), None, [{"validation": 1.0}, {"validation": 0.5}], 0.5),
        Trained(Part("short"), None, [{"validation": 0.7}], 0.7),
        Trained(Part("trees"), None, [], 0.7),
    ]
    draw_training(run, trained, ylabel="loss", caption="c")
    assert {row["curve"] for row in _rows(run, "training")} == {"long", "short"}
    draw = np.random.default_rng(0)
    is_signal = draw.random(500) < 0.5
    draw_rejection(
        run, {"good": draw.normal(size=500) + 2 * is_signal}, is_signal, caption="c", section="Tagging"
    )
    assert min(float(row["rejection"]) for row in _rows(run, "roc")) >= 1
    draw_front(
        run, {"bits": [(100.0, 0.7, 0.01), (200.0, 0.8, 0.01)]}, limits={"bits": 0.9},
        xlabel="LUT", ylabel="accuracy", caption="c", title="Front",
    )  # fmt: skip
    assert len(_rows(run, "hardware")) == 2
    draw_training(run, trained[2:], ylabel="loss", caption="c", name="nothing")
    assert {figure.name for figure in run.figures()} == {"training", "roc", "hardware"}


def test_results_are_drawn_against_one_of_their_labels(run: Run) -> None:
    lines = {
        method: [
            row("accuracy", [(value, 0.1)], {"speed": speed})
            for speed, value in zip("01", values, strict=True)
        ]
        for method, values in {"labels": (0.9, 0.6), "distilled": (0.9, 0.8)}.items()
    }
    words = {"xlabel": "speed", "ylabel": "accuracy", "caption": "c", "title": "t", "section": "s"}
    draw_against(run, lines, label="speed", name="speeds", looks=[{}, {"linestyle": ":"}], **words)
    drawn = [
        (r["method"], *(float(r[name]) for name in ("speed", "value", "error"))) for r in _rows(run, "speeds")
    ]
    assert drawn[1:3] == [("labels", 1.0, 0.6, 0.1), ("distilled", 0.0, 0.9, 0.1)]


def test_a_front_leaves_out_what_has_no_quality_and_is_not_drawn_without_any(run: Run) -> None:
    texts = {"xlabel": "cost", "ylabel": "quality", "title": "t", "caption": "c", "section": "s"}
    points = {"ours": [(10.0, 0.5, 0.1), (100.0, np.inf, np.nan)], "theirs": [(30.0, -np.inf, np.nan)]}
    draw_front(run, points, name="front", xscale="log", limits={"floating point": 0.6}, **texts)
    assert [(r["method"], float(r["bits"])) for r in _rows(run, "front")] == [("ours", 10)]
    assert "floating point" in run.figures()[0].svg.read_text()
    draw_front(run, {"theirs": points["theirs"]}, name="nothing", limits={"floating point": 0.6}, **texts)
    assert [figure.name for figure in run.figures()] == ["front"]
