"""The system end to end, through the functions a user calls."""

import itertools
import json
import math
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.datasets import jsc, muon_tgc, svhn
from femtobarn.engine import fit_front
from femtobarn.errors import InputError
from femtobarn.hardware.network_export import Exported
from femtobarn.nn.quantised import ebops, exact_ebops
from femtobarn.physics.substructure import OBSERVABLES
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.study import Split, Trained, over_seeds
from femtobarn.systems.hgq import hardware, judge, points, recipe, sample, tasks
from femtobarn.systems.hgq.points import MODELS, Networks, Point
from femtobarn.systems.hgq.sample import Events
from femtobarn.systems.hgq.study import Config, Part, Training

SYSTEM = recipes.all_systems()["hgq"]
TINY = recipe.PRESETS["tiny"]
IDENTITY = sample.Scale(torch.tensor(0.0), torch.tensor(1.0))


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


@pytest.fixture(scope="module")
def networks(finished: Run) -> Networks:
    return Networks.of(finished)


@pytest.fixture(scope="module")
def split() -> Split[Events]:
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


def test_the_sweep_leaves_a_front(networks: Networks) -> None:
    points = [point for point in networks.points if point.part.method == "trained bits"]
    assert len(points) >= 8
    assert points[-1].ebops > 5 * points[0].ebops
    for cheap, dear in itertools.pairwise(points):
        assert cheap.ebops < dear.ebops
        assert cheap.validation < dear.validation


def test_each_point_is_its_integer_model(networks: Networks, split: Split[Events]) -> None:
    x = split.test.x.double()
    for point in networks.points[::3]:
        net, integers = networks.net(point), networks.integers(point)
        with torch.no_grad():
            np.testing.assert_array_equal(integers(x.numpy()), net.double()(x).numpy())
        assert exact_ebops(net) == point.ebops


def test_points_are_chosen_by_validation_alone(networks: Networks, split: Split[Events]) -> None:
    """With all test labels wrong the same points are chosen, and the numbers quoted collapse."""
    wrong = replace(split.test, y=(split.test.y + 1) % 5)
    rows, others = (
        judge.front(networks, judge.OnTest(networks, "jets", test)) for test in (split.test, wrong)
    )
    assert [(row.name, row.ebops) for row in rows] == [(row.name, row.ebops) for row in others]
    for row, other in zip(rows, others, strict=True):
        assert over_seeds(other.quality)[0] < over_seeds(row.quality)[0] - 0.1


def test_designs_are_the_cheapest_near_floating_point(networks: Networks) -> None:
    best = -networks.floats[1].validation
    for chosen in hardware.chosen(networks, TINY.study):
        rivals = [p for p in networks.points if p.part.method == chosen.point.part.method]
        assert chosen.point.validation >= best - chosen.within
        assert not any(p.ebops < chosen.point.ebops and p.validation >= best - chosen.within for p in rivals)


@pytest.fixture(scope="module")
def two_seeds(networks: Networks) -> Networks:
    """The networks of the run, and the same once more as those of a second seed."""
    other = [
        Trained(part._replace(seed=2), each.model, each.history, each.validation, each.kept)
        for part, each in networks.parts.items()
    ]
    return Networks([*networks.parts.values(), *other])


def test_look_up_tables_are_counted_for_every_seed(two_seeds: Networks) -> None:
    first = TINY.study.within[0]
    near = [each.point.part for each in hardware.chosen(two_seeds, TINY.study) if each.within == first]
    assert near
    for method in {part.method for part in near}:
        assert sorted(part.seed for part in near if part.method == method) == [1, 2]


def test_a_saving_is_the_mean_over_the_seeds_of_one_seed_s_costs(
    two_seeds: Networks, split: Split[Events]
) -> None:
    """A saving is a gain, with the standard error of its mean; a cost has the spread over the seeds."""
    chosen = hardware.chosen(two_seeds, TINY.study)
    luts = {each.point.name: 100.0 for each in chosen}
    luts |= {name: 300.0 for name in luts if name.startswith("uniform") and "seed1" in name}
    reports = {name: {"luts": count} for name, count in luts.items()}
    on_test = judge.OnTest(two_seeds, "jets", split.test)
    found = judge.results(
        two_seeds, on_test, judge.front(two_seeds, on_test), chosen, reports, within=TINY.study.within[0]
    )
    (saving,) = (r for r in found if r.labels == {"baseline": "uniform bits", "quantity": "LUT"})
    (cost,) = (r for r in found if r.labels == {"method": "uniform bits", "quantity": "LUT"})
    assert (saving.value, saving.error) == pytest.approx((2, 1))
    assert (cost.value, cost.error) == pytest.approx((200, 100 * np.sqrt(2)))
    assert saving.error_kind == "standard error over 2 seeds"
    assert saving.seeds == cost.seeds == (1, 2)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_the_verilog_in_the_run_is_bit_exact(finished: Run) -> None:
    reports = [json.loads(path.read_text()) for path in finished.folder.glob("verilog/*/report.json")]
    assert reports
    for report in reports:
        assert report["verified"]
        assert report["mismatches"] == 0
        assert report["vectors"] == 100
    mismatches = [v for (_, *labels), v in _numbers(finished).items() if "mismatches" in labels]
    assert mismatches
    assert not any(mismatches)


def test_what_was_not_checked_is_not_in_the_results(networks: Networks, split: Split[Events]) -> None:
    chosen = hardware.chosen(networks, TINY.study)
    unchecked = {"ebops": 1, "mismatches": None, "luts": None, "vectors": 0, "overflows": {}}
    reports = {each.point.name: unchecked for each in chosen}
    on_test = judge.OnTest(networks, "jets", split.test)
    entries = judge.front(networks, on_test)
    found = judge.results(networks, on_test, entries, chosen, reports, within=TINY.study.within[0])
    quantities = {result.labels.get("quantity") for result in found}
    assert "accuracy" in quantities
    assert not quantities & {"mismatches", "LUT", "LUT (yosys)"}


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_numbers(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of the sweep, with a checkpoint after every epoch."""
    monkeypatch.setattr(sys.modules[fit_front.__module__], "_SAVE", 0.0)
    run = recipes.start(SYSTEM, TINY, preset="tiny", root=tmp_path)
    original, calls = tasks.outputs, 0

    def stop(net: torch.nn.Module, events: Events) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == TINY.train.float_epochs + 25:
            raise KeyboardInterrupt
        return original(net, events)

    monkeypatch.setattr(tasks, "outputs", stop)
    with pytest.raises(KeyboardInterrupt):
        recipes.carry_out(SYSTEM, run, progress=False)
    assert run.status == "interrupted"
    assert list(run.folder.glob("work/*/last.ckpt"))
    recipes.carry_out(SYSTEM, run, progress=False)
    assert _numbers(run) == _numbers(finished)
    assert not list(run.folder.glob("work/*/last.ckpt"))


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


def test_predict_applies_the_integer_model(finished: Run, networks: Networks, tmp_path: Path) -> None:
    features, label = sample.mixture(300, seed=9)
    files = [
        _jets(tmp_path / "a.h5", features[:200], label[:200]),
        _jets(tmp_path / "b.h5", features[200:], label[200:]),
    ]
    point = networks.points[-1]
    output = recipe.predict(finished, files, tmp_path / "out.h5", model=point.name, progress=False)
    with h5py.File(output) as file:
        found = {name: file[name][:] for name in file}
        assert file.attrs["model"] == point.name
        assert file.attrs["overflows"] >= 0
    x = (features - networks.scale.mean.numpy()) / networks.scale.width.numpy()
    np.testing.assert_array_equal(found["output"], networks.integers(point)(x.astype(np.float64)))
    np.testing.assert_array_equal(found["label"], found["output"].argmax(axis=1))
    np.testing.assert_array_equal(found["file"], np.repeat([0, 1], [200, 100]))
    np.testing.assert_array_equal(found["row"], [*range(200), *range(100)])
    assert (found["label"] == label).mean() > 0.4
    default = recipe.predict(finished, files[:1], tmp_path / "default.h5", progress=False)
    with h5py.File(default) as file:
        assert str(file.attrs["model"]).startswith("trained-bits-seed1")
    with pytest.raises(InputError, match="did you mean"):
        recipe.predict(finished, files, output, model=f"{point.name}s", progress=False)


def _exported(run: Run, folder: Path, *, to: str, model: str | None = None) -> Exported:
    test = recipe.load(TINY, progress=False).test
    return hardware.export(run, test, folder, to=to, config=TINY, model=model)


def test_export_writes_onnx_that_is_exact(
    finished: Run, networks: Networks, split: Split[Events], tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    done = _exported(finished, tmp_path, to="onnx")
    assert done.mismatches == 0
    x = split.test.x[:50].numpy()
    assert done.latency is not None
    (answer,) = runtime.InferenceSession(tmp_path / "network.onnx").run(None, {"event": x})
    point = networks.choose(done.name, within=())
    np.testing.assert_array_equal(answer, networks.integers(point)(x.astype(np.float64)))


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_export_writes_verilog_of_any_point(finished: Run, networks: Networks, tmp_path: Path) -> None:
    done = _exported(finished, tmp_path / "deep" / "v", to="verilog", model=networks.points[2].name)
    assert (done.folder / "femtobarn.v").is_file()
    assert (done.vectors, done.mismatches, done.name) == (100, 0, networks.points[2].name)
    page = (done.folder / "export.html").read_text()
    assert "bit for bit" in page
    assert networks.points[2].name in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_export_writes_an_hls4ml_project(finished: Run, tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    done = _exported(finished, tmp_path / "project", to="hls4ml")
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
        recipe.export(finished, tmp_path, to="verilo")
    with pytest.raises(InputError, match="the run has no model"):
        recipe.export(finished, tmp_path, to="onnx", model="nothing")
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
        ("hardware", {"vectors": 0}, "at least two vectors"),
    ):
        with pytest.raises(InputError, match=told):
            replace(getattr(config, group), **wrong)
    assert from_dict(recipe.Config, finished.settings) == config


@pytest.mark.parametrize("preset", ["demo", "svhn", "muon"])
def test_a_baseline_trains_as_long_as_the_method(preset: str) -> None:
    settings = recipe.PRESETS[preset].train
    ours, theirs = settings.course("trained bits"), settings.course("uniform bits")
    assert (theirs.epochs, theirs.batch, theirs.lr) == (ours.epochs, ours.batch, ours.lr)


def test_choices_by_hand() -> None:
    part = Part("trained bits", 0, 1)
    some = [Point(part, 0, cost, quality) for cost, quality in ((10, 0.5), (30, 0.7), (20, 0.6), (90, 0.8))]
    assert points.cheapest(some, at_least=0.55) == some[2]
    assert points.cheapest(some, at_least=0.9) is None
    assert points.best_within(some, 29) == some[2]
    assert points.best_within(some, 9) is None


def test_without_a_name_a_point_with_trained_bits_is_chosen(networks: Networks) -> None:
    near = networks.choose(None, within=TINY.study.within)
    assert near == networks.near_float("trained bits", 1, within=TINY.study.within[0])
    assert networks.choose(None, within=(0.0,)).part.method == "trained bits"
    only_float = Networks([networks.floats[1]])
    with pytest.raises(InputError, match="finish it with femtobarn run --resume"):
        only_float.choose(None, within=TINY.study.within)


@pytest.fixture(scope="module")
def muons() -> Split[Events]:
    return sample.load_split(sample.Data(task="muon", events=6000), seed=1, workers=1, progress=False)


def test_masks_join_strips_that_a_track_can_join() -> None:
    hits = muon_tgc.stand_in(20_000, seed=1).read(("hits",), 0, 20_000)["hits"]
    masks = tasks.masks("muon", Events(torch.from_numpy(hits), torch.zeros(len(hits)), IDENTITY))
    rise = np.arange(50)[None] - np.arange(50)[:, None]  # from a strip of the first station outwards
    fired = [hits[:, layers].any(axis=1) for layers in (slice(0, 3), slice(3, 5), slice(5, 7))]
    for name, other, depth in (("link2", 1, 39), ("link3", 2, 79)):
        mask = masks[name].numpy()
        np.testing.assert_array_equal(mask, np.corrcoef(fired[0].T, fired[other].T)[:50, 50:] > 0.01)
        low, high = np.tan(0.029) * depth, np.tan(0.429) * depth
        assert mask[(rise < low - 4) | (rise > high + 4)].mean() < 0.15
        assert mask[(rise > low) & (rise < high)].mean() > 0.4


def _muon_training(**settings: Any) -> Config:
    return replace(recipe.PRESETS["muon"], train=Training(**settings))


def _trained(config: Config, data: Split[Events], folder: Path, part: Part) -> Trained[Part]:
    found = points.train_one(config, data, folder, part, lambda *_: None)
    MODELS.save(found, config, folder / part.name)
    return found


def test_masked_weights_stay_zero_and_cost_nothing(muons: Split[Events], tmp_path: Path) -> None:
    config = _muon_training(float_epochs=1, sweep_epochs=1, restart=1, batch=256)
    net = _trained(config, muons, tmp_path, Part("float", 0, 1)).model
    quantised = _trained(config, muons, tmp_path, Part("trained bits", 0, 1)).model
    for name, mask in tasks.masks("muon", muons.train).items():
        assert not net.get_submodule(name).weight[~mask].any()
        weights = quantised.get_submodule(name).weights
        assert not weights.weight[~mask].any()
        assert weights.weight[mask].abs().sum() > 0
        with torch.no_grad():
            quantised(muons.train.x[:2])  # EBOPs are those of the last call
            ebops(quantised)
        assert not weights.kernel_quantiser.bits()[~mask].any()


def test_the_muon_net_learns_the_angle(muons: Split[Events], tmp_path: Path) -> None:
    config = _muon_training(float_epochs=15, batch=128, lr=3e-3)
    found = _trained(config, muons, tmp_path, Part("float", 0, 1))
    guess = np.zeros((len(muons.validation), 1))
    assert tasks.quality("muon", guess, muons.validation)[0] == -math.inf
    assert 0 < found.validation < 20
    assert found.history[-1]["train"] < 0.5 * found.history[0]["train"]


def test_resolution_of_known_residuals() -> None:
    scale = sample.Scale(torch.tensor(0.0), torch.tensor(1.0), 200.0, 64.0)
    y = torch.linspace(-2, 2, 1000)
    shift = np.where(np.arange(1000) % 2, 3.0, -3.0) / 64
    shift[:10] = 40 / 64  # beyond 30 mrad: not counted
    value, error = tasks.quality("muon", (y.numpy() + shift)[:, None], Events(y[:, None], y, scale))
    assert value == pytest.approx(-3, rel=1e-4)
    assert error == pytest.approx(3 / math.sqrt(2 * 990), rel=1e-4)


def test_accuracy_of_known_outputs() -> None:
    y = torch.arange(100) % 5
    output = np.eye(5)[(y.numpy() + (np.arange(100) < 20)) % 5]
    assert tasks.quality("jets", output, Events(torch.zeros(100, 16), y, IDENTITY)) == (
        0.8,
        pytest.approx(0.04),
    )


@pytest.mark.parametrize("task", ["jets", "svhn", "muon"])
def test_no_event_stands_on_two_sides(task: sample.Task) -> None:
    engine = "mixture" if task == "jets" else "generated"
    data = sample.Data(task=task, engine=engine, events=900, test=0.3, validation=0.2)
    split = sample.load_split(data, seed=4, workers=1, progress=False)
    parts = [part.x.reshape(len(part.x), -1).numpy() for part in (split.train, split.validation, split.test)]
    assert [len(part) for part in parts] == [450, 180, 270]
    rows = {row.tobytes() for part in parts for row in part}
    assert len(rows) == 900
    if task == "jets":
        assert np.abs(parts[0].mean(axis=0)).max() < 1e-5
        assert parts[0].std(axis=0) == pytest.approx(np.ones(16), abs=1e-4)
    if task == "svhn":
        assert 0 <= parts[0].min() < parts[0].max() <= 1


def test_real_house_numbers_keep_their_own_test_file(tmp_path: Path) -> None:
    for name, seed, count in (("train_32x32.mat", 1, 300), ("test_32x32.mat", 2, 60)):
        arrays = svhn.stand_in(count, seed=seed).read(("image", "label"), 0, count)
        svhn.write_images(tmp_path / name, arrays["image"], arrays["label"])
    data = sample.Data(
        task="svhn",
        files=(tmp_path / "train_32x32.mat",),
        test_files=(tmp_path / "test_32x32.mat",),
        validation=0.2,
    )
    split = sample.load_split(data, seed=1, workers=1, progress=False)
    assert [len(part.x) for part in (split.train, split.validation, split.test)] == [240, 60, 60]
    np.testing.assert_array_equal(split.test.x.numpy() * 255, arrays["image"])
    np.testing.assert_array_equal(split.test.y, arrays["label"])
    # The names of the published files with other numbers of images do not make them published.
    assert (split.provenance.kind, split.provenance.name) == ("real", "own svhn")
    assert len(split.provenance.files) == 2


def test_real_muon_tracks(tmp_path: Path) -> None:
    arrays = muon_tgc.stand_in(600, seed=1).read(("hits", "angle"), 0, 600)
    muon_tgc.write_tracks(tmp_path / "tgc.h5", arrays["hits"], arrays["angle"])
    data = sample.Data(task="muon", files=(tmp_path / "tgc.h5",), events=500)
    split = sample.load_split(data, seed=1, workers=1, progress=False)
    assert sum(len(part.x) for part in (split.train, split.validation, split.test)) == 500
    angles = np.concatenate([p.y for p in (split.train, split.validation, split.test)])
    np.testing.assert_allclose(
        np.sort(split.test.scale.offset + split.test.scale.unit * angles),
        np.sort(arrays["angle"][:500]),
        atol=1e-3,
    )
    assert split.provenance.name == "own muon"
    (tmp_path / "tgc.h5").rename(tmp_path / muon_tgc.FILE)
    data = sample.Data(task="muon", files=(tmp_path / muon_tgc.FILE,))
    assert sample.load_split(data, seed=1, workers=1, progress=False).provenance.name == "fake TGC"
    with pytest.raises(InputError, match="one file"):
        sample.open_files("muon", [tmp_path / "tgc.h5"] * 2)
