"""A system of another package: one folder, found by its entry point, no edit of anything here."""

import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.cli import execute
from femtobarn.runs import Run

_RECIPE = '''
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from femtobarn.data.source import InMemory
from femtobarn.runs import Provenance, read_published
from femtobarn.study import Models, Trained, cut, drawing, row, write_predictions


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    events: int = 100
    """Events of the stand-in."""
    seed: int = 1
    """Seed of the stand-in."""


PRESETS = {"tiny": Config(), "demo": Config(events=1000), "paper": Config(events=10_000)}
PUBLISHED = read_published(__package__)


@dataclass(frozen=True)
class Numbers:
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows):
        return Numbers(self.values[rows])


class Part(NamedTuple):
    seed: int

    @property
    def name(self) -> str:
        return f"mean-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        return {"method": "mean"}


MODELS = Models(Part, lambda _: Config, lambda part, settings, kept: None)


def load(config, *, progress):
    values = np.random.default_rng(config.seed).normal(5.0, 1.0, config.events)
    return cut(Numbers(values), Provenance("stand-in", "numbers"), validation=0.2, test=0.3, seed=config.seed)


def _train(data, part, report):
    report(1, 1, "")
    return Trained(part, None, [], 0.0, {"mean": float(data.train.values.mean())})


def train(config, data, run, *, progress):
    task = lambda part, report: _train(data, part, report)
    return MODELS.train(run, [Part(1)], task, settings=lambda _: config, workers=1, progress=progress)


def evaluate(config, data, trained, run, *, progress):
    with drawing(run, "values", title="Values", caption="Of the test.", section="Values") as d:
        d.table = {"value": data.test.values}
        d.ax.hist(data.test.values)
    errors = [abs(each.kept["mean"] - data.test.values.mean()) for each in trained]
    return [row("error of the mean", [(e, 0.1) for e in errors], trained[0].part.labels, n=len(data.test))]


def predict(run, files, output, *, model, progress):
    trained = MODELS.choose(run, model)
    return write_predictions(
        files, output, lambda path: InMemory({"x": np.load(path)}),
        lambda piece: {"off": piece["x"] - trained.kept["mean"]}, model=trained.part.name, progress=progress,
    )
'''


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """A package that offers the system, as an installation would leave it."""
    package, about = tmp_path / "outside_mean", tmp_path / "outside_mean-1.0.dist-info"
    for folder in (package, about):
        folder.mkdir()
    (package / "__init__.py").write_text('"""Measure the mean of numbers."""\n')
    (package / "recipe.py").write_text(_RECIPE)
    header = "name,value,error,unit,labels,data,source\n"
    (package / "published.csv").write_text(header + "error of the mean,0.1,,,method=mean,numbers,made up\n")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-mean\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[femtobarn.systems]\noutside-mean = outside_mean\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "outside_mean"]:
        del sys.modules[name]


def test_every_verb_knows_a_system_of_another_package(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["list"]) == 0
    assert "outside-mean" in capsys.readouterr().out
    assert execute(["show", "outside-mean"]) == 0
    shown = capsys.readouterr().out
    assert "Measure the mean of numbers." in shown
    assert "error of the mean 0.1" in shown
    assert execute(["run", "outside-mean", "tiny", "--out", str(installed / "runs")]) == 0
    (folder,) = (installed / "runs" / "outside-mean").iterdir()
    run = Run.open(folder)
    assert run.status == "done"
    assert run.data is not None
    assert (run.data.name, run.data.kind) == ("numbers", "stand-in")
    (result,) = run.results()
    assert (result.name, result.data, result.n) == ("error of the mean", "stand-in", 30)
    np.save(installed / "x.npy", np.arange(7.0))
    output = installed / "off.h5"
    assert execute(["predict", str(folder), str(installed / "x.npy"), "-o", str(output)]) == 0
    with h5py.File(output) as file:
        np.testing.assert_allclose(np.diff(file["off"][:]), 1)
    page = installed / "page.html"
    assert execute(["report", str(folder), "-o", str(page)]) == 0
    assert "error of the mean" in page.read_text()
