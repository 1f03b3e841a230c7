"""Files of jets against a real one: the whole table, for any number of pieces, and every fault in one line."""

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.cli import execute
from femtobarn.datasets.jetnet import open_jets
from femtobarn.errors import InputError
from femtobarn.evaluation import jets
from femtobarn.evaluation.jet_scores import Scoring, jet_sample, jet_scores
from femtobarn.evaluation.jets import JetEvaluation, evaluate_jets
from femtobarn.evaluation.results import NULL, SCORE, SIGNIFICANCE
from femtobarn.runs import Run
from jet_files import write_toy_jets

QUICK = JetEvaluation(scoring=Scoring(jets=1000, neighbours=400, matched=8), workers=1)
Files = dict[str, Path]


def scores(run: Run, name: str = SCORE) -> dict[tuple[str, str], float]:
    return {(r.labels["metric"], r.labels["sample"]): r.value for r in run.results() if r.name == name}


@pytest.fixture(scope="module")
def run(jet_files: Files, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    generated = [jet_files["good"], jet_files["bad"]]
    return evaluate_jets(jet_files["real"], generated, settings=QUICK, out=out, progress=False)


def test_every_metric_has_value_error_null_and_size(run: Run) -> None:
    metrics = {r.labels["metric"] for r in run.results()}
    assert {"FPD", "KPD", "W1-M", "W1-P", "W1-EFP", "precision", "recall", "COV", "MMD"} <= metrics
    for metric in metrics:
        assert {(metric, "good"), (metric, "bad"), (metric, NULL)} <= scores(run).keys()
    assert all(r.error is not None and r.n > 0 for r in run.results() if r.name == SCORE)


def test_bad_jets_are_told_from_good_ones(run: Run) -> None:
    found = scores(run, SIGNIFICANCE)
    for metric in ("FPD", "KPD", "W1-M", "W1-pT", "W1-EFP", "precision"):
        assert found[metric, "bad"] > 5, metric
        assert abs(found[metric, "good"]) < 5, metric


def test_the_page_shows_spectra_and_significances(run: Run) -> None:
    names = {figure.name for figure in run.figures()}
    assert {"spectra/mass", "spectra/pt-rel", "spectra/multiplicity", "significance"} <= names
    page = (run.folder / "report.html").read_text()
    assert "real against real" in page
    assert run.status == "done"


@pytest.mark.usefixtures("numbers_alone")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_pieces_and_processes_do_not_change_the_numbers(
    workers: int, run: Run, jet_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jets, "_PIECE", 500)
    monkeypatch.setattr(jets, "_ROWS", 300)
    settings = dataclasses.replace(QUICK, workers=workers)
    generated = [jet_files["good"], jet_files["bad"]]
    again = evaluate_jets(jet_files["real"], generated, settings=settings, out=tmp_path, progress=False)
    assert scores(again) == pytest.approx(scores(run), rel=1e-9, abs=1e-12)


def test_moments_agree_with_the_metrics_of_arrays(run: Run, jet_files: Files) -> None:
    real, good = (
        jet_sample(
            *(
                open_jets([jet_files[name]]).read(("particles", "mask"), 0, 9999)[c]
                for c in ("particles", "mask")
            )
        )
        for name in ("real", "good")
    )
    none = Scoring(wasserstein=False, manifolds=False, matching=False)
    for metric, estimate in jet_scores(real, good, settings=none, seed=1).items():
        assert scores(run)[metric, "good"] == pytest.approx(estimate.value, rel=1e-9, abs=1e-12)


@pytest.mark.usefixtures("numbers_alone")
def test_fewer_particles_are_compared_when_asked(jet_files: Files, tmp_path: Path) -> None:
    wide = write_toy_jets(tmp_path / "wide.hdf5", seed=5, particles=40)
    settings = JetEvaluation(scoring=Scoring(manifolds=False, matching=False), workers=1)
    with pytest.raises(
        InputError, match=r"different numbers of particles.*wide.hdf5 40; give --particles 30"
    ):
        evaluate_jets(jet_files["real"], [wide], settings=settings, out=tmp_path, progress=False)
    narrow = dataclasses.replace(settings, particles=30)
    done = evaluate_jets(jet_files["real"], [wide], settings=narrow, out=tmp_path, progress=False)
    assert abs(scores(done, SIGNIFICANCE)["FPD", "wide"]) < 5


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _empty_jet(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["particle_features"][7] = 0


def _nan(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["particle_features"][7, 0, 2] = np.nan


def _three_features(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        features = file["particle_features"][..., :3]
        del file["particle_features"]
        file["particle_features"] = features


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_cut, "cut short"),
        (_empty_jet, "at least one particle"),
        (_nan, "row 7: pt_rel is nan"),
        (_three_features, "expected particle_features"),
    ],
)
def test_a_spoilt_file_ends_in_one_line_and_leaves_no_run(
    spoil: object, words: str, jet_files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = write_toy_jets(tmp_path / "bad.hdf5", seed=3)
    spoil(bad)  # type: ignore[operator]
    assert (
        execute(["evaluate", "jets", str(jet_files["real"]), str(bad), "--out", str(tmp_path / "runs")]) == 2
    )
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("femtobarn: ")
    assert words in said
    assert "bad.hdf5" in said
    assert not (tmp_path / "runs").exists()


def test_fewer_jets_than_blocks_are_told(jet_files: Files, tmp_path: Path) -> None:
    few = write_toy_jets(tmp_path / "few.hdf5", seed=3, count=50)
    with pytest.raises(InputError, match=r"expected at least .* got 50"):
        evaluate_jets(jet_files["real"], [few], settings=QUICK, out=tmp_path, progress=False)


def test_jets_of_one_particle_are_judged(jet_files: Files, tmp_path: Path) -> None:
    single = write_toy_jets(tmp_path / "single.hdf5", seed=3, particles=1)
    settings = dataclasses.replace(QUICK, particles=1)
    done = evaluate_jets(jet_files["real"], [single], settings=settings, out=tmp_path, progress=False)
    assert all(np.isfinite(list(scores(done).values())))


@pytest.mark.usefixtures("numbers_alone")
def test_the_command_prints_the_table(
    jet_files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "jets", str(jet_files["real"]), str(jet_files["bad"]), "--out", str(tmp_path)]
    quick = [
        "--scoring.no-matching",
        "--scoring.neighbours",
        "300",
        "--scoring.jets",
        "600",
        "--workers",
        "1",
    ]
    assert execute([*arguments, *quick]) == 0
    said = capsys.readouterr().out
    assert "FPD" in said
    assert "report: " in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "jetz", "a", "b"], "evaluate knows jets"),
        (["evaluate", "jets", "a.hdf5"], "at least one generated file"),
        (["evaluate", "jets", "a.hdf5", "b.hdf5", "--scoring.jet", "5"], "did you mean --scoring.jets"),
        (["evaluate", "jets", "a.hdf5", "b.hdf5"], "a.hdf5: no such file"),
    ],
)
def test_a_wrong_command_ends_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(arguments) == 2
    assert words in capsys.readouterr().err.strip().splitlines()[-1]
