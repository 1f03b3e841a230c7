"""Files of scores of any program: the whole table from every format, notes on what looks wrong, faults in one line."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from femtobarn.cli import execute
from femtobarn.data.hdf5 import write_hdf5
from femtobarn.errors import InputError
from femtobarn.evaluation.score_files import ScoreEvaluation, evaluate_scores
from femtobarn.metrics import auc, auc_difference
from femtobarn.metrics.trigger_rate import ORBIT_FREQUENCY
from femtobarn.runs import Result, Run

Columns = dict[str, np.ndarray]


def _events(seed: int, n: int, tracks: float) -> Columns:
    """A count of tracks, and a score that follows it and knows a bit more."""
    draw = np.random.default_rng(seed)
    count = draw.poisson(tracks, n).astype(float)
    return {"tracks": count, "network": 0.1 * count + draw.normal(0, 0.5, n) + 0.02 * (tracks - 90)}


QCD, SIGNAL = _events(1, 2000, 90), _events(2, 500, 100)


def _save(path: Path, columns: Mapping[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **columns)
    elif path.suffix == ".h5":
        write_hdf5(path, dict(columns), {})
    else:
        table = np.stack([*columns.values()], axis=1)
        np.savetxt(path, table, delimiter=",", header=",".join(columns), comments="", fmt="%.17g")
    return path


def _numbers(run: Run, name: str) -> dict[str, Result]:
    return {each.labels["score"]: each for each in run.results() if each.name == name}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("scores")
    pileup = np.random.default_rng(3).uniform(20, 60, len(QCD["tracks"]))
    qcd = _save(folder / "qcd.npz", QCD | {"pile-up": pileup})
    signal = _save(folder / "dark $shower$.csv", SIGNAL)
    settings = ScoreEvaluation(reference="tracks", bunches=2500, pileup="pile-up")
    return evaluate_scores(qcd, [signal], settings=settings, out=folder / "runs")


def test_the_table_is_that_of_the_arrays(run: Run) -> None:
    areas = _numbers(run, "AUC")
    assert areas.keys() == {"tracks", "network"}, "the pile-up is no score"
    for score, area in areas.items():
        assert (area.value, area.error) == pytest.approx(auc(QCD[score], SIGNAL[score]))
        assert area.labels["signal"] == "dark $shower$"
    gain = _numbers(run, "gain in AUC")["network"]
    paired = auc_difference(SIGNAL["network"], QCD["network"], SIGNAL["tracks"], QCD["tracks"])
    assert (gain.value, gain.error, gain.labels["over"]) == (*map(pytest.approx, paired), "tracks")
    assert 0.5 < _numbers(run, "rank correlation on background")["network"].value < 0.999


def test_rates_are_the_share_of_the_crossings(run: Run) -> None:
    left, rate = (_numbers(run, f"{what} at 40 % of signal")["network"] for what in ("background", "rate"))
    assert rate.unit == "kHz"
    assert rate.value == pytest.approx(left.value * 2500 * ORBIT_FREQUENCY / 1000)
    assert rate.error == pytest.approx((left.error or 0) * 2500 * ORBIT_FREQUENCY / 1000)
    rises = _numbers(run, "rate at the highest over the lowest pile-up")
    assert rises.keys() == {"tracks", "network", "network, residual"}


def test_the_page_is_written_and_says_nothing_is_wrong(run: Run) -> None:
    assert {figure.name for figure in run.figures()} == {"roc-dark-shower", "score-1", "score-2", "rate"}
    assert run.status == "done"
    assert (run.record["reason"], run.kind) == ("", "real")
    assert "dark $shower$" in (run.folder / "report.html").read_text()


@pytest.mark.parametrize("ending", [".csv", ".h5", ".parquet"])
def test_every_format_gives_the_same_numbers(ending: str, tmp_path: Path) -> None:
    places = [tmp_path / f"{name}{ending}" for name in ("qcd", "signal")]
    for path, columns in zip(places, (QCD, SIGNAL), strict=True):
        if ending == ".parquet":
            pyarrow = pytest.importorskip("pyarrow")
            from pyarrow import parquet

            parquet.write_table(pyarrow.table(columns), path)
        else:
            _save(path, columns)
    found = evaluate_scores(
        places[0], places[1:], settings=ScoreEvaluation(scores=("network",)), out=tmp_path
    )
    area = _numbers(found, "AUC")
    assert area.keys() == {"network"}
    assert area["network"].value == pytest.approx(auc(QCD["network"], SIGNAL["network"])[0], abs=1e-12)


def test_predictions_of_a_run_are_scores_but_not_their_place_in_a_file(tmp_path: Path) -> None:
    places = []
    for name, columns in (("qcd", QCD), ("signal", SIGNAL)):
        rows = np.arange(len(columns["tracks"]))
        places.append(_save(tmp_path / f"{name}.h5", {"file": np.zeros_like(rows), "row": rows} | columns))
    found = evaluate_scores(places[0], places[1:], settings=ScoreEvaluation(), out=tmp_path)
    assert _numbers(found, "AUC").keys() == {"tracks", "network"}


def test_a_signal_given_as_background_is_noted_and_not_turned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    qcd, signal = _save(tmp_path / "qcd.npz", QCD), _save(tmp_path / "signal.npz", SIGNAL)
    arguments = ["--fractions", "0.1", "--out", str(tmp_path / "runs")]
    assert execute(["evaluate", "scores", str(signal), str(qcd), *arguments]) == 0
    said = capsys.readouterr().out
    assert "note: qcd has an AUC below 0.5 beyond its error by tracks (0.2" in said
    assert "is the order swapped?" in said
    assert execute(["evaluate", "scores", str(qcd), str(signal), *arguments]) == 0
    assert "note:" not in capsys.readouterr().out


def test_a_copy_of_the_background_is_noted(tmp_path: Path) -> None:
    qcd, copy = _save(tmp_path / "qcd.npz", QCD), _save(tmp_path / "other.csv", QCD)
    same = {name: values[::-1] for name, values in QCD.items()}
    other = _save(tmp_path / "turned.csv", same)  # as many events, in another order
    found = evaluate_scores(qcd, [copy, other], settings=ScoreEvaluation(), out=tmp_path)
    assert found.record["reason"] == "qcd and other hold the same scores: is one a copy of the other?"
    assert _numbers(found, "AUC")["tracks"].value == pytest.approx(0.5)


def test_a_score_that_finds_nothing_has_a_limit(tmp_path: Path) -> None:
    qcd = _save(tmp_path / "qcd.npz", QCD)
    below = _save(tmp_path / "below.npz", {name: values - 1000 for name, values in SIGNAL.items()})
    found = evaluate_scores(qcd, [below], settings=ScoreEvaluation(), out=tmp_path)
    seen = _numbers(found, "signal at 1 % of background")["network"]
    assert (seen.value, seen.error) == (0, pytest.approx(1 - 0.05 ** (1 / 500), rel=1e-6))
    assert seen.error_kind == "upper limit at 95 % from none of 500"


def _one_line(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert execute(["evaluate", "scores", *arguments, "--out", str(folder / "runs")]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("femtobarn: ")
    assert "\n" not in said
    assert not (folder / "runs").exists(), "nothing is left behind"
    return said


def test_faults_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    qcd, signal = _save(tmp_path / "qcd.csv", QCD), _save(tmp_path / "signal.npz", SIGNAL)
    few = _save(tmp_path / "few.npz", {name: values[:337] for name, values in QCD.items()})
    other = _save(tmp_path / "other.npz", {"tracks": SIGNAL["tracks"], "vae": SIGNAL["network"]})
    nan = _save(tmp_path / "nan.csv", SIGNAL | {"network": np.where(np.arange(500) == 7, np.nan, 1.0)})
    cases = {
        (qcd,): "at least one signal expected: femtobarn evaluate scores BACKGROUND SIGNAL",
        (qcd, signal, signal): "signal.npz: given twice",
        (qcd, qcd): "qcd.csv: given twice",
        (few, signal): "few.npz: 1 % of 337 background events are fewer than the 10 that a threshold needs above "
        "it: give more, or --fractions 0.03",
        (qcd, other): "other.npz: other scores than",
        (qcd, nan): "nan.csv, line 9: expected finite numbers, got nan in network",
        (qcd, tmp_path / "none.npz"): "none.npz: no such file",
        (qcd, signal, "--reference", "trcks"): "qcd.csv: no column 'trcks'; did you mean tracks",
        (qcd, signal, "--scores", "nn"): "qcd.csv: no column 'nn'",
        (qcd, signal, "--fractions", "0"): "expected shares between 0 and 1, got 0",
        (qcd, signal, "--pileup", "tracks"): "a rate against --pileup needs --bunches and --reference too",
        (qcd, signal, "--bunches", "0"): "at least one bunch, got 0",
    }  # fmt: skip
    for arguments, words in cases.items():
        assert words in _one_line([*map(str, arguments)], tmp_path, capsys), arguments


def test_settings_are_checked_where_they_are_made() -> None:
    with pytest.raises(InputError, match="between 0 and 1, got 1"):
        ScoreEvaluation(efficiency=1.0)
