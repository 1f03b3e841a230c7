"""Figures that most systems draw: the numbers beside them are those of the events."""

from pathlib import Path

import numpy as np

from femtobarn.runs import Run
from femtobarn.study import draw_spectra


def test_spectra_count_objects_by_event(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="x", preset="tiny", settings={}, seed=1)
    values = {"few": [np.array([2.0]), np.array([])], "many": [np.array([2.0, 3.0, 50.0])]}
    draw_spectra(
        run, values, [1, 10, 100], xlabel="energy", ylabel="tracks", name="spectra", title="t", caption="c",
        section="s", kind="stand-in",
    )  # fmt: skip
    (figure,) = run.figures()
    rows = [line.split(",") for line in figure.csv.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["sample", "low", "high", "tracks"]
    counts = [(row[0], float(row[3])) for row in rows[1:]]
    assert counts == [("few", 0.5), ("few", 0.0), ("many", 2.0), ("many", 1.0)]
