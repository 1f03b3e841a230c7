"""The zoomed classifier against the exact minimum, other classifiers, and events of HIGGS."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.runs import Run
from femtobarn.simulate.diphotons import OBSERVABLES, diphotons
from femtobarn.systems.qaml_z import data, judge, recipe, study
from femtobarn.systems.qaml_z.data import DIPHOTONS, HIGGS, Data
from femtobarn.systems.qaml_z.judge import LOGISTIC, NETWORK, TREES
from femtobarn.systems.qaml_z.study import BINARY, EQUAL, EXACT, MODELS, ZOOMED, Study

pytest.importorskip("dwave.samplers")
SYSTEM = recipes.all_systems()["qaml-z"]
TINY = recipe.PRESETS["tiny"]
TinyRun = Callable[[str], Run]


def users_file(folder: Path) -> Path:
    """Photon pairs as CSV, the columns in another order."""
    path = folder / "pairs.csv"
    events = diphotons(9, signal=True, generator=np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(OBSERVABLES))
    lines = [",".join(OBSERVABLES[i] for i in order)]
    path.write_text("\n".join(lines + [",".join(map(repr, row[order].tolist())) for row in events]) + "\n")
    return path


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("qaml-z")


def test_every_classifier_has_an_area_and_a_paired_gain(finished: Run) -> None:
    results = finished.results()
    found = {(r.labels["classifier"], r.labels["training events"]) for r in results if r.name == "AUC"}
    names = (ZOOMED, EXACT, BINARY, LOGISTIC, TREES, NETWORK)
    assert found == {(name, size) for name in names for size in ("60", "200")} | {
        ("QAML-Z, pruned 95 %", "200")
    }
    gains = {r.labels["over"] for r in results if r.name == "gain of QAML-Z in AUC"}
    assert gains == {*names, "QAML-Z, pruned 95 %"} - {ZOOMED}
    left = [
        r.value for r in results if r.name == "squared error above the minimum" and r.labels["step"] == "8"
    ]
    assert all(value >= 0 for value in left)
    spins = {r.labels["classifier"] for r in results if r.name == "spins left to the annealer"}
    assert spins == {"QAML-Z, pruned 95 %"}
    assert {f.name for f in finished.figures()} == {
        f"{n}-diphotons" for n in ("size", "roc", "zoom", "weights")
    }


def test_scores_of_a_prediction_are_those_of_the_classifier(finished: Run, tmp_path: Path) -> None:
    output = tmp_path / "scores.h5"
    assert execute(["predict", str(finished.folder), str(users_file(tmp_path)), "-o", str(output)]) == 0
    events = diphotons(9, signal=True, generator=np.random.default_rng(1))
    own = study.classifier(MODELS.choose(finished)).decision_function(events)
    with h5py.File(output) as file:
        np.testing.assert_allclose(file["score"][:], own, rtol=1e-12)
        np.testing.assert_array_equal(file["signal"][:], own >= 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b\n1,2\n", "no column"), ("1,2\n", "8 columns without names"), ("", "no rows")],
)
def test_files_of_other_columns_are_refused(finished: Run, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        recipe.predict(finished, [path], tmp_path / "out.h5", progress=False)


def test_paper_reads_the_published_outputs(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    for name, shift in (("sig", 0.3), ("bkg", -0.1)):
        np.savetxt(tmp_path / f"{name}.csv", np.clip(draw.normal(shift, 0.4, (200, 36)), -1, 1))
    paper = recipe.PRESETS["paper"]
    settings = replace(paper.data, outputs=tuple(tmp_path / path.name for path in paper.data.outputs))
    problems = data.load(settings, seed=1)
    (problem,) = problems.by_name.values()
    assert problems.provenance.kind == "real"
    assert len(problem.names) == 36
    small = replace(paper.study, sizes=(50,), seeds=(1,), variants=(ZOOMED, EXACT), machines=())
    trained = [study.train_one(problems, part, lambda *_: None) for part in small.parts([DIPHOTONS])]
    h = problem.split.test.x
    columns = np.where(h[:, :, None] + 0.0075 * np.arange(-3, 4) >= 0, 1.0, -1.0).reshape(len(h), -1) / (
        36 * 7
    )
    own = study.classifier(trained[0])
    np.testing.assert_allclose(own.decision_function(h), columns @ own.coef_, atol=1e-12)
    assert trained[0].validation < 0.3


def test_all_methods_learn_from_the_same_events_and_never_from_the_test_sample() -> None:
    problem = data.load(TINY.data, seed=1).by_name[DIPHOTONS]
    one, again, other = (problem.drawn(100, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.x, again.x)
    assert not np.array_equal(one.x, other.x)
    train = {row.tobytes() for row in problem.split.train.x}
    assert {row.tobytes() for row in one.x} <= train
    assert not train & {row.tobytes() for row in problem.split.test.x}
    with pytest.raises(InputError, match="training events"):
        problem.drawn(10**6, 1)


def test_unfit_settings_are_refused() -> None:
    for make, words in (
        (lambda: Study(sizes=(5,)), "at least 20"),
        (lambda: Study(variants=(ZOOMED, EXACT, "QAML-X")), "no classifier 'QAML-X'"),
        (lambda: Study(variants=(BINARY,)), "always needed"),
        (lambda: Study(machines=("on Zephyr",)), "no annealer"),
        (lambda: Data(outputs=(Path("a"),)), "one file of signal"),
        (lambda: judge.Evaluation(epochs=0), "epochs"),
    ):
        with pytest.raises(InputError, match=words):
            make()


# Acceptance, on the toy and on HIGGS


def _areas(run: Run, problem: str) -> dict[tuple[str, int], tuple[float, float]]:
    return {
        (r.labels["classifier"], int(r.labels["training events"])): (r.value, r.error or 0.0)
        for r in run.results()
        if r.name == "AUC" and r.labels["problem"] == problem
    }


def _run(config: recipe.Config, folder: Path) -> Run:
    run = recipes.start(SYSTEM, config, preset="demo", root=folder)
    recipes.carry_out(SYSTEM, run, progress=False)
    return run


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_order_on_the_toy(tmp_path: Path) -> None:
    """Acceptance 2: the zoom beats the network with 100 events, not with 20 000. Logistic regression beats both."""
    demo = recipe.PRESETS["demo"]
    few = replace(demo.study, sizes=(100, 20_000), variants=(ZOOMED, EXACT, BINARY), machines=())
    areas = {k: v[0] for k, v in _areas(_run(replace(demo, study=few), tmp_path), DIPHOTONS).items()}
    assert areas[ZOOMED, 100] - areas[NETWORK, 100] >= 0.02
    assert areas[ZOOMED, 20_000] - areas[NETWORK, 20_000] <= -0.005
    assert areas[LOGISTIC, 100] > areas[ZOOMED, 100]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_order_on_higgs(tmp_path: Path, real_data: Path) -> None:
    """Acceptance 3: trees, logistic regression, cuts in this order; equal cuts are at chance."""
    demo = recipe.PRESETS["demo"]
    few = replace(
        demo.study, sizes=(300, 1000), variants=(ZOOMED, "QAML-Z, no offsets", EXACT, EQUAL), machines=()
    )
    config = replace(
        demo,
        data=replace(demo.data, events=3000, higgs=real_data / "higgs_uci" / "higgs_train_10k.csv.gz"),
        study=few,
        evaluation=replace(demo.evaluation, layers=(128, 128)),
    )
    areas = _areas(_run(config, tmp_path), HIGGS)
    for size in (300, 1000):
        assert areas[TREES, size][0] > areas[LOGISTIC, size][0] > areas[ZOOMED, size][0]
        assert areas[ZOOMED, size][0] > areas["QAML-Z, no offsets", size][0] - areas[ZOOMED, size][1]
        assert abs(areas[EQUAL, size][0] - 0.5) < 0.03
    assert abs(areas[ZOOMED, 1000][0] - areas[EXACT, 1000][0]) < 0.003
