"""Comma-separated numbers, read in pieces; errors name the line."""

import contextlib
import gzip
from collections.abc import Callable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import no_type_check

import numpy as np

from femtobarn.compiled import njit
from femtobarn.data.opening import check_file, check_memory, reading
from femtobarn.data.source import Arrays, check_columns, check_unique
from femtobarn.errors import InputError

_STRIDE = 4096  # rows between two remembered places in the file
_BLOCK = 1 << 22
_FIRST_LINE = 1 << 20  # bytes of it at most
_NUMBERED = 4  # fields from which on a first line 0, 1, 2, ... is one of names
_MARK = b"\xef\xbb\xbf"  # with which some programs begin a text
_NEWLINE, _COMMA = 10, 44
_POWERS = 10.0 ** np.arange(301)


class CsvFile:
    """Source of a CSV file of numbers; with a header if its first field is not a number.

    A first line 0, 1, 2, ... (or 1, 2, 3, ...) is a header too, one without names, as pandas writes it for an
    array. Every line must have as many fields as the first and an end: a number cut short would pass for
    another number.

    Args:
        path: The file; packed by gzip if its name ends in ``.gz``.
        names: Of the fields of a file without a header, or what gives them for a number of fields.
        text: Columns that hold text; reading these is slow.
        whole: Columns of whole numbers, which are read as int64, exactly.

    Raises:
        InputError: No such file, nothing in it, two columns of one name, or without a header not a field a name.
    """

    def __init__(
        self,
        path: Path,
        *,
        names: tuple[str, ...] | Callable[[int], tuple[str, ...]],
        text: Sequence[str] = (),
        whole: Sequence[str] = (),
    ) -> None:
        self.path = path
        check_file(path)
        try:
            with _opened(path) as file:
                first = _first_line(path, file)
                fields = first.decode("utf-8-sig", "replace").strip().split(",")
                named, numbered = not _is_number(fields[0]), _is_numbered(fields)
                self._header = named or numbered
                begin = len(_MARK) if first.startswith(_MARK) else 0
                self._starts, self._rows, self._ended = _scan(file, len(first) if self._header else begin)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        if self._rows == 0:
            raise InputError(f"{path}: the file holds no rows of data")
        self.columns = (
            tuple(name.strip().strip('"') for name in fields) if named else self._given(names, len(fields))
        )
        check_unique(self.columns, str(path))
        self._text, self._whole = set(text), set(whole)

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and line."""
        return f"{self.path}, line {row + 1 + self._header}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Rows `start` to `stop` as float64, or int64 where they are whole (text as it stands).

        Raises:
            InputError: A line with too few or too many fields, with something that is not a number, or without an
                end.
        """
        check_columns(columns, self.columns, str(self.path))
        stop = max(min(stop, self._rows), start)
        numbers = [name for name in columns if name not in self._text]
        check_memory(8 * (stop - start) * len(numbers), str(self.path))
        table = np.empty((stop - start, len(numbers)))
        whole = np.empty_like(table, np.int64)
        is_whole = np.array([name in self._whole for name in self.columns])
        texts: dict[str, list[str]] = {name: [] for name in columns if name in self._text}
        target = np.full(len(self.columns), -1)
        target[[self.columns.index(name) for name in numbers]] = np.arange(len(numbers))
        for first, block in self._blocks(start, stop):
            rows = min(stop, first + _STRIDE - first % _STRIDE) - first
            part = slice(first - start, first - start + rows)
            fault, row, field = _parse(
                np.frombuffer(block, np.uint8), target, is_whole, table[part], whole[part]
            )
            if fault:
                raise InputError(self._fault(block, first, row, field, fault))
            for name, values in texts.items():
                index = self.columns.index(name)
                lines = block.split(b"\n")[:rows]
                values += [line.split(b",")[index].decode("utf-8", "replace").strip() for line in lines]
        if start < stop == self._rows and not self._ended:
            raise InputError(
                f"{self.where(stop - 1)}: the last line has no end of line, so its last number may be cut short; add "
                "one if the file is whole"
            )
        found = {
            name: (whole if name in self._whole else table)[:, index] for index, name in enumerate(numbers)
        }
        return {name: found[name] if name in found else np.array(texts[name]) for name in columns}

    def _given(
        self, names: tuple[str, ...] | Callable[[int], tuple[str, ...]], fields: int
    ) -> tuple[str, ...]:
        if callable(names):
            return names(fields)
        if fields != len(names):
            expected = f"{len(names)} columns without names ({', '.join(names)})"
            raise InputError(
                f"{self.path}: expected {expected}, or names in the first line: got {fields} columns"
            )
        return names

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Bytes from each place where a read has to begin or go on, and the row they begin with."""
        with _opened(self.path) as file:
            for index in range(start // _STRIDE, -(-stop // _STRIDE)):
                file.seek(self._starts[index])
                size = self._starts[index + 1] - self._starts[index] if index + 1 < len(self._starts) else -1
                block = file.read(size)
                first = index * _STRIDE
                if first < start:
                    block = block.split(b"\n", start - first)[-1]
                    first = start
                yield first, block

    def _fault(self, block: bytes, first: int, row: int, field: int, fault: int) -> str:
        line = block.split(b"\n", row + 1)[row].decode("utf-8", "replace")
        place = self.where(first + row)
        if fault == _NOT_A_NUMBER:
            return f"{place}: {self.columns[field]} is not a number: {line.split(',')[field].strip()!r}"
        if fault == _NOT_WHOLE:
            words = f"expected a whole number of 64 bits, got {line.split(',')[field].strip()!r}"
            return f"{place}: {self.columns[field]}: {words}"
        cut = "; is the file cut short?" if first + row == self._rows - 1 else ""
        return f"{place}: {line.count(',') + 1} fields, expected {len(self.columns)}{cut}"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    if path.suffix == ".gz":
        with reading(path, "gzip"), gzip.open(path) as file:
            yield file
    else:
        with path.open("rb") as file:
            yield file


def _first_line(path: Path, file: BufferedIOBase) -> bytes:
    line = file.readline(_FIRST_LINE)
    if len(line) == _FIRST_LINE:
        raise InputError(
            f"{path}: expected lines of numbers, got a first line of more than {_FIRST_LINE} bytes"
        )
    return line


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _is_numbered(fields: Sequence[str]) -> bool:
    """Whether the fields count themselves, from 0 or 1."""
    if len(fields) < _NUMBERED or not all(map(_is_number, fields)):
        return False
    found = np.array([float(field) for field in fields])
    return bool(found[0] in (0, 1)) and np.array_equal(found - found[0], np.arange(len(fields)))


def _scan(file: BufferedIOBase, begin: int) -> tuple[list[int], int, bool]:
    """Byte offsets of rows 0, `_STRIDE`, 2 `_STRIDE`, ..., the number of rows, whether the last has an end."""
    file.seek(begin)
    starts, rows, offset, last = [begin], 0, begin, b"\n"
    while block := file.read(_BLOCK):
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE)
        # The row that follows newline number k (counted from 0) is row k + 1.
        wanted = np.arange(_STRIDE - 1 - rows % _STRIDE, len(ends), _STRIDE)
        starts += (ends[wanted] + offset + 1).tolist()
        rows, offset, last = rows + len(ends), offset + len(block), block[-1:]
    ended = last == b"\n"
    return starts, rows + (not ended), ended


_NOT_A_NUMBER, _WRONG_COUNT, _NOT_WHOLE = 1, 2, 3
_MOST_DIGITS = 19


@njit(cache=True)
@no_type_check
def _parse(block, target, is_whole, table, whole):
    """Fill both tables, field by field; gives (0, 0, 0) or a fault with its row and field."""
    i, size = 0, len(block)
    for row in range(table.shape[0]):
        field = 0
        while True:
            begin, value = i, 0
            while i < size and 48 <= block[i] <= 57 and i < begin + 15:
                value = 10 * value + (block[i] - 48)
                i += 1
            if i > begin and (i == size or block[i] == _COMMA or block[i] == _NEWLINE):
                good, number = True, float(value)  # most fields are small whole numbers
            else:
                while i < size and block[i] != _COMMA and block[i] != _NEWLINE:
                    i += 1
                good, number = _number(block, begin, i)
            if field < len(target) and target[field] >= 0:
                if not good:
                    # A line that is too short is reported as such, not as an empty number.
                    if field + 1 < len(target) and (i >= size or block[i] == _NEWLINE):
                        return _WRONG_COUNT, row, field
                    return _NOT_A_NUMBER, row, field
                if is_whole[field]:
                    good, value = _whole_number(block, begin, i)
                    if not good:
                        return _NOT_WHOLE, row, field
                    whole[row, target[field]] = value
                table[row, target[field]] = number
            field += 1
            if i >= size or block[i] == _NEWLINE:
                i += 1
                break
            i += 1
        if field != len(target):
            return _WRONG_COUNT, row, field
    return 0, 0, 0


@njit
@no_type_check
def _whole_number(block, begin, end):
    """The whole number in block[begin:end], which is known to hold a number."""
    value, digits, sign = 0, 0, 1
    for i in range(begin, end):
        c = block[i]
        if 48 <= c <= 57:
            value = 10 * value + (c - 48)
            digits += 1
        elif c == 45:
            sign = -1
        elif c != 43 and c != 32 and c != 9 and c != 13:
            return False, 0
    return digits <= _MOST_DIGITS and value >= 0, sign * value  # a value beyond 64 bits is negative


@njit
@no_type_check
def _number(block, begin, end):
    """The decimal number in block[begin:end]; beyond 15 digits the last bit may differ from Python's."""
    while begin < end and (block[begin] == 32 or block[begin] == 9):
        begin += 1
    while end > begin and (block[end - 1] == 32 or block[end - 1] == 9 or block[end - 1] == 13):
        end -= 1
    sign = 1.0
    if begin < end and (block[begin] == 43 or block[begin] == 45):
        sign = -1.0 if block[begin] == 45 else 1.0
        begin += 1
    if end - begin == 3:  # nan, inf
        a, b, c = block[begin] | 32, block[begin + 1] | 32, block[begin + 2] | 32
        if a == 110 and b == 97 and c == 110:
            return True, np.nan
        if a == 105 and b == 110 and c == 102:
            return True, sign * np.inf
    digits, scale, mantissa, point = 0, 0, 0, False
    i = begin
    while i < end:
        c = block[i]
        if c == 46 and not point:
            point = True
        elif 48 <= c <= 57:
            digits += 1
            if mantissa < 100_000_000_000_000_000:
                mantissa = 10 * mantissa + (c - 48)
                scale -= point
            else:
                scale += not point
        else:
            break
        i += 1
    if digits == 0:
        return False, 0.0
    if i < end:
        if block[i] != 69 and block[i] != 101:
            return False, 0.0
        i += 1
        negative = i < end and block[i] == 45
        if i < end and (block[i] == 43 or block[i] == 45):
            i += 1
        if i == end:
            return False, 0.0
        exponent = 0
        while i < end:
            if not 48 <= block[i] <= 57:
                return False, 0.0
            exponent = min(10 * exponent + (block[i] - 48), 10_000)
            i += 1
        scale += -exponent if negative else exponent
    if scale < 0:
        return True, sign * (mantissa / _POWERS[min(-scale, 300)])
    return True, sign * (mantissa * _POWERS[min(scale, 300)])
