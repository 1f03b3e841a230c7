"""Tables of texts in the encodings and with the delimiters that there are; faults name a line, never a text."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.data.source import stream
from femtobarn.data.text_table import TextTable
from femtobarn.errors import InputError

ROWS = [["a, b", "x"], ['say "no"', "y"], ["two\nlines", ""], ["Zürich – 5 €", "x"]]
SECRET = "Anna Miller"


def written(path: Path, rows: list[list[str]], *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    lines = [["text", "kind"], *rows]
    quoted = [delimiter.join('"' + each.replace('"', '""') + '"' for each in line) for line in lines]
    path.write_bytes(("\r\n".join(quoted) + "\r\n").encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_encoding_gives_the_same_texts(tmp_path: Path, encoding: str, delimiter: str) -> None:
    table = TextTable(written(tmp_path / "t.csv", ROWS, encoding=encoding, delimiter=delimiter))
    assert table.columns == ("text", "kind")
    assert len(table) == len(ROWS)
    found = table.read(["kind", "text"], 0, len(table))
    assert found["text"].tolist() == [row[0] for row in ROWS]
    assert found["kind"].tolist() == [row[1] for row in ROWS]


def test_pieces_are_what_the_whole_is(tmp_path: Path) -> None:
    table = TextTable(written(tmp_path / "t.csv", [[f"text {i}", str(i)] for i in range(50)]))
    whole = table.read(table.columns, 0, 50)
    pieces = list(stream(table, table.columns, rows=7))
    for name in table.columns:
        np.testing.assert_array_equal(np.concatenate([piece[name] for piece in pieces]), whole[name])
    assert table.read(["kind"], 20, 23)["kind"].tolist() == ["20", "21", "22"]
    assert table.read(["kind"], 48, 99)["kind"].tolist() == ["48", "49"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no rows"),
        (b"text,kind\n", "no rows"),
        (f"text,kind\n{SECRET},x,more\n".encode(), "line 2: 3 fields, expected 2"),
        (f"text,kind\n{SECRET},x".encode(), "line 2: the last line has no end"),
        (f'text,kind\n"{SECRET},x\n'.encode(), "line 2"),
        (f"text,kind\n{SECRET}\0,x\n".encode(), "line 2: a zero byte"),
        (f"text,text\n{SECRET},x\n".encode(), "2 columns of the name 'text'"),
        (
            f"text,kind\nZürich,x\n{SECRET},y\n".encode() + "Genève,z\n".encode("cp1252"),
            "line 2 is UTF-8 and line 4 is not",
        ),
        (f"text,kind\n{SECRET},x\n".encode("utf-16")[:-1], "utf-16"),
        (f"text,kind\n{SECRET} ".encode() + b"\x81,x\n", "cp1252"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_not_its_text(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)

    def read() -> None:
        table = TextTable(path)
        table.read(table.columns, 0, len(table))

    with pytest.raises(InputError) as caught:
        read()
    said = str(caught.value)
    assert words in said
    assert str(path) in said
    assert not any(word in said for word in SECRET.split())
