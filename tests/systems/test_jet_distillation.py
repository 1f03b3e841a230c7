"""The system end to end, through the functions and commands a user calls; does a student gain by its teacher?"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import top_tagging
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.jet_taggers import (
    BitTagger,
    DeepSetTagger,
    LorentzTagger,
    MlpTagger,
    logits,
    moving_frame,
    score,
)
from femtobarn.nn.quantised import exact_ebops
from femtobarn.runs import Result, Run
from femtobarn.simulate.toy_prongs import toy_prongs
from femtobarn.study import Trained, draws_of_classes, gain, over_seeds
from femtobarn.systems.jet_distillation import chip, judge, recipe, sample, study
from femtobarn.systems.jet_distillation.networks import DeepSet, LorentzNet, Mlp, TrainedBits
from femtobarn.systems.jet_distillation.objectives import Objective
from femtobarn.systems.jet_distillation.study import MODELS, Part

SYSTEM = recipes.all_systems()["jet-distillation"]
TINY = recipe.PRESETS["tiny"]
ALL = {"labels", "smoothed labels", "distilled from LorentzNet"}


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


def _file(path: Path, count: int, seed: int) -> Path:
    momentum, mask, is_signal = toy_prongs(count, particles=30, generator=np.random.default_rng(seed))
    top_tagging.write_jets(path, momentum, mask, is_signal)
    return path


def users_file(folder: Path) -> Path:
    """A file that a user might have, for the tests of every system."""
    return _file(folder / "jets.h5", 50, 1)


def test_tiny_ends_with_results_figures_and_a_report(finished: Run) -> None:
    assert finished.status == "done"
    accuracies = [r for r in finished.results() if r.name == "accuracy"]
    named = {(r.labels["network"], r.labels["method"], r.labels["labelled jets"]) for r in accuracies}
    assert named >= {(name, method, "all") for name in ("Deep Set", "MLP") for method in ALL}
    assert ("LorentzNet", "teacher", "100") in named
    assert ("Deep Set", "distilled from LorentzNet, boosted", "all") in named
    for result in accuracies:
        assert result.data == "stand-in"
        assert result.n == 400
        assert result.error is not None
        assert 0.01 < result.error < 0.1
        assert 0.4 < result.value < 0.9
    names = {r.name for r in finished.results()}
    assert names >= {*judge.MERITS, "KL from the main teacher", "invariance score", "weights"}
    assert names >= {"gain of AUC", "gain of accuracy", "multiply-adds of a jet", "latency of one jet, torch"}
    assert names >= {*judge.IN_MOTION, "gain of accuracy in a moving frame", "gain of invariance score"}
    divergence = {
        tuple(r.labels.values()): r.value for r in finished.results() if r.name == "KL from the main teacher"
    }
    assert divergence["LorentzNet", "teacher", "all"] == pytest.approx(0, abs=1e-9)
    assert {f.name for f in finished.figures()} == {"roc", "boosts", "boosts-rejection", "mass", "training"}
    assert "distilled from LorentzNet" in (finished.folder / "report.html").read_text()


def test_the_teacher_with_its_beams_does_not_see_the_frame(finished: Run) -> None:
    scores = {
        r.labels["boosted"]: r.value
        for r in finished.results()
        if r.name == "invariance score"
        and r.labels["network"] == "LorentzNet"
        and r.labels["labelled jets"] == "all"
    }
    assert scores["particles and beams"] == pytest.approx(1, abs=0.02)
    # A short training may leave every jet in the same class in every frame: what is sure is in the logits.
    teacher = MODELS.load(finished.folder / "work" / Part("lorentznet", "teacher", 1).name).model
    jets = recipe.load(TINY, progress=False).test.inputs
    at_rest = logits(teacher, *jets)
    with_beams, particles_alone = (
        (logits(teacher, *jets, frame=moving_frame(0.6, "x", beams=beams)) - at_rest).abs().max()
        for beams in (True, False)
    )
    assert with_beams < 1e-4 * at_rest.abs().max()
    assert particles_alone > 100 * with_beams


def test_errors_in_moving_frames_include_the_jets(finished: Run) -> None:
    """With one seed there is no scatter of trainings: what is left comes from the jets."""
    for result in finished.results():
        if "in a moving frame" in result.name or "invariance score" in result.name:
            assert result.n == 200
            if result.value == 1:  # the teacher that is told of the beams
                continue
            assert result.error_kind in ("test sample", "bootstrap over test jets")
            assert result.error is not None
    curve = {
        (r.labels["boosted"], r.labels["speed"]): r.value
        for r in finished.results()
        if r.name == "accuracy in a moving frame"
        and (r.labels["network"], r.labels["labelled jets"]) == ("LorentzNet", "all")
    }
    assert {speed for _, speed in curve} == {"0", "0.3", "0.6"}
    at_rest = curve["particles and beams", "0"]
    for speed in ("0.3", "0.6"):
        assert curve["particles and beams", speed] == pytest.approx(at_rest, abs=0.01)


def test_the_same_seed_gives_the_same_weights(finished: Run, tmp_path: Path) -> None:
    split = recipe.load(TINY, progress=False)
    teacher = Part("lorentznet", "teacher", 1)
    for part in (
        teacher,
        Part("mlp", "labels", 1).taught_by(teacher),
        Part("deepset", "labels", 1, boosted=True),
    ):
        again = study.train_one(TINY.study, TINY.hgq, split, tmp_path, part, lambda *_: None)
        MODELS.save(again, TINY.study.of(part), tmp_path / part.name)
        before = MODELS.load(finished.folder / "work" / part.name)
        for name, weight in again.model.state_dict().items():
            assert torch.equal(weight, before.model.state_dict()[name]), name
        assert again.history == before.history


def test_numbers_of_a_fixed_seed_are_remembered(finished: Run) -> None:
    """A change in a shared part that moves the system is to be seen, and explained in its commit."""
    stored = json.loads((Path(__file__).parent / "jet_distillation_tiny.json").read_text())
    values = {
        f"{r.labels['network']}, {r.labels['method']}, {r.labels['labelled jets']}": r.value
        for r in finished.results()
        if r.name == "AUC"
    }
    assert values == pytest.approx(stored, rel=2e-2)


def test_stored_logits_are_those_of_the_teacher(finished: Run) -> None:
    teacher = MODELS.load(finished.folder / "work" / "lorentznet-teacher-seed1")
    split, stored = recipe.load(TINY, progress=False), teacher.kept["logits"]
    torch.testing.assert_close(logits(teacher.model, *split.train.inputs), stored)
    assert stored.dtype == torch.float32


def test_parts_ask_for_what_they_are_named_after() -> None:
    parts = TINY.study.parts()
    assert len({part.name for part in parts}) == len(parts)
    teachers = {part for part in parts if part.is_teacher}
    assert len(teachers) == 3
    for part in parts:
        assert set(part.needs) <= teachers
        assert bool(part.needs) == bool(part.teacher)
        aim = TINY.study.objective(part)
        assert (aim.weight > 0) == (part.method == "distilled")
        assert (aim.smoothing > 0) == (part.method == "smoothed")
        assert (aim.boost > 0) == part.boosted
        if part.labelled and part.teacher:
            assert aim.weight == 1.0, "distilled on jets whose labels nobody knows"


def test_predict_writes_a_score_for_every_jet(finished: Run, tmp_path: Path) -> None:
    files = [_file(tmp_path / "a.h5", 70, 1), _file(tmp_path / "b.h5", 30, 2)]
    output = recipe.predict(finished, files, tmp_path / "out.h5", progress=False)
    with h5py.File(output) as file:
        scores, index, row = (file[name][:] for name in ("score", "file", "row"))
        name = file.attrs["model"]
    np.testing.assert_array_equal(index, np.repeat([0, 1], [70, 30]))
    np.testing.assert_array_equal(row, [*range(70), *range(30)])
    trained = MODELS.load(finished.folder / "work" / name)
    assert not trained.part.is_teacher
    jets = sample.read_sample(files[1], TINY.data.particles, 30)
    expected = score(logits(trained.model, *jets.inputs))
    np.testing.assert_allclose(scores[70:], expected, rtol=1e-5, atol=1e-5)
    assert {p.name for p in tmp_path.iterdir()} == {"a.h5", "b.h5", "out.h5"}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:200]), "damaged"),
        (lambda p: p.unlink(), "no trained model|no checkpoint"),
        (lambda p: torch.save({"other": torch.ones(3)}, p), "does not hold a model"),
    ],
    ids=["truncated", "missing", "foreign"],
)
def test_bad_checkpoint_is_one_line(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage, words: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished.folder, copy)
    for folder in copy.glob("work/*"):
        if folder.name != "mlp-labels-seed1":
            shutil.rmtree(folder)
    damage(copy / "work" / "mlp-labels-seed1" / "model.pt")
    path = _file(tmp_path / "a.h5", 3, 0)
    assert execute(["predict", str(copy), str(path), "-o", str(tmp_path / "o.h5")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert re.search(words, error[0])
    assert not (tmp_path / "o.h5").exists()


def test_predict_names_the_models_it_has(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path / "a.h5", 3, 0)
    assert execute(["predict", str(finished.folder), str(path), "--model", "mlp-labls-seed1"]) == 2
    assert "did you mean mlp-labels-seed1?" in capsys.readouterr().err


def test_settings_that_make_no_sense_are_told() -> None:
    with pytest.raises(InputError, match="three files"):
        sample.Data(files=(Path("train.h5"),))
    with pytest.raises(InputError, match="speeds"):
        judge.Evaluation(speeds=(0.1, 0.2))
    with pytest.raises(InputError, match="labelled jets"):
        study.Study(few=3)


def test_paper_preset_starts_on_the_published_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = recipe.PRESETS["paper"]
    assert [path.name for path in paper.data.files] == ["train.h5", "val.h5", "test.h5"]
    for seed, path in enumerate(paper.data.files):
        _file(tmp_path / path, 120, seed)
    files = [tmp_path / path for path in paper.data.files]
    assert not top_tagging.is_published(files), "names alone do not make a published file"
    monkeypatch.setattr(top_tagging, "PUBLISHED_JETS", dict.fromkeys(top_tagging.PUBLISHED_JETS, 120))
    tiny = replace(TINY.study, teachers=("lorentznet",), students=("deepset",), boost=0.0, few=0)
    config = replace(
        paper,
        data=replace(paper.data, files=tuple(tmp_path / path for path in paper.data.files)),
        study=tiny,
        evaluation=replace(TINY.evaluation, calls=0),
        workers=1,
    )
    run = recipes.start(SYSTEM, config, preset="paper", root=tmp_path / "runs")
    results = recipes.carry_out(SYSTEM, run, progress=False)
    assert {result.data for result in results} == {"real"}
    assert run.data is not None
    assert run.data.name == top_tagging.NAME
    assert len(run.data.files) == 3
    page = (run.folder / "report.html").read_text()
    assert "0.9316" in page, "the published number of the same data stands beside ours"


# The student for hardware: its bits trained by the loss that distilled it, written as Verilog, simulated

HGQ = replace(
    TINY,
    quantiser="hgq",
    study=replace(TINY.study, teachers=("lorentznet",), students=("mlp",), boost=0.0, few=0),
    evaluation=replace(TINY.evaluation, boosted_jets=50, speeds=(0.0,), bootstraps=2, calls=0),
    hgq=replace(TINY.hgq, betas=(1e-5, 1e-2), train=replace(TINY.hgq.train, epochs=8)),
)
icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")


@pytest.fixture(scope="module")
def in_hardware(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = recipes.start(SYSTEM, HGQ, preset="tiny", root=tmp_path_factory.mktemp("runs"))
    recipes.carry_out(SYSTEM, run, progress=False)
    return run


@pytest.fixture(scope="module")
def jets_to_test() -> sample.Sample:
    return recipe.load(HGQ, progress=False).test


def _students(run: Run) -> list[Trained[Part]]:
    return [MODELS.load(folder) for folder in sorted(run.folder.glob("work/chip-*beta*"))]


def test_results_before_and_after(in_hardware: Run) -> None:
    methods = {
        r.labels["method"]
        for r in in_hardware.results()
        if r.name == "AUC" and r.labels["network"] == "MLP for hardware"
    }
    assert methods >= {"labels", "distilled from LorentzNet"}
    assert methods >= {
        "labels, trained bits (beta 1e-05)",
        "distilled from LorentzNet, trained bits (beta 0.01)",
    }
    table: dict[str, set[str]] = {}
    for result in in_hardware.results():
        if result.name == chip.NAME:
            table.setdefault(result.labels["student"], set()).add(result.labels["quantity"])
    assert len(table) == 4
    for quantities in table.values():
        assert quantities >= {"AUC", "accuracy", "EBOPs", "LUT (estimate)", "numbers off their range"}
    assert "hardware" in {figure.name for figure in in_hardware.figures()}


def test_trainings_start_from_the_student_in_floating_point(
    in_hardware: Run, jets_to_test: sample.Sample
) -> None:
    """With many bits and without training the logits are those of the float student."""
    trained = MODELS.load(in_hardware.folder / "work" / "chip-distilled-lorentznet-seed1")
    assert isinstance(trained.model, MlpTagger)
    rows = torch.from_numpy(chip.inputs(jets_to_test, trained.model.particles)).float()
    bits = BitTagger(trained.model, rows, fraction=16, weight_fraction=16).eval()
    jets = jets_to_test.inputs
    torch.testing.assert_close(bits(*jets), trained.model(*jets), rtol=1e-2, atol=1e-2)


def test_a_higher_price_buys_a_cheaper_student(in_hardware: Run) -> None:
    for method in ("labels", "distilled"):
        mine = [each for each in _students(in_hardware) if each.part.method == method]
        dear, cheap = (exact_ebops(t.model.exact.net) for t in sorted(mine, key=lambda t: t.part.beta))  # type: ignore[union-attr, arg-type]
        assert cheap < 0.8 * dear


@icarus
def test_the_verilog_in_the_run_is_the_network(in_hardware: Run, jets_to_test: sample.Sample) -> None:
    reports = {path.parent.name: path for path in in_hardware.folder.glob("verilog/*/report.json")}
    assert len(reports) == 4
    for name, path in reports.items():
        report = json.loads(path.read_text())
        assert (report["mismatches"], report["vectors"]) == (0, 100)
        trained = MODELS.load(in_hardware.folder / "work" / name)
        stored = IntegerModel.load(path.parent / "model.npz")
        answer = stored(chip.inputs(jets_to_test, HGQ.study.chip.particles))
        np.testing.assert_array_equal(answer.astype(np.float32), logits(trained.model, *jets_to_test.inputs))


@icarus
def test_export_of_bits_and_of_a_network_in_floating_point(
    in_hardware: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(in_hardware.folder)
    assert execute(["export", folder, "--to", "verilog", "-o", str(tmp_path / "v")]) == 0
    assert "0 mismatches in 100 events" in capsys.readouterr().out
    page = (tmp_path / "v" / "export.html").read_text()
    assert "bit for bit" in page
    assert "MLP for hardware" in page
    name = "mlp-labels-seed1"
    assert execute(["export", folder, "--model", name, "-o", str(tmp_path / "o")]) == 0
    assert "mlp-labels-seed1 as onnx, 0 mismatches" in capsys.readouterr().out
    assert "the same numbers" in (tmp_path / "o" / "export.html").read_text()
    for other, words in ((name, "only onnx is possible"), ("lorentznet-teacher-seed1", "is no MLP")):
        arguments = ["export", folder, "--to", "verilog", "--model", other, "-o", str(tmp_path / "no")]
        assert execute(arguments) == 2
        assert words in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("beta", ["1e-05", "0.01"])
def test_export_as_an_hls4ml_project(
    in_hardware: Run, beta: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the high price a layer loses all its weights, and what follows is constant."""
    pytest.importorskip("hls4ml")
    arguments = ["--to", "hls4ml", "--model", f"chip-labels-seed1-beta{beta}", "-o", str(tmp_path)]
    assert execute(["export", str(in_hardware.folder), *arguments]) == 0
    assert "0 mismatches" in capsys.readouterr().out


def test_without_a_quantiser_nothing_changes() -> None:
    assert TINY.whole_study() == TINY.study
    assert HGQ.whole_study().students == ("mlp", "chip")
    with pytest.raises(InputError, match="betas above 0"):
        TrainedBits(betas=(0.0,))


def toys(count: int = 40, particles: int = 16) -> sample.Sample:
    columns = toy_prongs(count, particles=particles, generator=np.random.default_rng(0))
    return sample.from_arrays(dict(zip(("momentum", "mask", "is_signal"), columns, strict=True)), particles)


def used(net: nn.Module, *arguments: Tensor) -> nn.Module:
    """In evaluation, with batch norms that have seen these jets."""
    with torch.no_grad():
        for _ in range(20):
            net.train()(*arguments)
    return net.eval()


def test_objective_of_boosted_jets_keeps_the_target() -> None:
    """For LorentzNet the logits at rest are those in the moving frame, so they need no second computation."""
    arguments = toys().inputs
    torch.manual_seed(3)
    net = used(LorentzTagger(width=8, blocks=2, beams=False), *arguments).double()
    batch = {**toys().table, "teacher": net(*arguments).detach()}
    loss = Objective(weight=1.0, boost=0.9)(net, batch)
    assert float(loss.detach()) < 1e-12, (
        "a symmetric student that is its teacher has nothing to learn from boosts"
    )
    student = used(DeepSetTagger(width=8), *arguments)
    at_rest, moving = (Objective(weight=1.0, boost=b)(student, batch).detach() for b in (0.0, 0.9))
    assert float(at_rest) != pytest.approx(float(moving), rel=1e-3)


# What a teacher is good for, on toys: five students of each kind


LESSON = judge.Evaluation(speeds=(0.0, 0.2, 0.4, 0.6, 0.8), boosted_jets=4000, bootstraps=20, calls=0)


@pytest.fixture(scope="module")
def lesson(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[judge.Outcome], list[Result], sample.Sample]:
    training = Training(epochs=8, batch=100, lr=5e-3, weight_decay=0.01)
    config = replace(
        TINY,
        data=sample.Data(engine="toy", particles=12, train=2000, validation=500, test=4000),
        study=study.Study(
            teachers=("lorentznet",),
            students=("deepset", "mlp"),
            seeds=(1, 2, 3, 4, 5),
            smoothing=0.1,
            few=200,
            few_repeats=3,
            lorentznet=LorentzNet(width=16, blocks=2, train=training),
            deepset=DeepSet(width=32, train=training),
            mlp=Mlp(particles=12, hidden=64, train=training),
        ),
        evaluation=LESSON,
        workers=2,
    )
    run = recipes.start(SYSTEM, config, preset="demo", root=tmp_path_factory.mktemp("lesson"))
    split = recipe.load(config, progress=False)
    trained = recipe.train(config, split, run, progress=False)
    found = judge.outcomes(trained, split.test, config.evaluation)
    return found, judge.results(found, trained, split.test, config.evaluation), split.test


def _gain(
    table: list[Result], name: str, network: str, method: str, labelled: str = "all", **more: str
) -> tuple[float, float]:
    labels = {"network": network, "method": method, "relative to": "labels", "labelled jets": labelled} | more
    (found,) = (each for each in table if each.name == f"gain of {name}" and each.labels == labels)
    assert found.error is not None
    return found.value, found.error


def _divergence(found: list[judge.Outcome], network: str, method: str) -> float:
    chosen = [o.divergence for o in found if (o.part.network, o.part.method) == (network, method)
              and not o.part.labelled and not o.part.boosted]  # fmt: skip
    assert len(chosen) == 5
    return float(np.mean(chosen))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("network", ["deepset", "mlp"])
def test_a_student_is_closer_to_its_teacher_by_a_third(lesson, network: str) -> None:
    """The goal was by half: the README says that it is missed."""
    assert _divergence(lesson[0], network, "distilled") < 0.7 * _divergence(lesson[0], network, "labels")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("title", ["Deep Set", "MLP"])
def test_a_student_loses_nothing_by_its_teacher_at_rest_or_in_motion(lesson, title: str) -> None:
    table = lesson[1]
    for name in ("accuracy", "AUC"):
        value, error = _gain(table, name, title, "distilled from LorentzNet")
        assert value > -2 * error
    for speed in ("0", "0.2", "0.4"):
        value, error = _gain(
            table, "accuracy in a moving frame", title, "distilled from LorentzNet", speed=speed
        )
        assert value > -error


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_few_labels_are_worth_more_with_a_teacher(lesson) -> None:
    value, error = _gain(lesson[1], "accuracy", "Deep Set", "distilled from LorentzNet", "200")
    assert value > 3 * error


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_boosted_lessons_make_students_flatter(lesson) -> None:
    """By 0.02 in the invariance score and more; 0.05 was the goal, which these toys miss: the README says so."""
    distilled = {
        boosted: [
            each
            for each in lesson[0]
            if (each.part.network, each.part.method) == ("deepset", "distilled")
            and (each.part.boosted, each.part.labelled) == (boosted, 0)
        ]
        for boosted in (False, True)
    }
    is_top = judge.boosted_jets(lesson[2], LESSON).is_signal
    pairs, draws = (
        list(zip(distilled[True], distilled[False], strict=True)),
        draws_of_classes(is_top, count=20, seed=0),
    )
    flatter, error = over_seeds(gain(judge.invariance(is_top, "particles"), pairs, draws), of_mean=True)
    assert flatter > 0.02
    assert flatter > 2 * error
