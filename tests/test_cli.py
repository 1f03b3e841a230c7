"""The command as a user types it, in this process: what it prints, how it ends."""

from pathlib import Path

import pytest

from femtobarn.cli import execute
from femtobarn.runs import Run


def _fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    assert execute(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("femtobarn: ")
    assert "\n" not in error, error
    assert "Traceback" not in error
    return error


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([]) == 0
    said = capsys.readouterr().out
    for verb in (
        "list",
        "show",
        "data",
        "run",
        "evaluate",
        "leaderboard",
        "metric",
        "predict",
        "export",
        "report",
    ):
        assert f"  {verb} " in said


def test_list_has_a_line_for_each_system(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["emd-compression", "Compress"] for line in lines)


def test_show_has_every_preset_setting_and_published_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["show", "emd-compression"]) == 0
    said = capsys.readouterr().out
    for word in ("tiny", "demo", "paper", "train.epochs", "study.losses", "2306.04712", "1.39"):
        assert word in said


def test_data_tells_columns_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["data"]) == 0
    assert "hgcal" in capsys.readouterr().out
    assert execute(["data", "hgcal"]) == 0
    said = capsys.readouterr().out
    assert "CALQ" in said
    assert "MIP" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum", "emd-compression"], "did you mean run?"),
        (["run", "emd-compresion"], "did you mean emd-compression?"),
        (["run", "emd-compression", "demp"], "did you mean demo?"),
        (["run", "emd-compression", "tiny", "--train.epoch", "3"], "did you mean --train.epochs?"),
        (["run", "emd-compression", "tiny", "--study.quantised", "False"], "is --study.no-quantised (see"),
        (["run", "emd-compression", "tiny", "--study.no-quantised", "true"], "is --study.quantised (see"),
        (
            ["run", "emd-compression", "tiny", "--seed", "1", "2"],
            "unexpected 2: no option before it takes it",
        ),
        (["metric", "fpd", "real.npy"], "missing from femtobarn metric: PATH The generated sample. (see"),
        (["run", "emd-compression", "tiny", "--train.epochs", "many"], "train.epochs"),
        (["run", "emd-compression", "tiny", "--train.epochs", "0"], "epochs must be at least 1: got 0"),
        (
            ["run", "emd-compression", "tiny", "--train.lr", "0"],
            "femtobarn: train: lr must be positive: got 0.0",
        ),
        (["run", "emd-compression", "tiny", "--study.losses", "emdd"], "did you mean emd?"),
        (["run", "emd-compression", "tiny", "--study.links", "7"], "[2, 3, 4, 5]: got 7"),
        (["run", "emd-compression", "tiny", "demo"], "one system and one preset"),
        (["run"], "which system?"),
        (["data", "hgcl"], "did you mean hgcal?"),
        (["show", "nothing-like-it"], "known are calo-challenge, "),
        (["list", "--colour"], "--colour"),
        (["predict", "nowhere", "wafers.csv"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_that_helps(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in _fails(capsys, *arguments)
    assert list(tmp_path.iterdir()) == [], "a mistake leaves no run behind"


def test_unwritable_run_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = _fails(capsys, "run", "emd-compression", "tiny", "--out", str(tmp_path / "file" / "runs"))
    assert "choose another with --out" in said


def test_missing_input_of_a_run_is_told_and_recorded(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    arguments = [
        "run",
        "emd-compression",
        "tiny",
        "--out",
        str(out),
        "--data.path",
        str(tmp_path / "none.csv"),
    ]
    assert execute(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert "none.csv" in lines[-1]
    (folder,) = (out / "emd-compression").iterdir()
    assert Run.open(folder).status == "failed"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out.count(".") == 2
