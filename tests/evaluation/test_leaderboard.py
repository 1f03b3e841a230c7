import io
from pathlib import Path

import pytest
from rich.console import Console

from femtobarn import cli
from femtobarn.errors import InputError, printable
from femtobarn.evaluation.leaderboard import (
    COLUMNS,
    SOURCE,
    data_name,
    leaderboard,
    own_rows,
    print_leaderboard,
    published_rows,
)
from femtobarn.runs import Provenance, Result, Run


@pytest.mark.parametrize(("dataset", "rows"), [("1-photons", 16), ("1-pions", 13), ("2", 18), ("3", 16)])
def test_the_published_tables_are_complete_and_ordered(dataset: str, rows: int) -> None:
    table = published_rows(dataset)
    assert len(table) == rows
    assert table[0].model == "Geant4"
    fpd = [row.values["FPD"] for row in table]
    assert fpd == sorted(fpd)
    assert all(
        {"FPD", "KPD", "AUC low", "AUC high", "coverage"} <= set(row.values) <= set(COLUMNS) for row in table
    )
    assert all("AUC CNN" in row.values for row in table) == (dataset in ("2", "3"))


def test_published_numbers_taken_at_random_from_the_paper() -> None:
    """arXiv:2410.21611; typed here by hand."""
    two, pions = ({row.model: row.values for row in published_rows(name)} for name in ("2", "1-pions"))
    assert two["CaloDREAM"]["AUC CNN"] == 0.681
    assert two["CaloINN"]["parameters"] == 271e6
    assert two["MDMA"]["CPU 1"] == 14.3
    assert two["CaloVAE+INN"]["FPD"] == 5443
    assert "GPU 10000" not in two["CaloDREAM"]
    assert pions["DNN CaloSim"]["log posterior"] == -1.93
    assert pions["Geant4"]["AUC low"] == 0.609


def _run(folder: Path, *, name: str, system: str = "evaluate-showers", sample: str = "mine") -> Run:
    run = Run.create(
        folder, system=system, preset="full", settings={}, seed=1, data=Provenance("real", name), command=[]
    )
    labels = {"sample": sample}
    run.save_results(
        [
            Result(
                "score", 50.0, 2.0, data="real", labels={"metric": "FPD (published recipe) x1000"} | labels
            ),
            Result("score", 0.55, 0.01, data="real", labels={"metric": "AUC low"} | labels),
            Result("score", 0.02, data="real", labels={"metric": "FPD"} | labels),
            Result("score", 0.5, data="real", labels={"metric": "AUC low", "sample": "real against real"}),
            Result("generation time", 3.0, 0.1, "ms", labels={"batch": "100", "device": "cuda"} | labels),
            Result("parameters", 1e6, labels=labels),
        ]
    )
    return run


def test_an_own_generator_takes_its_place(tmp_path: Path) -> None:
    run = _run(tmp_path, name=data_name("2"))
    (row,) = own_rows(run)
    assert row.values == {"FPD": 50.0, "AUC low": 0.55, "GPU 100": 3.0, "parameters": 1e6}
    assert row.errors["FPD"] == 2.0
    models = [each.model for each in leaderboard("2", [run])]
    assert models[:4] == ["Geant4", "CaloDREAM", "mine", "CaloScore"]
    assert [each.source == SOURCE for each in leaderboard("2", [run])].count(False) == 1


def test_a_run_against_another_reference_has_no_place_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only like is compared with like"):
        leaderboard("2", [_run(tmp_path, name="own showers")])
    with pytest.raises(InputError, match="only like is compared with like"):
        leaderboard("3", [_run(tmp_path, name=data_name("2"))])
    with pytest.raises(InputError, match="a run of hgq"):
        own_rows(_run(tmp_path, name=data_name("2"), system="hgq"))


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path, name=data_name("3"))
    assert cli.execute(["leaderboard", str(run.folder), "--dataset", "3"]) == 0
    said = capsys.readouterr().out
    assert "CaloDREAM" in said
    assert "> mine" in said
    assert SOURCE in said
    assert cli.execute(["leaderboard", str(tmp_path)]) == 2


@pytest.mark.parametrize("sample", ["[/nothing]", "gen[v2]", "a\x1b[31mb"])
def test_the_name_of_a_generator_is_printed_as_it_is(tmp_path: Path, sample: str) -> None:
    rows = leaderboard("3", [_run(tmp_path, name=data_name("3"), sample=sample)])
    text = io.StringIO()
    print_leaderboard("3", rows, Console(file=text, width=300))
    assert f"> {printable(sample)}" in text.getvalue()
