"""Tables of texts as CSV: read in pieces, in the encodings that spreadsheets write; messages never quote a text."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from femtobarn.data.opening import check_file
from femtobarn.data.source import Arrays, check_columns, check_unique
from femtobarn.errors import InputError

_DELIMITERS = (",", ";", "\t")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


class TextTable:
    """Source of the columns of a CSV file with a header, all of them text.

    Fields may stand in quotes, and texts in quotes may go over several lines. The delimiter is the comma,
    semicolon or tab that the header has most of. The encoding is UTF-8 or, where the file begins with its mark,
    UTF-16; a file that is not UTF-8 is read as Windows-1252 if its text never is UTF-8 beyond ASCII.

    Args:
        path: The file. Its last line needs an end: one cut short would pass for another text.
        needs: Columns that the file must have.

    Raises:
        InputError: No such file, no rows, a column that is missing, two of one name, encodings mixed, or a row with
            too many or too few fields. The line is named; what stands there may be personal, and is not repeated.
    """

    def __init__(self, path: Path, *, needs: Sequence[str] = ()) -> None:
        self.path = path
        check_file(path)
        self.encoding = _encoding(path)
        with path.open(encoding=self.encoding, newline="") as file:
            header = file.readline()
        self._delimiter = max(_DELIMITERS, key=header.count)
        reader = self._reader()
        self.columns: tuple[str, ...] = tuple(name.strip() for _, row in _first(reader) for name in row)
        check_unique(self.columns, str(path))
        check_columns(needs, self.columns, str(path))
        self._rows = sum(1 for _ in reader)
        if not self._rows:
            raise InputError(f"{path}: the file holds no rows of data")
        self._next, self._reading = 0, self._reader()

    def __len__(self) -> int:
        return self._rows

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Rows `start` to `stop` as arrays of `str`; in sequence they are read without going back."""
        check_columns(columns, self.columns, str(self.path))
        if start != self._next or start == 0:
            self._reading = self._reader()
            for _ in range(start + 1):  # with the header
                next(self._reading, None)
        rows = [row for _, (_, row) in zip(range(max(stop - start, 0)), self._reading, strict=False)]
        self._next = start + len(rows)
        places = {name: self.columns.index(name) for name in columns}
        return {name: np.array([row[i] for row in rows], dtype=object) for name, i in places.items()}

    def _reader(self) -> Iterator[tuple[int, list[str]]]:
        """Number of the last line of each row, and its fields; empty lines are left out."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            reader = csv.reader(_ended(file, self.path), delimiter=self._delimiter, strict=True)
            fields = 0
            try:
                for row in reader:
                    if row and fields and len(row) != fields:
                        place = f"{self.path}, line {reader.line_num}"
                        raise InputError(f"{place}: {len(row)} fields, expected {fields}")
                    fields = fields or len(row)
                    if row:
                        yield reader.line_num, row
            except csv.Error as error:
                raise InputError(f"{self.path}, line {reader.line_num}: {error}") from error


def _first(reader: Iterator[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    found = next(reader, None)
    return [found] if found else []


def _ended(lines: Iterator[str], path: Path) -> Iterator[str]:
    """The lines, none of which is cut short."""
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise InputError(f"{path}, line {number}: a zero byte, which no text has; save it as UTF-8")
        if not line.endswith(("\n", "\r")):
            raise InputError(
                f"{path}, line {number}: the last line has no end, so it may be cut short; add one if the file is whole"
            )
        yield line


def _encoding(path: Path) -> str:
    """Of the file, by its mark or by what its bytes can be.

    Raises:
        InputError: Some lines are UTF-8 beyond ASCII, others are not UTF-8: they were joined from several files.
    """
    with path.open("rb") as file:
        begin = file.read(3)
        for mark, encoding in _MARKS.items():
            if begin.startswith(mark):
                return _checked(path, encoding)
        file.seek(0)
        in_utf8 = other = 0
        for number, line in enumerate(file, 1):
            if line.isascii():
                continue
            with suppress(UnicodeDecodeError):
                line.decode("utf-8")
                in_utf8 = in_utf8 or number
                continue
            other = other or number
    if in_utf8 and other:
        raise InputError(
            f"{path}: line {in_utf8} is UTF-8 and line {other} is not: the encodings are mixed; save the file as UTF-8"
        )
    return _checked(path, "cp1252") if other else "utf-8"


def _checked(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, newline="") as file:
            for _ in file:
                pass
    except UnicodeError as error:
        raise InputError(f"{path}: is not text in {encoding}; save it as UTF-8") from error
    return encoding
