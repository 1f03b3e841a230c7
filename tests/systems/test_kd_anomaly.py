"""Teachers and students: sizes, ways of teaching, fixed point, and what the run finds."""

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import calo_regions, mnist
from femtobarn.errors import InputError
from femtobarn.nn.distilled import Committee
from femtobarn.nn.quantised import BitTrue
from femtobarn.runs import Run
from femtobarn.systems.kd_anomaly import data, judge, recipe, study
from femtobarn.systems.kd_anomaly.data import Data
from femtobarn.systems.kd_anomaly.study import MODELS, Part

SYSTEM = recipes.all_systems()["kd-anomaly"]
TINY = recipe.PRESETS["tiny"]
TinyRun = Callable[[str], Run]


def users_file(folder: Path) -> Path:
    """Regions in the published layout."""
    path = folder / "regions.h5"
    calo_regions.write_regions(path, np.random.default_rng(5).poisson(3, (12, 18, 14)))
    return path


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("kd-anomaly")


def _loaded() -> data.Problems:
    return data.load(TINY.data, seed=1, workers=1, progress=False)


def test_every_score_stands_beside_the_trivial_ones(finished: Run) -> None:
    aucs = {(r.labels["score"], r.labels["taught"]) for r in finished.results() if r.name == "AUC"}
    assert aucs >= {
        ("sum of the inputs", ""), ("PCA residual (20)", ""), ("isolation forest", ""), ("teacher", ""),
        ("supervised trees (top pairs)", "labels"), ("student v1", "baseline"), ("student v2", "late exposure"),
        ("student v1", "published bits"), ("student v3", "trained bits (beta 0.001)"),
    }  # fmt: skip
    gains = [r for r in finished.results() if r.name == "gain in AUC"]
    trivial = {
        "sum of the inputs",
        "largest input",
        "PCA residual (20)",
        "Mahalanobis distance",
        "isolation forest",
    }
    assert {r.labels["over"] for r in gains} <= trivial
    assert all(r.error is not None or r.value == 0 for r in gains), "two perfect scores have no scatter"
    names = {figure.name for figure in finished.figures()}
    assert names >= {"roc-top-pairs", "rate", "training"}


def test_foreign_inputs_are_no_test_events_and_validation_has_its_own() -> None:
    problem = _loaded().by_name[data.ZERO_BIAS]
    shown, kept = np.split(problem.foreign, [int(0.8 * len(problem.foreign))])
    parts = {"train": problem.train, "validation": problem.validation, "test": problem.test, "foreign": shown}
    # Empty crossings, and those of a few counts, are alike.
    rows = {name: {x.tobytes() for x in part if x.sum() > 20} for name, part in parts.items()}
    assert all(rows.values())
    for one, other in itertools.combinations(rows.values(), 2):
        assert not one & other
    assert not rows["foreign"] & {x.tobytes() for x in kept if x.sum() > 20}


def test_no_signal_is_read_before_the_evaluation(tmp_path: Path) -> None:
    """Loading and training work with signal files that cannot be read."""
    regions = np.random.default_rng(1).poisson(2, (120, 18, 14))
    calo_regions.write_regions(tmp_path / "zb.h5", regions)
    settings = replace(TINY.data, files=(tmp_path / "zb.h5", tmp_path / "missing.h5"))
    problems = data.load(settings, seed=1, workers=1, progress=False)
    assert problems.provenance.kind == "real"
    assert problems.sizes["test"] == 48
    with pytest.raises(InputError, match=r"missing\.h5"):
        problems.signals(data.ZERO_BIAS)


def test_paper_reads_files_in_the_published_layout(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    for name, mean in (("ZeroBias", 2), ("SUEP", 3), ("TTbar", 4)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["CaloRegions"] = draw.poisson(mean, (120, 18, 14)).astype(np.float32)
            file["AcceptanceFlag"] = np.ones(120, bool)
    paper = recipe.PRESETS["paper"].data
    settings = replace(paper, files=tuple(tmp_path / path.name for path in paper.files))
    problems = data.load(settings, seed=1, workers=1, progress=False)
    signals = problems.signals(data.ZERO_BIAS)
    assert {name: len(x) for name, x in signals.items()} == {"SUEP": 120, "TTbar": 120}


def test_digits_are_normal_in_turn_and_the_others_are_to_be_found() -> None:
    pytest.importorskip("sklearn")
    settings = Data(task="images", digits=(0, 8), foreign=40)
    problems = data.load(settings, seed=1, workers=1, progress=False)
    assert set(problems.by_name) == {"digit 0", "digit 8"}
    problem = problems.by_name["digit 0"]
    (others,) = problems.signals("digit 0").values()
    assert len(others) == len(problem.test)
    normal = {x.tobytes() for part in (problem.train, problem.validation, problem.test) for x in part}
    assert not normal & {x.tobytes() for x in others}
    assert not normal & {x.tobytes() for x in problem.foreign}


def _batch(events: int = 16) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {
        name: torch.poisson(torch.full((events, 18, 14), 3.0), generator=draw) for name in ("x", "foreign")
    }


@pytest.mark.parametrize(
    ("mode", "teacher_learns"),
    [
        ("teacher", True),
        ("baseline", False),
        ("late exposure", False),
        ("co-learning", True),
        ("exposure", True),
        ("noise", True),
    ],
)
def test_who_learns_in_each_way_of_teaching(mode: str, teacher_learns: bool) -> None:
    part = Part("regions", data.ZERO_BIAS, mode, 1)
    model = study.build(part, replace(TINY.study, students=("v1",)), {})
    study.lesson(mode)(model, _batch()).backward()
    assert any(p.grad is not None and p.grad.any() for p in model.teacher.parameters()) is teacher_learns
    learned = [p.grad is not None and bool(p.grad.any()) for p in model.students.parameters()]
    assert any(learned) is (mode != "teacher")


def test_the_teacher_does_not_learn_from_foreign_inputs() -> None:
    grads = []
    for scale in (1.0, 7.0):
        model = study.build(Part("regions", data.ZERO_BIAS, "exposure", 1), TINY.study, {})
        batch = _batch()
        batch["foreign"] = batch["foreign"] * scale
        study.lesson("exposure")(model, batch).backward()
        grads.append([p.grad.clone() for p in model.teacher.parameters() if p.grad is not None])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_students_in_fixed_point_are_their_integers(finished: Run) -> None:
    test = torch.from_numpy(_loaded().by_name[data.ZERO_BIAS].test)
    seen = 0
    for folder in finished.trained():
        model = MODELS.load(folder).model
        assert isinstance(model, Committee)
        for student in model.students.values():
            if isinstance(student, BitTrue):
                seen += 1
                exact = student.net.double().eval()(test.double().unsqueeze(1)).detach().numpy()
                np.testing.assert_array_equal(student.integers(test.double().unsqueeze(1).numpy()), exact)
    assert seen == 3


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_the_verilog_of_the_run_was_simulated_without_a_mismatch(finished: Run) -> None:
    reports = [json.loads(path.read_text()) for path in finished.folder.glob("verilog/*/report.json")]
    assert len(reports) == 3
    assert {(r["mismatches"], r["vectors"]) for r in reports} == {(0, 20)}
    rows = {r.labels["quantity"] for r in finished.results() if r.name == "students in hardware"}
    assert rows >= {"EBOPs", "LUT (estimate)", "mismatches"}


def test_export_and_predict_by_command(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "zero-bias-late-exposure-seed1"
    folder = str(finished.folder)
    assert execute(["export", folder, "--model", name, "-o", str(tmp_path / "onnx")]) == 0
    assert capsys.readouterr().out.count("as onnx, 0 mismatches in 20 events") == 2
    assert "The output is the score" in (tmp_path / "onnx" / "v1" / "export.html").read_text()
    assert execute(["export", folder, "--model", name, "--to", "verilog", "-o", str(tmp_path / "v")]) == 2
    assert "only onnx is possible" in capsys.readouterr().err
    output = tmp_path / "scores.h5"
    arguments = ["predict", folder, str(users_file(tmp_path)), "-o", str(output), "--model", name]
    assert execute(arguments) == 0
    with h5py.File(output) as file:
        assert set(file) == {"file", "row", "teacher", "v1", "v2"}
        assert np.isfinite(file["teacher"][:]).all()


def test_unfit_settings_are_refused() -> None:
    for make, words in (
        (
            lambda: replace(TINY, study=replace(TINY.study, students=("A",), betas=())),
            "regions have the students v1, v2",
        ),
        (lambda: study.Study(betas=(1.0,), students=("v2",)), "the student v1"),
        (lambda: Data(validation=0.7, test=0.4), "shares in"),
        (lambda: judge.Evaluation(fractions=()), "shares in"),
    ):
        with pytest.raises(InputError, match=words):
            make()


# Against the paper, on the published digits


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> dict[tuple[str, str], list[float]]:
    """AUCs of the ten thousand digits, by score and way of teaching; one for each digit and seed."""
    path = real_data / "mnist_t10k" / "t10k-images-idx3-ubyte.gz"
    images = recipe.PRESETS["images"]
    config = replace(
        images,
        data=replace(images.data, files=(path,), test=0.2),
        evaluation=replace(images.evaluation, fractions=(0.1,), calls=0),
    )
    run = recipes.start(SYSTEM, config, preset="images", root=tmp_path_factory.mktemp("runs"))
    found: dict[tuple[str, str], list[float]] = {}
    for result in recipes.carry_out(SYSTEM, run, progress=False):
        if result.name == "AUC":
            found.setdefault((result.labels["score"], result.labels["taught"]), []).append(result.value)
        if result.name == "student and teacher" and result.labels["quantity"] == "distance of scores":
            key = (result.labels["score"] + " distance", result.labels["taught"])
            found.setdefault(key, []).append(result.value)
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_students_on_digits_come_in_the_published_order(lesson: dict[tuple[str, str], list[float]]) -> None:
    """Acceptance 4: the teacher finds other digits, the sum of the pixels does not; large students are better."""
    mean = {key: float(np.mean(values)) for key, values in lesson.items()}
    assert mean["teacher", ""] > 0.88
    assert mean["sum of the inputs", ""] < 0.6
    assert mean["student A", "baseline"] > mean["student D", "baseline"] > mean["student G", "baseline"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_foreign_images_help_the_students(lesson: dict[tuple[str, str], list[float]]) -> None:
    """Acceptance 5: the mean area rises, the scores come closer to the teacher's in most cases."""
    for name in ("A", "D", "G"):
        shown, plain = (np.mean(lesson[f"student {name}", mode]) for mode in ("exposure", "baseline"))
        assert shown > plain
    pairs = [
        (one, other)
        for name in ("A", "D", "G")
        for one, other in zip(
            lesson[f"student {name} distance", "exposure"], lesson[f"student {name} distance", "baseline"],
            strict=True,
        )
    ]  # fmt: skip
    assert sum(one < other for one, other in pairs) > len(pairs) / 2  # 7 of 9 were asked, see the README


def test_images_can_be_predicted(tmp_path: Path) -> None:
    """The names of IDX files lead to their labels; a committee of images scores each."""
    images = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    mnist.write_idx(tmp_path / "u-images-idx3-ubyte", images)
    mnist.write_idx(tmp_path / "u-labels-idx1-ubyte", np.zeros(5, np.uint8))
    model = study.build(
        Part("images", "digit 0", "baseline", 1), replace(TINY.study, students=("G",), betas=()), {}
    )
    x = torch.from_numpy((images / 255).astype(np.float32))
    assert model.eval().scores("G", x).shape == (5,)
    assert (model.scores("teacher", x) > 0).all()
