"""Evaluation of files of showers: what the metrics see, what goes wrong, and the run that comes out."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from femtobarn import cli
from femtobarn.datasets.calochallenge import PUBLISHED_SETS, write_showers
from femtobarn.errors import InputError
from femtobarn.evaluation.generation_time import BatchTime, GenerationCost, write_costs
from femtobarn.evaluation.results import worseness
from femtobarn.evaluation.shower_checks import published_reference, remarks
from femtobarn.evaluation.shower_scores import (
    ClassifierSettings,
    ShowerScoring,
    classifier_inputs,
    classifier_scores,
    fast_scores,
    neighbour_scores,
)
from femtobarn.evaluation.shower_summary import (
    ShowerFiles,
    ShowerSummary,
    extent,
    pieces,
    some_showers,
    summarise,
)
from femtobarn.evaluation.showers import ShowerEvaluation, evaluate_showers, guess_dataset
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.shower_features import features
from femtobarn.physics.voxels import geometry
from femtobarn.runs import Run
from toy_showers import toy_showers

PHOTONS = geometry("1-photons")
COUNT = 8000

Sample = tuple[np.ndarray, np.ndarray]


def _file(folder: Path, name: str, sample: Sample, dataset: str = "1-photons") -> ShowerFiles:
    write_showers(folder / f"{name}.hdf5", *sample)
    return ShowerFiles(name, (folder / f"{name}.hdf5",), dataset)


def _summary(real: ShowerFiles, sample: ShowerFiles, rows: int = 4000) -> ShowerSummary:
    (reference,), (piece,) = pieces(real), pieces(sample)
    return summarise(extent(reference, _quiet), rows, 1, piece, _quiet)


def _quiet(*_: object) -> None: ...


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[ShowerFiles, ShowerSummary]:
    real = _file(tmp_path_factory.mktemp("real"), "real", toy_showers("1-photons", COUNT, seed=1))
    return real, _summary(real, real)


def _scores(
    folder: Path, reference: tuple[ShowerFiles, ShowerSummary], sample: Sample
) -> dict[str, Estimate]:
    real, truth = reference
    generated = _summary(real, _file(folder, "generated", sample))
    return fast_scores(truth, generated, PHOTONS, showers=4000, seed=1)


def test_showers_of_the_same_kind_are_compatible_by_every_fast_metric(
    tmp_path: Path, reference: tuple[ShowerFiles, ShowerSummary]
) -> None:
    found = _scores(tmp_path, reference, toy_showers("1-photons", COUNT, seed=2))
    assert {"FPD", "KPD", "S E_tot / E_inc", "S E_layer", "S voxel energy"} <= set(found)
    for name, estimate in found.items():
        assert abs(worseness(name, estimate)) < 3.5, (name, estimate)


def _dead(sample: Sample) -> Sample:
    sample[1][:, PHOTONS.spans[3]] = 0
    return sample


def _one_sided(sample: Sample) -> Sample:
    """A fifth of the modes is missing: no shower develops late."""
    along = np.stack([sample[1][:, span].sum(axis=1) for span in PHOTONS.spans], axis=1)
    depth = along @ np.arange(5) / np.maximum(along.sum(axis=1), 1e-9)
    keep = depth <= np.quantile(depth, 0.8)
    return sample[0][keep], sample[1][keep]


@pytest.mark.parametrize(
    ("spoil", "seen"),
    [
        (lambda: toy_showers("1-photons", COUNT, seed=3, scale=1.01), "S E_tot / E_inc"),
        (lambda: toy_showers("1-photons", COUNT, seed=3, width=1.02), "S width_eta_layer"),
        (lambda: _dead(toy_showers("1-photons", COUNT, seed=3)), "S E_layer"),
        (lambda: _one_sided(toy_showers("1-photons", COUNT, seed=3)), "FPD"),
    ],
    ids=["energy 1 % up", "2 % wider", "a dead layer", "20 % of the modes dropped"],
)
def test_what_is_wrong_is_seen_by_the_metric_that_should_see_it(
    tmp_path: Path, reference: tuple[ShowerFiles, ShowerSummary], spoil: object, seen: str
) -> None:
    assert callable(spoil)
    found = _scores(tmp_path, reference, spoil())
    assert worseness(seen, found[seen]) > 5, found[seen]


def test_classifiers_and_neighbours_see_nothing_in_the_same_kind(
    tmp_path: Path, reference: tuple[ShowerFiles, ShowerSummary]
) -> None:
    real = reference[0]
    generated = _file(tmp_path, "generated", toy_showers("1-photons", COUNT, seed=5))
    settings = ClassifierSettings(epochs=4, batch=200, width=32, repeats=1, learning_rate=1e-3)
    samples = [classifier_inputs(sample, showers=5000, seed=1) for sample in (real, generated)]
    for task in ("low", "high"):
        found = classifier_scores(task, samples[0], samples[1], PHOTONS, settings, 1)
        assert found[f"AUC {task}"].value == pytest.approx(0.5, abs=0.03)
    near = neighbour_scores(real, generated, showers=600, seed=1)
    assert near["coverage"].value > 0.9
    assert near["density"].value == pytest.approx(1, abs=0.15)


def test_classifiers_see_what_was_published(reference: tuple[ShowerFiles, ShowerSummary]) -> None:
    energies, showers = some_showers(reference[0], 50, seed=2)
    found = classifier_inputs(reference[0], showers=50, seed=2)
    np.testing.assert_allclose(
        found.low, np.column_stack((np.log10(energies), showers / energies[:, None])), rtol=1e-6
    )
    np.testing.assert_allclose(found.high, features(energies, showers, PHOTONS), rtol=1e-6)


def test_a_classifier_sees_a_wrong_shape(
    tmp_path: Path, reference: tuple[ShowerFiles, ShowerSummary]
) -> None:
    settings = ClassifierSettings(epochs=8, batch=100, width=48, repeats=1, learning_rate=1e-3)
    wide = _file(tmp_path, "wide", toy_showers("1-photons", 3000, seed=6, width=1.6))
    samples = [classifier_inputs(sample, showers=3000, seed=1) for sample in (reference[0], wide)]
    found = classifier_scores("high", *samples, PHOTONS, settings, 1)
    assert found["AUC high"].significance > 10
    assert found["JSD high"].value > 0.02


def test_pieces_of_a_file_sum_up_to_the_whole(reference: tuple[ShowerFiles, ShowerSummary]) -> None:
    real, whole = reference
    (piece,) = pieces(real)
    found = extent(piece, _quiet)
    parts = [
        summarise(found, 4000, 1, type(piece)(real, start, stop), _quiet)
        for start, stop in ((5000, COUNT), (0, 5000))
    ]
    parts[0].merge(parts[1])
    assert parts[0].showers == whole.showers == COUNT
    np.testing.assert_allclose(parts[0].mean, whole.mean, rtol=1e-12)
    np.testing.assert_array_equal(parts[0].rows.value()[0], whole.rows.value()[0])
    assert parts[0].features.value(whole.features).value == pytest.approx(
        whole.features.value(whole.features).value, abs=1e-9
    )


def test_some_showers_are_those_of_the_file_in_random_order(
    reference: tuple[ShowerFiles, ShowerSummary],
) -> None:
    energies, showers = some_showers(reference[0], 500, seed=3)
    real = toy_showers("1-photons", COUNT, seed=1)
    place = {total: row for row, total in enumerate(real[1].sum(axis=1, dtype=np.float64).tolist())}
    rows = [place[total] for total in showers.sum(axis=1, dtype=np.float64).tolist()]
    assert len(set(rows)) == 500
    assert np.abs(np.corrcoef(rows, np.arange(500))[0, 1]) < 0.2
    np.testing.assert_array_equal(energies, real[0][rows])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("showers")
    for name, seed, scale in (("real", 1, 1.0), ("good", 2, 1.0), ("bad", 3, 1.1)):
        write_showers(folder / f"{name}.hdf5", *toy_showers("1-photons", 400, seed=seed, scale=scale))
    return {name: folder / f"{name}.hdf5" for name in ("real", "good", "bad")}


@pytest.fixture(scope="module")
def run(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    costs = out / "costs.json"
    write_costs(costs, {"good": GenerationCost("cpu", (BatchTime(100, 2.5, 0.1, 10),), parameters=1234)})
    settings = ShowerEvaluation(real="stand-in", costs=costs, workers=1)
    return evaluate_showers(
        files["real"], [files["good"], files["bad"]], settings=settings, out=out, progress=False
    )


def test_the_run_holds_numbers_figures_and_a_page_complete_in_itself(run: Run) -> None:
    assert run.status == "done"
    results = {(r.name, *r.labels.values()): r for r in run.results()}
    assert results["score", "FPD", "good"].n == 400
    assert results["separation power over null", "S E_layer", "bad"].value > 0
    assert results["separation power", "E_2", "good"].value >= 0
    assert results["generation time", "good", "100", "cpu"].value == 2.5
    assert results["parameters", "good"].value == 1234
    assert all(result.data == "stand-in" for result in run.results())
    assert run.settings["dataset"] == "1-photons"
    page = (run.folder / "report.html").read_text()
    assert "data-turn=" in page
    assert "data-at=" in page
    assert "makeTurnable" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert len(page) < 4e6
    names = {figure.name for figure in run.figures()}
    assert {
        "response",
        "profile",
        "separation",
        "significance",
        "mean-showers",
        "spectra/voxels",
        "showers/0",
    } <= names


@pytest.mark.slow
def test_the_same_run_twice_gives_the_same_numbers(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    settings = ShowerEvaluation(real="stand-in", workers=2)
    again = evaluate_showers(files["real"], [files["good"]], settings=settings, out=tmp_path, progress=False)
    first = {(r.name, *r.labels.values()): r.value for r in run.results()}
    for result in again.results():
        assert result.value == pytest.approx(
            first[result.name, *result.labels.values()], rel=1e-12, abs=1e-12
        )


@pytest.mark.slow
def test_a_full_evaluation_has_every_metric(files: dict[str, Path], tmp_path: Path) -> None:
    classifier = ClassifierSettings(epochs=2, width=16, repeats=2, batch=50)
    settings = ShowerEvaluation(
        real="stand-in", depth="full", scoring=ShowerScoring(neighbours=100, classifier=classifier), workers=1
    )
    done = evaluate_showers(
        files["real"], [files["good"], files["bad"]], settings=settings, out=tmp_path, progress=False
    )
    metrics = {r.labels["metric"] for r in done.results() if r.name == "score"}
    assert {"AUC low", "AUC high", "JSD low", "JSD high", "coverage", "log posterior"} <= metrics
    assert {"FPD (published recipe) x1000", "KPD (published recipe) x1000"} <= metrics
    assert "consistency" in {figure.name for figure in done.figures()}


@pytest.mark.slow
def test_data_set_2_is_evaluated_with_the_convolutional_network(tmp_path: Path) -> None:
    for name, seed in (("real", 1), ("good", 2)):
        write_showers(tmp_path / f"{name}.hdf5", *toy_showers("2", 420, seed=seed))
    classifier = ClassifierSettings(showers=100, epochs=1, width=16, repeats=1, batch=25)
    settings = ShowerEvaluation(
        depth="full", scoring=ShowerScoring(neighbours=60, classifier=classifier), workers=1
    )
    done = evaluate_showers(
        tmp_path / "real.hdf5", [tmp_path / "good.hdf5"], settings=settings, out=tmp_path, progress=False
    )
    assert "AUC CNN" in {r.labels["metric"] for r in done.results() if r.name == "score"}


def _remarks(folder: Path, real: Sample, generated: Sample, name: str = "generated") -> str:
    samples = [_file(folder, each, sample) for each, sample in (("real", real), (name, generated))]
    summaries = [_summary(samples[0], sample, rows=10) for sample in samples]
    return " ".join(remarks(samples[0], summaries[0], samples[1], summaries[1]))


def test_a_generated_file_that_is_the_reference_is_told(tmp_path: Path) -> None:
    sample = toy_showers("1-photons", 300, seed=1)
    assert "holds the same showers as the reference real" in _remarks(tmp_path, sample, sample)
    mixed = toy_showers("1-photons", 300, seed=2)
    for column, copied in zip(mixed, sample, strict=True):
        column[:30] = copied[:30]
    assert "30 of 300 showers are copies" in _remarks(tmp_path, sample, mixed)


def test_swapped_and_dead_and_empty_are_told(tmp_path: Path) -> None:
    sample, other = (toy_showers("1-photons", 300, seed=seed) for seed in (1, 2))
    other[1][:, PHOTONS.spans[3]] = 0
    other[1][:60] = 0
    said = _remarks(tmp_path, sample, other, "dataset_1_photons_2")
    assert "swapped?" in said
    assert "no energy at all in layer 3" in said
    assert "60 of 300 showers (20.00%) have no voxel above the threshold" in said


def test_other_energies_and_voxels_in_gev_are_told(tmp_path: Path) -> None:
    sample, other = (toy_showers("1-photons", 400, seed=seed) for seed in (1, 2))
    high = other[0] > 2**17
    said = _remarks(tmp_path, sample, (other[0][high], other[1][high] / 1000))
    assert "other incident energies" in said
    assert "Are the voxels in GeV?" in said


def test_nothing_is_said_of_a_sound_sample(run: Run) -> None:
    assert run.record["reason"] == ""


def test_only_the_published_reference_may_be_called_so(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is dataset_1_photons_2\.hdf5, got real\.hdf5"):
        evaluate_showers(
            files["real"],
            [files["good"]],
            settings=ShowerEvaluation(real="challenge"),
            out=tmp_path,
            progress=False,
        )
    named = ShowerFiles("x", (Path("dataset_1_photons_2.hdf5"),), "1-photons")
    assert published_reference(named, 121_000) == []
    assert "has 121000 showers, got 120999" in published_reference(named, 120_999)[0]
    three = ShowerFiles("x", (Path("dataset_3_3.hdf5"), Path("dataset_3_4.hdf5")), "3")
    assert published_reference(three, 100_000) == []


def test_too_few_showers_are_told_before_anything_is_computed(tmp_path: Path) -> None:
    for name, dataset, count in (("few", "1-photons", 150), ("fewer", "2", 363)):
        shape = count, geometry(dataset).voxels
        write_showers(tmp_path / f"{name}.hdf5", np.full(count, 1e4), np.ones(shape, dtype=np.float32))
        with pytest.raises(
            InputError, match=rf"at least {200 if name == 'few' else 364} showers .* {count} in {name}"
        ):
            evaluate_showers(
                tmp_path / f"{name}.hdf5",
                [tmp_path / f"{name}.hdf5"],
                settings=ShowerEvaluation(),
                out=tmp_path,
                progress=False,
            )


def test_the_data_set_is_guessed_from_the_voxels(files: dict[str, Path], tmp_path: Path) -> None:
    assert guess_dataset(files["real"]) == "1-photons"
    write_showers(tmp_path / "odd.hdf5", np.ones(2), np.ones((2, 9)))
    with pytest.raises(InputError, match=r"368 \(1-photons\), 533"):
        guess_dataset(tmp_path / "odd.hdf5")
    with pytest.raises(InputError, match="no such file"):
        guess_dataset(tmp_path / "none.hdf5")


@pytest.mark.slow
def test_the_command(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "evaluate",
        "showers",
        str(files["bad"]),
        "--ref",
        str(files["real"]),
        "--fast",
        "--workers",
        "1",
    ]
    assert cli.execute([*words, "--real", "stand-in", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "S E_tot / E_inc" in said
    assert "report.html" in said
    assert "CaloDREAM" not in said, "published numbers stand beside those on the published reference only"


@pytest.mark.slow
def test_against_the_published_reference_the_row_stands_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    smaller = PUBLISHED_SETS["1-photons"]._replace(showers=400)
    monkeypatch.setitem(PUBLISHED_SETS, "1-photons", smaller)
    for name, seed in (("dataset_1_photons_2", 1), ("mine", 2)):
        write_showers(tmp_path / f"{name}.hdf5", *toy_showers("1-photons", 400, seed=seed))
    reference = str(tmp_path / "dataset_1_photons_2.hdf5")
    words = ["evaluate", "showers", str(tmp_path / "mine.hdf5"), "--ref", reference, "--real", "challenge"]
    assert cli.execute([*words, "--workers", "1", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "> mine" in said
    assert "CaloDiffusion" in said
    run = Run.open(next((tmp_path / "evaluate-showers").iterdir()))
    assert run.data is not None
    assert run.data == dataclasses.replace(run.data, kind="real", name="CaloChallenge data set 1-photons")
    assert "leaderboard" in {figure.name for figure in run.figures()}
    assert cli.execute(["leaderboard", str(run.folder), "--dataset", "1-photons"]) == 0
    assert "> mine" in capsys.readouterr().out
    assert cli.execute(["leaderboard", str(run.folder), "--dataset", "2"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["showers", "a.hdf5"], "--ref with the real ones"),
        (["showers", "--ref", "a.hdf5"], "at least one generated file"),
        (["showers", "a.hdf5", "--ref", "none.hdf5"], "none.hdf5: no such file"),
        (["showers", "a.hdf5", "--ref", "b.hdf5", "--dataset", "4"], "dataset"),
        (["shower", "a.hdf5"], "evaluate knows jets, showers, scores"),
        (["showers", "a.hdf5", "--ref", "b.hdf5", "--fats"], "--fats"),
    ],
)
def test_mistakes_end_in_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["evaluate", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_costs_of_nobody_and_costs_that_are_none(files: dict[str, Path], tmp_path: Path) -> None:
    write_costs(tmp_path / "costs.json", {"goood": GenerationCost()})
    settings = ShowerEvaluation(costs=tmp_path / "costs.json")
    with pytest.raises(InputError, match="costs of goood, but the generated samples are good"):
        evaluate_showers(files["real"], [files["good"]], settings=settings, out=tmp_path, progress=False)
    (tmp_path / "costs.json").write_text(json.dumps({"good": {"time": 3}}))
    with pytest.raises(InputError, match=r"costs\.json: expected"):
        evaluate_showers(files["real"], [files["good"]], settings=settings, out=tmp_path, progress=False)
