"""Published numbers as a table: read as written, each mistake with file and line."""

import importlib
from pathlib import Path

import pytest

from femtobarn.errors import InputError
from femtobarn.runs import Published, read_published

HEADER = "name,value,error,unit,labels,data,source\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a package of its own, importable as ``paper``."""
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(importlib.sys.modules, "paper", raising=False)
    return folder


def test_rows_become_published_numbers(package: Path) -> None:
    rows = [
        "# Table 2 of the paper",
        'mean EMD,1.17,0.02,pitch,"loss=telescope; e-links=5",ttbar v11,"arXiv:2306.04712, table 2"',
        "",
        "accuracy,0.76,,,,jsc,arXiv:2006.10159",
    ]
    (package / "published.csv").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    labels = {"loss": "telescope", "e-links": "5"}
    assert read_published("paper") == [
        Published("mean EMD", 1.17, 0.02, "pitch", labels, "ttbar v11", "arXiv:2306.04712, table 2"),
        Published("accuracy", 0.76, data="jsc", source="arXiv:2006.10159"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("accuracy,0.76,,,,jsc", "7 columns expected, got 6"),
        ("accuracy,high,,,,jsc,x", "the value is a number, got 'high'"),
        ("accuracy,nan,,,,jsc,x", "the value is a finite number"),
        ("accuracy,1,-1,,,jsc,x", "an error is not negative, got -1"),
        ("accuracy,1,a,,,jsc,x", "the error is a number, got 'a'"),
        ("accuracy,1,,,bits,jsc,x", "labels are key=value; key=value, got 'bits'"),
        ("accuracy,1,,,bits=,jsc,x", "labels are key=value; key=value"),
        ("accuracy,1,,,a=1;a=2,jsc,x", "the label a stands twice"),
        (",1,,,,jsc,x", "the name is missing"),
        ("accuracy,1,,,,,x", "the data is missing"),
        ("accuracy,1,,,,jsc,", "the source is missing"),
        ('accuracy,1,,,,jsc,"x', "unexpected end of data"),
    ],
)
def test_a_bad_row_is_told_with_file_and_line(package: Path, row: str, message: str) -> None:
    good = "accuracy,0.76,,,,jsc,arXiv:2006.10159\n"
    (package / "published.csv").write_text(HEADER + good + row + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_published("paper")
    said = str(caught.value)
    assert said.startswith(f"{package / 'published.csv'}, line ")
    assert "line 3: " in said
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("content", ["", "name,value\n", HEADER.replace("labels", "label")])
def test_another_header_is_refused(package: Path, content: str) -> None:
    (package / "published.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="the columns are name,value,error,unit,labels,data,source"):
        read_published("paper")


def test_no_table_and_no_text(package: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*published\.csv"):
        read_published("paper")
    (package / "published.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"cannot read .*published\.csv"):
        read_published("paper")
