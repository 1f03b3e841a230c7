"""How a run is carried out: both forms of ``load``, what is recorded of the data."""

import sys
from pathlib import Path

import pytest

from femtobarn.cli import execute
from femtobarn.errors import InputError
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
    output.write_bytes(b"predictions")
    return output

def export(run, folder, *, to, model=None):
    folder.mkdir(parents=True, exist_ok=True)
    return folder

def load(config, *, progress):
    return Split(REAL, SIZES)
'''


def _system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """A system in a package of its own, known to the command."""
    package = folder / "counting"
    package.mkdir()
    (package / "__init__.py").write_text('"""Count the events."""\n')
    (package / "recipe.py").write_text(RECIPE)
    monkeypatch.syspath_prepend(folder)
    for name in ("counting", "counting.recipe"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    system = System("counting", "counting")
    monkeypatch.setattr("femtobarn.recipe.all_systems", lambda: {system.name: system})
    return system


def test_origin_and_sizes_of_the_data_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = _system(tmp_path, monkeypatch)
    run = start(system, system.recipe().Config(), preset="tiny", root=tmp_path / "runs")
    results = carry_out(system, run, progress=False)
    assert run.data == Provenance("real", "ttbar v11")
    (event,) = (event for event in run.events() if event["event"] == "data")
    assert (event["train"], event["test"]) == (2, 1)
    assert [result.data for result in results] == ["real"]
    assert run.results() == results


def test_predict_and_export_replace_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system = _system(tmp_path, monkeypatch)
    run = start(system, system.recipe().Config(), preset="tiny", root=tmp_path / "runs")
    trained_on, given = tmp_path / "sample.h5", tmp_path / "given.h5"
    for path in (trained_on, given):
        path.write_bytes(path.name.encode())
    run.set_data(Provenance.of_files("own", [trained_on]))
    for output in (given, trained_on, run.folder / "results.json"):
        assert execute(["predict", str(run.folder), str(given), "-o", str(output)]) == 2
    for output in (run.folder, run.folder / "work"):
        assert execute(["export", str(run.folder), "-o", str(output)]) == 2
    assert capsys.readouterr().err.count("femtobarn: the output ") == 5
    assert (trained_on.read_bytes(), given.read_bytes()) == (b"sample.h5", b"given.h5")
    assert execute(["predict", str(run.folder), str(given), "-o", str(tmp_path / "new.h5")]) == 0
    assert (tmp_path / "new.h5").read_bytes() == b"predictions"
    assert execute(["export", str(run.folder), "-o", str(tmp_path / "exported")]) == 0


def test_a_run_with_a_link_in_it_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = _system(tmp_path, monkeypatch)
    run = start(system, system.recipe().Config(), preset="tiny", root=tmp_path / "runs")
    (tmp_path / "foreign").write_text("kept")
    (run.work("training") / "log.csv").symlink_to(tmp_path / "foreign")
    before = (run.folder / "run.json").read_bytes()
    with pytest.raises(InputError, match=r"training/log\.csv is a symbolic link"):
        carry_out(system, run, progress=False)
    assert (run.folder / "run.json").read_bytes() == before
    (run.folder / "work" / "training" / "log.csv").unlink()
    carry_out(system, run, progress=False)
    assert (tmp_path / "foreign").read_text() == "kept"
