"""Shapes of the background behind a cut."""

import csv
from pathlib import Path

import numpy as np

from femtobarn.evaluation.sculpting import draw_sculpting
from femtobarn.runs import Run


def test_only_a_score_that_knows_the_variable_changes_its_shape(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    is_signal = np.arange(8000) % 2 == 0
    mass = np.where(is_signal, generator.normal(70, 10, 8000), generator.uniform(0, 100, 8000))
    scores = {"blind": generator.normal(size=8000), "mass itself": -np.abs(mass - 70)}
    run = Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1)
    edges = np.linspace(0, 100, 11)
    draw_sculpting(
        run, mass, is_signal, scores, edges=edges, looks=[{}, {"color": "0.5"}], name="mass",
        xlabel="mass", ylabel="share", title="t", caption="c", section="s",
    )  # fmt: skip
    with (run.folder / "figures" / "mass.csv").open() as file:
        rows = list(csv.DictReader(file))
    share = {name: np.array([float(r["share"]) for r in rows if r["events"] == name])
             for name in ("background", "blind", "mass itself")}  # fmt: skip
    error = np.array([float(r["error"]) for r in rows if r["events"] == "blind"])
    assert np.all(np.abs(share["blind"] - share["background"]) < 5 * error)
    assert share["mass itself"][:4].sum() == 0
    assert share["mass itself"][6:8].sum() > 0.7
    np.testing.assert_allclose([each.sum() for each in share.values()], 1)
