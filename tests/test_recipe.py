"""How a run is carried out: both forms of ``load``, what is recorded of the data."""

import sys
from pathlib import Path

import pytest

from femtobarn.recipe import System, carry_out, start
from femtobarn.runs import Provenance

RECIPE = '''
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from femtobarn.runs import Provenance, Result

@dataclass(frozen=True)
class Config:
    """Settings of a system that measures nothing."""
    seed: int = 0

class Split(NamedTuple):
    provenance: Provenance
    sizes: dict[str, int]

PRESETS = {"tiny": Config()}
PUBLISHED = []
REAL = Provenance("real", "ttbar v11")
SIZES = {"train": 2, "test": 1}

def train(config, data, run, *, progress):
    return data

def evaluate(config, data, trained, run, *, progress):
    return [Result("events", float(data.sizes["test"]))]

def predict(run, files, output, *, model, progress):
    return output
'''
OF_THE_RUN = """
def load(config, *, progress):
    return Split(REAL, SIZES)
"""
OF_THE_SYSTEM = """
def load(config, run, *, progress):
    run.set_data(REAL)
    run.log(event="data", **SIZES)
    return Split(REAL, SIZES)
"""


@pytest.mark.parametrize("load", [OF_THE_RUN, OF_THE_SYSTEM])
def test_data_are_recorded_whoever_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: str
) -> None:
    package = tmp_path / "counting"
    package.mkdir()
    (package / "__init__.py").write_text('"""Count the events."""\n')
    (package / "recipe.py").write_text(RECIPE + load)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("counting", "counting.recipe"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    system = System("counting", "counting")
    run = start(system, system.recipe().Config(), preset="tiny", root=tmp_path / "runs")
    results = carry_out(system, run, progress=False)
    assert run.data == Provenance("real", "ttbar v11")
    (event,) = (event for event in run.events() if event["event"] == "data")
    assert (event["train"], event["test"]) == (2, 1)
    assert [result.data for result in results] == ["real"]
    assert run.results() == results
