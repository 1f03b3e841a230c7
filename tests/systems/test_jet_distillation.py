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

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import top_tagging
from femtobarn.engine import Training
from femtobarn.runs import Run
from femtobarn.systems.jet_distillation import evaluation, model, recipe, sample, study
from femtobarn.systems.jet_distillation.frames import moving_frame
from femtobarn.systems.jet_distillation.toy import toy_jets

SYSTEM = recipes.all_systems()["jet-distillation"]
TINY = recipe.PRESETS["tiny"]
ALL = {"labels", "smoothed labels", "distilled from LorentzNet"}


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


def _file(path: Path, count: int, seed: int) -> Path:
    momentum, mask, is_signal = toy_jets(count, particles=30, generator=np.random.default_rng(seed))
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
    assert names >= {*evaluation.MERITS, "KL from the main teacher", "invariance score", "weights"}
    assert names >= {"gain of AUC", "gain of accuracy", "multiply-adds of a jet", "latency of one jet, torch"}
    divergence = {
        tuple(r.labels.values()): r.value for r in finished.results() if r.name == "KL from the main teacher"
    }
    assert divergence["LorentzNet", "teacher", "all"] == pytest.approx(0, abs=1e-9)
    assert {f.name for f in finished.figures()} == {"roc", "boosts", "mass", "training"}
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
    teacher = study.load_part(finished.folder / "work" / study.Part("lorentznet", "teacher", 1).name).model
    jets = sample.load_split(TINY.data, seed=TINY.seed, workers=1, progress=False).test
    at_rest = study.logits(teacher, jets)
    with_beams, particles_alone = (
        (study.logits(teacher, jets, frame=moving_frame(0.6, "x", beams=beams)) - at_rest).abs().max()
        for beams in (True, False)
    )
    assert with_beams < 1e-4 * at_rest.abs().max()
    assert particles_alone > 100 * with_beams


def test_the_same_seed_gives_the_same_weights(finished: Run, tmp_path: Path) -> None:
    split = sample.load_split(TINY.data, seed=TINY.seed, workers=1, progress=False)
    for part in (
        study.Part("lorentznet", "teacher", 1),
        study.Part("mlp", "distilled", 1, teacher="lorentznet"),
        study.Part("deepset", "labels", 1, boosted=True),
    ):
        study.train_part(part, split.train, split.validation, study=TINY.study, work=tmp_path)
        again, before = (study.load_part(work / part.name) for work in (tmp_path, finished.folder / "work"))
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
    folder = finished.folder / "work" / "lorentznet-teacher-seed1"
    split = sample.load_split(TINY.data, seed=TINY.seed, workers=1, progress=False)
    stored = torch.load(folder / "logits.pt", weights_only=True)["logits"]
    torch.testing.assert_close(study.logits(study.load_part(folder).model, split.train), stored)
    assert stored.dtype == torch.float32


def test_parts_ask_for_what_they_are_named_after() -> None:
    parts = TINY.study.learning()
    assert len({part.name for part in (*parts, *TINY.study.teaching())}) == len(parts) + 3
    teachers = {part.name for part in TINY.study.teaching()}
    for part in parts:
        if part.teacher:
            assert f"{part.its_teacher}-seed1" in teachers
        aim = study.objective(part, TINY.study)
        assert (aim.weight > 0) == (part.method == "distilled")
        assert (aim.smoothing > 0) == (part.method == "smoothed")
        assert (aim.boost > 0) == part.boosted
        if part.labels and part.teacher:
            assert aim.weight == 1.0, "distilled on jets whose labels nobody knows"


def test_predict_writes_a_score_for_every_jet(finished: Run, tmp_path: Path) -> None:
    files = [_file(tmp_path / "a.h5", 70, 1), _file(tmp_path / "b.h5", 30, 2)]
    output = recipe.predict(finished, files, tmp_path / "out.h5", progress=False)
    with h5py.File(output) as file:
        score, index, row = (file[name][:] for name in ("score", "file", "row"))
        name = file.attrs["model"]
    np.testing.assert_array_equal(index, np.repeat([0, 1], [70, 30]))
    np.testing.assert_array_equal(row, [*range(70), *range(30)])
    trained = study.load_part(finished.folder / "work" / name)
    assert not trained.part.is_teacher
    jets = sample.read_sample(files[1], TINY.data.particles, 30)
    logits = study.logits(trained.model, jets)
    np.testing.assert_allclose(score[70:], logits[:, 1] - logits[:, 0], rtol=1e-5, atol=1e-5)
    assert {p.name for p in tmp_path.iterdir()} == {"a.h5", "b.h5", "out.h5"}


def test_the_mlp_comes_out_as_plain_layers(finished: Run) -> None:
    name = "mlp-distilled-lorentznet-seed1"
    plain, tagger = study.deployable(finished, name), study.choose(finished, name).model
    assert isinstance(tagger, model.MlpTagger)
    columns = study.table(sample.load_split(TINY.data, seed=1, workers=1, progress=False).test)
    jets = columns["momentum"], columns["mass"], columns["mask"]
    torch.testing.assert_close(plain(tagger.row(*jets)), tagger(*jets), rtol=1e-4, atol=1e-4)
    with pytest.raises(recipe.InputError, match="no MLP"):
        study.deployable(finished, "deepset-labels-seed1")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:200]), "damaged"),
        (lambda p: p.unlink(), "no trained model|no checkpoint"),
        (lambda p: torch.save({"other": torch.ones(3)}, p), "does not hold a tagger"),
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
    with pytest.raises(recipe.InputError, match="three files"):
        sample.Data(files=(Path("train.h5"),))
    with pytest.raises(recipe.InputError, match="speeds"):
        evaluation.Evaluation(speeds=(0.1, 0.2))
    with pytest.raises(recipe.InputError, match="labelled jets"):
        study.Study(few=3)


def test_paper_preset_starts_on_the_published_files(tmp_path: Path) -> None:
    paper = recipe.PRESETS["paper"]
    assert [path.name for path in paper.data.files] == ["train.h5", "val.h5", "test.h5"]
    for seed, path in enumerate(paper.data.files):
        _file(tmp_path / path, 120, seed)
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


# What a teacher is good for, on toys: five students of each kind


@pytest.fixture(scope="module")
def lesson(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[evaluation.Outcome], dict[tuple[str, str], evaluation.Comparison]]:
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
            lorentznet=study.LorentzNet(width=16, blocks=2, train=training),
            deepset=study.DeepSet(width=32, train=training),
            mlp=study.Mlp(particles=12, hidden=64, train=training),
        ),
        evaluation=evaluation.Evaluation(
            speeds=(0.0, 0.2, 0.4, 0.6, 0.8), boosted_jets=1000, bootstraps=20, calls=0
        ),
        workers=2,
    )
    run = recipes.start(SYSTEM, config, preset="demo", root=tmp_path_factory.mktemp("lesson"))
    split = recipe.load(config, run, progress=False)
    trained = recipe.train(config, split, run, progress=False)
    found = evaluation.outcomes(trained, split.test, config.evaluation)
    table = evaluation.comparisons(found, split.test, config.evaluation)
    few = {each.method + ", few": each for each in table if each.labelled != "all"}
    every = {(each.network, each.method): each for each in table if each.labelled == "all"}
    return found, every | {("Deep Set", name): each for name, each in few.items()}


def _divergence(found: list[evaluation.Outcome], network: str, method: str) -> float:
    chosen = [o.divergence for o in found if (o.part.network, o.part.method) == (network, method)
              and not o.part.labels and not o.part.boosted]  # fmt: skip
    assert len(chosen) == 5
    return float(np.mean(chosen))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("network", "title"), [("deepset", "Deep Set"), ("mlp", "MLP")])
def test_a_student_comes_closer_to_its_teacher_and_loses_nothing(lesson, network: str, title: str) -> None:
    found, table = lesson
    # Half was hoped for; measured on these toys: 0.49 for the Deep Set, 0.55 for the MLP.
    assert _divergence(found, network, "distilled") < 0.7 * _divergence(found, network, "labels")
    for name in ("accuracy", "AUC"):
        gain, error = table[title, "distilled from LorentzNet"].gain[name]
        assert gain > -2 * error


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_few_labels_are_worth_more_with_a_teacher(lesson) -> None:
    gain, error = lesson[1]["Deep Set", "distilled from LorentzNet, few"].gain["accuracy"]
    assert gain > 3 * error


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_boosted_lessons_make_students_flatter(lesson) -> None:
    scores = {
        boosted: np.mean([
            evaluation.invariance_score(o.boosted["particles"])
            for o in lesson[0]
            if (o.part.network, o.part.method, o.part.boosted, o.part.labels) == ("deepset", "distilled", boosted, 0)
        ])
        for boosted in (False, True)
    }  # fmt: skip
    # 0.05 was hoped for; measured on these toys: 0.049 with a scatter of 0.02 from seed to seed.
    assert scores[True] > scores[False] + 0.02
