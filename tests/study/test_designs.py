"""Designs: what is simulated, what is only counted, and that none is written twice."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import quantise, to_integer
from femtobarn.runs import Run
from femtobarn.study import Design, Writing, design_rows, write_designs


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, system="toy", preset="tiny", settings={}, seed=1)


def _integers() -> IntegerModel:
    torch.manual_seed(0)
    return to_integer(quantise(nn.Sequential(nn.Linear(3, 2)), torch.rand(50, 3)).eval())


def test_other_vectors_than_the_test_events_are_simulated(run: Run) -> None:
    """The range is that of the first inputs, so that larger test events are off it and the vectors are not."""
    test, settings = np.full((4, 3), 100.0), Writing(vectors=20, optimise=False, synthesis=False)
    vectors = np.random.default_rng(0).uniform(size=(30, 3))
    given = {"settings": settings, "workers": 1, "progress": False}
    reports = write_designs(
        run, [Design("own", _integers), Design("same", _integers)], test, vectors=vectors, **given
    )
    plain = write_designs(run, [Design("plain", _integers)], test, **given)
    assert (reports["own"]["vectors"], plain["plain"]["vectors"]) == (20, 4)
    assert reports["own"]["overflows"] == plain["plain"]["overflows"], "those of the test events in both"
    assert sum(reports["own"]["overflows"].values()) > 0
    again = write_designs(run, [Design("own", _fails)], test, vectors=vectors[:2], **given)
    assert again["own"] == reports["own"], "what is there is not written again"


def _fails() -> IntegerModel:
    raise AssertionError("this design is there already")


def _written(run: Run, **settings: Any) -> dict[str, Any]:
    test = np.random.default_rng(0).uniform(size=(20, 3))
    given = {"settings": Writing(vectors=20, **settings), "workers": 1, "progress": False}
    return write_designs(run, [Design("own", _integers)], test, **given)["own"]


def test_a_network_too_large_is_not_written_and_that_is_said(run: Run) -> None:
    cost = effective_bit_operations(_integers())
    report = _written(run, optimise=False, synthesis=False, largest=cost - 1)
    assert report == {
        "ebops": cost,
        "notes": [f"{cost} EBOPs are more than {cost - 1}: the Verilog was not written"],
    }
    assert not (run.folder / "verilog").exists()
    assert [event["note"] for event in run.events()] == report["notes"]
    assert [row.labels["quantity"] for row in design_rows("written", {"own": report}, {"own": {}})] == [
        "EBOPs"
    ]


def test_missing_programs_are_said_and_do_not_fail(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    report = _written(run, optimise=False)
    assert not {"mismatches", "luts"} & report.keys()
    assert not report["verified"]
    assert any("iverilog" in note for note in report["notes"])
    assert any("yosys" in note for note in report["notes"])
    found = {row.labels["quantity"] for row in design_rows("written", {"own": report}, {"own": {}})}
    assert "EBOPs" in found
    assert not found & {"mismatches", "vectors simulated", "LUT (yosys)"}


def test_without_alkaid_the_note_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("alkaid", "alkaid.cmvm"):
        monkeypatch.setitem(sys.modules, name, None)
    report = _written(run)
    assert list(report) == ["notes"]
    assert "alkaid" in report["notes"][0]
