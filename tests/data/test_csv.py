"""The CSV reader against Python's own reading of the same numbers."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.data import csv
from femtobarn.data.csv import CsvFile
from femtobarn.errors import InputError


def letters(fields: int) -> tuple[str, ...]:
    return tuple("abcdefgh"[:fields])


def opened(path: Path, content: str | bytes, **options: tuple[str, ...]) -> CsvFile:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvFile(path, names=letters, **options)


@given(number=st.floats(allow_nan=False, width=64), style=st.sampled_from(["r", ".6g", ".15e", ".3f"]))
def test_numbers_are_read_as_python_reads_them(
    number: float, style: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = repr(number) if style == "r" else format(number, style)
    file = opened(tmp_path_factory.mktemp("csv") / "a.csv", f"1,2\n {text}\t,-0\n")
    found = file.read(("a", "b"), 1, 2)
    if abs(number) > 1e-290:  # smaller ones lose digits on the way
        np.testing.assert_allclose(found["a"], float(text), rtol=1e-14)
    assert found["b"][0] == 0


@pytest.mark.parametrize(
    "text", ["0", "-0.0", "+7", "1e3", "1E-3", ".5", "5.", "12345678901234567890", "nan", "inf", "-INF"]
)
def test_forms_of_a_number(text: str, tmp_path: Path) -> None:
    file = opened(tmp_path / "a.csv", f"{text}\n{text}\n")
    np.testing.assert_array_equal(file.read(("a",), 0, 2)["a"], [float(text)] * 2)


@pytest.mark.parametrize("digits", [1, 8, 15])
def test_numbers_of_up_to_15_digits_are_exact(digits: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(digits)
    numbers = [
        f"{m}e{e}"
        for m, e in zip(
            generator.integers(10**digits, size=500), generator.integers(-22, 8, 500), strict=True
        )
    ]
    file = opened(tmp_path / "a.csv", "\n".join(numbers) + "\n")
    np.testing.assert_array_equal(file.read(("a",), 0, 500)["a"], [float(text) for text in numbers])


@pytest.mark.parametrize(
    "text", ["", "x", "1x", "1.2.3", "--1", "1e", "1e+", "e5", ".", "0x10", "1_0", "1 2"]
)
def test_what_is_not_a_number_is_told_with_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        opened(tmp_path / "a.csv", f"1,2\n3,{text}\n5,6\n").read(("b",), 0, 3)
    assert str(error.value) == f"{tmp_path}/a.csv, line 2: b is not a number: {text!r}"


def test_rows_can_be_read_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "_STRIDE", 4)
    monkeypatch.setattr(csv, "_BLOCK", 13)
    table = np.random.default_rng(1).integers(-1000, 1000, (23, 3))
    text = "\n".join(",".join(map(str, row)) for row in table)
    for header in ("", "\ufeff", "a,b,c\n", "\ufeffa,b,c\n"):
        file = opened(tmp_path / "a.csv", header + text + "\n")
        assert len(file) == 23
        for start in range(24):
            for stop in (start, start + 1, start + 5, 23, 99):
                found = file.read(("c", "a"), start, stop)
                np.testing.assert_array_equal(found["a"], table[start:stop, 0])
                np.testing.assert_array_equal(found["c"], table[start:stop, 2])


def test_a_number_cut_short_is_not_read_as_another(tmp_path: Path) -> None:
    whole = "1,2\n3,456\n"
    for size in range(len(whole) - 1, 4, -1):
        file = opened(tmp_path / "a.csv", whole[:size])
        assert file.read(("b",), 0, 1)["b"] == [2], "the lines before it can be read"
        with pytest.raises(InputError, match=r"line 2: .*(no end of line|fields, expected|not a number)"):
            file.read(("b",), 0, 9)


@pytest.mark.parametrize("start", [0, 1])
def test_a_header_of_numbers_counts_the_columns(tmp_path: Path, start: int) -> None:
    """As pandas writes it for an array."""
    header = ",".join(str(i + start) for i in range(5))
    file = opened(tmp_path / "a.csv", f"{header}\n9,8,7,6,5\n4,3,2,1,0\n")
    assert (len(file), file.columns) == (2, tuple("abcde"))
    assert file.where(0).endswith("line 2")
    np.testing.assert_array_equal(file.read(("a", "e"), 0, 2)["a"], [9, 4])
    assert len(opened(tmp_path / "b.csv", "0,1\n5,6\n")) == 2, "two numbers may be a row"
    assert len(opened(tmp_path / "c.csv", "0,1,2,3,5\n5,6,7,8,9\n")) == 2


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 columns of the name 'x', expected one of each"):
        opened(tmp_path / "a.csv", "x,y,x\n1,2,3\n")


def test_a_text_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    file = opened(tmp_path / "a.csv", b"x,kind\n1,F\xe9\n2,G\n", text=("kind",))
    assert list(file.read(("kind",), 0, 2)["kind"]) == ["F\ufffd", "G"]


def test_a_first_line_without_an_end_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "_FIRST_LINE", 100)
    with pytest.raises(InputError, match="first line of more than 100 bytes"):
        opened(tmp_path / "a.csv", "1," * 100)


def test_windows_line_ends(tmp_path: Path) -> None:
    file = opened(tmp_path / "a.csv", "one,two\r\n1,2\r\n3,4\r\n")
    assert file.columns == ("one", "two")
    np.testing.assert_array_equal(file.read(("two",), 0, 2)["two"], [2, 4])


def test_header_is_known_by_its_first_field(tmp_path: Path) -> None:
    assert opened(tmp_path / "a.csv", "x,y\n1,2\n").columns == ("x", "y")
    assert opened(tmp_path / "b.csv", '"x", y\n1,2\n').columns == ("x", "y")
    file = opened(tmp_path / "c.csv", "1,2\n3,4\n")
    assert file.columns == ("a", "b")
    assert len(file) == 2, "no row is lost"


def test_text_columns(tmp_path: Path) -> None:
    file = opened(tmp_path / "a.csv", "x,kind,y\n1,FI,2\n3,FM,4\n5,,6\n", text=("kind",))
    found = file.read(("kind", "y"), 1, 3)
    assert list(found["kind"]) == ["FM", ""]
    np.testing.assert_array_equal(found["y"], [4, 6])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1,2,3\n4,5\n6,7,8\n", "line 2: 2 fields, expected 3$"),
        ("1,2,3\n4,5,6,7\n", "line 2: 4 fields, expected 3"),
        ("1,2,3\n\n4,5,6\n", "line 2: 1 fields, expected 3$"),
        ("1,2,3\n4,5,6\n7,8", r"line 3: 2 fields, expected 3; is the file cut short\?"),
        ("1,2,3\n4,5,6\n7,", r"line 3: 2 fields, expected 3; is the file cut short\?"),
        ("x,y,z\n4,5,6\n7,8\n", r"line 3: 2 fields, expected 3; is the file cut short\?"),
    ],
)
@pytest.mark.parametrize("column", [0, -1])
def test_lines_of_wrong_length_are_told(content: str, message: str, column: int, tmp_path: Path) -> None:
    file = opened(tmp_path / "a.csv", content)
    with pytest.raises(InputError, match=message):
        file.read((file.columns[column],), 0, 9)


def test_files_without_rows_are_refused(tmp_path: Path) -> None:
    for content in ("", "a,b\n", "a,b"):
        with pytest.raises(InputError, match="no rows"):
            opened(tmp_path / "a.csv", content)
    with pytest.raises(InputError, match="no such file"):
        CsvFile(tmp_path / "none.csv", names=letters)


def test_missing_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'CALQ_11'; did you mean CALQ_1"):
        opened(tmp_path / "a.csv", "CALQ_1,eta\n1,2\n").read(("CALQ_11",), 0, 1)


@given(number=st.integers(-(2**63) + 1, 2**63 - 1))
def test_whole_numbers_are_exact(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = opened(tmp_path_factory.mktemp("csv") / "a.csv", f"a,b\n{number}, +7 \n", whole=("a", "b"))
    found = file.read(("a", "b"), 0, 1)
    assert found["a"].dtype == np.int64
    assert (found["a"][0], found["b"][0]) == (number, 7)


@pytest.mark.parametrize("text", ["1.5", "1e3", "nan", "9223372036854775808", "99999999999999999999", "5."])
def test_what_is_not_whole_is_told_with_its_place(text: str, tmp_path: Path) -> None:
    file = opened(tmp_path / "a.csv", f"a,b\n1,2\n{text},3\n", whole=("a",))
    with pytest.raises(InputError, match=rf"line 3: a: expected a whole number of 64 bits, got '{text}'"):
        file.read(("a", "b"), 0, 2)
    assert file.read(("b",), 0, 2)["b"].tolist() == [2, 3]


def test_a_packed_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(0, 10**6, (10_000, 2))
    text = "a,b\n" + "".join(f"{a},{b}\n" for a, b in rows.tolist())
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    file = CsvFile(path, names=letters)
    np.testing.assert_array_equal(
        np.stack(list(file.read(("a", "b"), 4000, 9000).values()), 1), rows[4000:9000]
    )
    path.write_bytes(gzip.compress(text.encode())[:-30])
    with pytest.raises(InputError, match="not a readable gzip file"):
        CsvFile(path, names=letters)
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(InputError, match="not a readable gzip file"):
        CsvFile(path, names=letters)


def test_columns_without_names_are_the_expected_ones_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, columns in (("1,2\n", ("x", "y")), ("y,x\n1,2\n", ("y", "x"))):
        path.write_text(text)
        assert CsvFile(path, names=("x", "y")).columns == columns
    path.write_text("1,2,3\n")
    with pytest.raises(InputError, match=r"a\.csv: expected 2 columns without names \(x, y\).* got 3"):
        CsvFile(path, names=("x", "y"))
