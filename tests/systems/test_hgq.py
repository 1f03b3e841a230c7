"""The system end to end, through the functions a user calls."""

import itertools
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.datasets import jsc
from femtobarn.errors import InputError
from femtobarn.nn.quantised import exact_ebops
from femtobarn.physics.substructure import OBSERVABLES
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.systems.hgq import designs, evaluation, export, recipe, sample, study
from femtobarn.systems.hgq.study import Point

SYSTEM = recipes.all_systems()["hgq"]
TINY = recipe.PRESETS["tiny"]


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


@pytest.fixture(scope="module")
def trained(finished: Run) -> study.Trained:
    return export.load_trained(finished)


@pytest.fixture(scope="module")
def split() -> sample.Split:
    return sample.load_split(TINY.data, seed=TINY.seed, workers=1, progress=False)


def _numbers(run: Run) -> dict[tuple[str, ...], float]:
    return {(r.name, *r.labels.values()): r.value for r in run.results()}


def test_tiny_ends_with_results_figures_and_a_report(finished: Run) -> None:
    assert finished.status == "done"
    numbers = _numbers(finished)
    assert numbers["front", "float", "accuracy"] > 0.6
    assert {name for name, *_ in numbers} >= {"front", "exported design"}
    for result in finished.results():
        assert result.data == "stand-in"
        assert result.split == "test"
        assert result.n == 1000
    assert {figure.name for figure in finished.figures()} == {"front", "bits", "sweep"}
    assert "at most" in (finished.folder / "report.html").read_text()


def test_numbers_of_a_fixed_seed_are_remembered(finished: Run) -> None:
    """A change in a shared part that moves the system is to be seen, and explained in its commit."""
    stored = json.loads((Path(__file__).parent / "hgq_tiny.json").read_text())
    values = {
        r.labels["network"]: r.value
        for r in finished.results()
        if r.name == "front" and r.labels["quantity"] == "accuracy"
    }
    assert values == pytest.approx(stored, abs=0.02)


def test_the_sweep_leaves_a_front(trained: study.Trained) -> None:
    points = [point for point in trained.points if point.part.method == "trained bits"]
    assert len(points) >= 8
    assert points[-1].ebops > 5 * points[0].ebops
    for cheap, dear in itertools.pairwise(points):
        assert cheap.ebops < dear.ebops
        assert cheap.validation < dear.validation


def test_each_point_is_its_integer_model(trained: study.Trained, split: sample.Split) -> None:
    x = split.test.x.double()
    for point in trained.points[::3]:
        net, integers = trained.net(point), trained.integers(point)
        with torch.no_grad():
            np.testing.assert_array_equal(integers(x.numpy()), net.double()(x).numpy())
        assert exact_ebops(net) == point.ebops


def test_points_are_chosen_by_validation_alone(trained: study.Trained, split: sample.Split) -> None:
    """With all test labels wrong the same points are chosen, and the numbers quoted collapse."""
    wrong = split._replace(test=split.test._replace(y=(split.test.y + 1) % 5))
    honest, spoilt = evaluation.Tests(trained, split), evaluation.Tests(trained, wrong)
    rows, others = evaluation.front(trained, honest), evaluation.front(trained, spoilt)
    assert [(row.name, row.ebops) for row in rows] == [(row.name, row.ebops) for row in others]
    assert all(other.quality[0] < row.quality[0] - 0.1 for row, other in zip(rows, others, strict=True))


def test_designs_are_the_cheapest_near_floating_point(trained: study.Trained) -> None:
    best = trained.floats[1][1]
    for design in designs.designs(trained, seeds=1):
        rivals = [p for p in trained.points if p.part.method == design.method]
        assert design.point.validation >= best - design.within
        assert not any(p.ebops < design.point.ebops and p.validation >= best - design.within for p in rivals)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_the_verilog_in_the_run_is_bit_exact(finished: Run) -> None:
    reports = [json.loads(path.read_text()) for path in finished.folder.glob("verilog/*/report.json")]
    assert reports
    for report in reports:
        assert report["verified"]
        assert report["mismatches"] == 0
        assert report["vectors"] == 100
    mismatches = [v for (_, *labels), v in _numbers(finished).items() if labels[0] == "mismatches"]
    assert mismatches
    assert not any(mismatches)


def test_missing_programs_are_said_and_do_not_fail(
    trained: study.Trained, split: sample.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    x = split.test.x[:20].double().numpy()
    settings = replace(TINY.hardware, synthesis=True)
    integers = trained.integers(trained.points[0])
    report = designs.write(integers, tmp_path / "v", vectors=x, test=x, settings=settings)
    assert report["mismatches"] is None
    assert report["luts"] is None
    assert not report["verified"]
    assert any("iverilog" in note for note in report["notes"])
    assert any("yosys" in note for note in report["notes"])
    chosen = designs.designs(trained, seeds=1)
    reports = {design.name: {**report, "overflows": {}} for design in chosen}
    tests = evaluation.Tests(trained, split)
    found = evaluation.results(
        trained, tests, evaluation.front(trained, tests), chosen, reports, data="stand-in"
    )
    quantities = {result.labels.get("quantity") for result in found}
    assert not quantities & {"mismatches", "LUT", "LUT (yosys)"}, "what was not checked is not in the results"


def test_without_alkaid_the_note_says_so(
    trained: study.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alkaid", "alkaid.cmvm"):
        monkeypatch.setitem(sys.modules, name, None)
    x = trained.vectors[:5].double().numpy()
    settings = replace(TINY.hardware, optimise=True)
    report = designs.write(
        trained.integers(trained.points[0]), tmp_path, vectors=x, test=x, settings=settings
    )
    assert list(report) == ["notes"]
    assert "alkaid" in report["notes"][0]


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_numbers(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of the sweep, with a checkpoint after every epoch."""
    from femtobarn.systems.hgq import training

    monkeypatch.setattr(training, "_SAVE", 0.0)
    run = recipes.start(SYSTEM, TINY, preset="tiny", root=tmp_path)
    original, calls = training.outputs, 0

    def stop(net: torch.nn.Module, events: sample.Events) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == TINY.train.float_epochs + 25:
            raise KeyboardInterrupt
        return original(net, events)

    monkeypatch.setattr(training, "outputs", stop)
    with pytest.raises(KeyboardInterrupt):
        recipes.carry_out(SYSTEM, run, progress=False)
    assert run.status == "interrupted"
    assert list(run.folder.glob("work/*/last.pt"))
    recipes.carry_out(SYSTEM, run, progress=False)
    assert _numbers(run) == _numbers(finished)
    assert not list(run.folder.glob("work/*/last.pt"))


def _jets(path: Path, features: np.ndarray, label: np.ndarray) -> Path:
    """The table layout of the published files."""
    names = [*OBSERVABLES, "pt", "eta", "mass", *jsc.CLASSES]
    names = list(dict.fromkeys([*names, "multiplicity"]))
    table = np.zeros(len(features), [(f"j_{name}", np.float32) for name in names])
    for name, column in zip(OBSERVABLES, features.T, strict=True):
        table[f"j_{name}"] = column
    for place, name in enumerate(jsc.CLASSES):
        table[f"j_{name}"] = label == place
    with h5py.File(path, "w") as file:
        file["t_allpar_new"] = table
    return path


def users_file(folder: Path) -> Path:
    """A file that a user might have, for the tests of every system."""
    return _jets(folder / "jets.h5", *sample.mixture(100, seed=9))


def test_predict_applies_the_integer_model(finished: Run, trained: study.Trained, tmp_path: Path) -> None:
    features, label = sample.mixture(300, seed=9)
    files = [
        _jets(tmp_path / "a.h5", features[:200], label[:200]),
        _jets(tmp_path / "b.h5", features[200:], label[200:]),
    ]
    point = trained.points[-1]
    output = recipe.predict(finished, files, tmp_path / "out.h5", model=point.name, progress=False)
    with h5py.File(output) as file:
        found = {name: file[name][:] for name in file}
        assert file.attrs["model"] == point.name
        assert file.attrs["overflows"] >= 0
    x = (features - trained.scale.mean.numpy()) / trained.scale.width.numpy()
    np.testing.assert_array_equal(found["output"], trained.integers(point)(x.astype(np.float64)))
    np.testing.assert_array_equal(found["label"], found["output"].argmax(axis=1))
    np.testing.assert_array_equal(found["file"], np.repeat([0, 1], [200, 100]))
    np.testing.assert_array_equal(found["row"], [*range(200), *range(100)])
    assert (found["label"] == label).mean() > 0.4
    default = recipe.predict(finished, files[:1], tmp_path / "default.h5", progress=False)
    with h5py.File(default) as file:
        assert str(file.attrs["model"]).startswith("trained-bits-seed1")
    with pytest.raises(InputError, match="did you mean"):
        recipe.predict(finished, files, output, model=f"{point.name}s", progress=False)


def test_export_writes_onnx_that_is_exact(finished: Run, trained: study.Trained, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    done = export.export(finished, tmp_path, to="onnx")
    assert done.mismatches == 0
    x = trained.vectors[:50].numpy()
    assert done.latency is not None
    (answer,) = runtime.InferenceSession(tmp_path / "network.onnx").run(None, {"event": x})
    point = study.find(trained.points, done.name)
    np.testing.assert_array_equal(answer, trained.integers(point)(x.astype(np.float64)))


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_export_writes_verilog_of_any_point(finished: Run, trained: study.Trained, tmp_path: Path) -> None:
    done = export.export(finished, tmp_path / "deep" / "v", to="verilog", model=trained.points[2].name)
    assert (done.folder / "femtobarn.v").is_file()
    assert (done.vectors, done.mismatches, done.name) == (100, 0, trained.points[2].name)
    page = (done.folder / "export.html").read_text()
    assert "bit for bit" in page
    assert trained.points[2].name in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_export_writes_an_hls4ml_project(finished: Run, tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    done = export.export(finished, tmp_path / "project", to="hls4ml")
    assert done.mismatches == 0
    assert list((tmp_path / "project").rglob("*.cpp"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "events", "epochs", "quality"),
    [("svhn", 600, 4, "accuracy"), ("muon", 6000, 15, "resolution [mrad]")],
)
def test_the_other_tasks_run_to_their_end(
    task: str, events: int, epochs: int, quality: str, tmp_path: Path
) -> None:
    """Their presets, shortened; the networks are too large here to be written as Verilog, which is said."""
    preset = recipe.PRESETS[task]
    config = replace(
        preset,
        data=replace(preset.data, events=events),
        study=replace(preset.study, uniform=(6,), after=(8,)),
        train=replace(
            preset.train, float_epochs=epochs, uniform_epochs=1, sweep_epochs=2, restart=2, batch=128, lr=3e-3
        ),
        hardware=replace(preset.hardware, largest=1),
        workers=1,
    )
    run = recipes.start(SYSTEM, config, preset=task, root=tmp_path)
    recipes.carry_out(SYSTEM, run, progress=False)
    assert run.status == "done"
    front = [r for r in run.results() if r.name == "front" and r.labels["quantity"] == quality]
    values = {r.labels["network"]: r.value for r in front}
    assert "float" in values
    for value in values.values():
        assert 0.05 < value < 0.9 if task == "svhn" else 0 < value < 30
    assert "the Verilog was not written" in (run.folder / "log.jsonl").read_text()


def test_mistakes_are_told_in_one_line(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean verilog"):
        export.export(finished, tmp_path, to="verilo")
    with pytest.raises(InputError, match="the run has no model"):
        export.export(finished, tmp_path, to="onnx", model="nothing")
    empty = recipes.start(SYSTEM, TINY, preset="tiny", root=tmp_path)
    with pytest.raises(InputError, match="holds no trained model"):
        recipe.predict(empty, [], tmp_path / "x.h5")
    config = recipes.preset(SYSTEM.recipe(), "tiny")
    for group, wrong, told in (
        ("data", {"engine": "mixture", "task": "svhn"}, "stands in for jets only"),
        ("data", {"test": 0.9}, "shares"),
        ("data", {"events": 10}, "at least 500"),
        ("study", {"uniform": (1,)}, "at least 2 bits"),
        ("study", {"within": (0.1, 0.05)}, "grow"),
        ("study", {"seeds": ()}, "one seed"),
        ("train", {"beta": (1e-3, 1e-6)}, "betas that grow"),
        ("train", {"batch": 0}, "batch must be at least 1"),
        ("hardware", {"vectors": 0}, "at least one vector"),
    ):
        with pytest.raises(InputError, match=told):
            replace(getattr(config, group), **wrong)
    with pytest.raises(InputError, match="workers must be at least 1"):
        replace(config, workers=0)
    assert from_dict(recipe.Config, finished.settings) == config


def test_choices_by_hand() -> None:
    part = study.Part("trained bits", 0, 1)
    points = [
        Point(part, "", 0, cost, quality) for cost, quality in ((10, 0.5), (30, 0.7), (20, 0.6), (90, 0.8))
    ]
    assert study.cheapest(points, at_least=0.55) == points[2]
    assert study.cheapest(points, at_least=0.9) is None
    assert study.best_within(points, 29) == points[2]
    assert study.best_within(points, 9) is None


def test_errors_join_sample_and_seeds() -> None:
    value, error = evaluation.joined([(0.80, 0.03), (0.82, 0.03), (0.84, 0.03)])
    assert value == pytest.approx(0.82)
    assert error == pytest.approx(np.hypot(0.03, 0.02))
    assert evaluation.joined([(0.8, 0.01)]) == (0.8, 0.01)
