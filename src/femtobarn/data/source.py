"""What a table of events is to the rest of the library: length, columns, and rows on demand."""

import difflib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol, runtime_checkable

import numpy as np

from femtobarn.errors import InputError, nearest

Arrays = dict[str, np.ndarray]
_NEARLY = 0.8  # alike, as difflib counts it: one letter of five is another


@runtime_checkable
class Source(Protocol):
    """A table that is read in pieces, so that it may be larger than memory.

    Anything with these three members will do; `InMemory` is the simplest.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that `read` knows."""
        ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Rows `start` to `stop` (exclusive) of the columns; what lies beyond the end is left out."""
        ...


class FileSource(Source, Protocol):
    """A source that can tell where in a file a row stands, for messages."""

    def where(self, row: int) -> str:
        """File and line, entry or row."""
        ...


class InMemory:
    """Source of arrays of equal length."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise InputError(f"expected at least one column, all of equal length, got {lengths or 'none'}")
        self._arrays, self._rows = dict(arrays), next(iter(lengths.values()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that `read` knows."""
        return tuple(self._arrays)

    def __len__(self) -> int:
        return self._rows

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows; views, not copies."""
        check_columns(columns, self.columns, "the arrays")
        return {name: self._arrays[name][start:stop] for name in columns}


class Concatenated:
    """Several sources with the same columns, one after the other."""

    def __init__(self, sources: Sequence[FileSource]) -> None:
        self._sources = list(sources)
        self._ends = list(accumulate(map(len, sources)))
        for source in self._sources:
            if set(source.columns) != set(self.columns):
                odd = sorted(set(source.columns) ^ set(self.columns))
                raise InputError(
                    f"{source.where(0)}: other columns than {self._sources[0].where(0)}: {', '.join(odd[:4])}"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that `read` knows."""
        return self._sources[0].columns

    def __len__(self) -> int:
        return self._ends[-1]

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows, wherever they lie."""
        stop = min(stop, len(self))
        if start >= stop:
            return self._sources[0].read(columns, 0, 0)
        parts = []
        for index in range(bisect_right(self._ends, start), len(self._sources)):
            before = self._ends[index] - len(self._sources[index])
            if before >= stop:
                break
            parts.append(self._sources[index].read(columns, max(start - before, 0), stop - before))
        return {name: np.concatenate([part[name] for part in parts]) for name in columns}

    def where(self, row: int) -> str:
        """Which file, and where in it."""
        index = min(bisect_right(self._ends, row), len(self._sources) - 1)
        return self._sources[index].where(row - (self._ends[index] - len(self._sources[index])))


def stream(
    source: Source, columns: Sequence[str], *, rows: int = 65_536, start: int = 0, stop: int | None = None
) -> Iterator[Arrays]:
    """The source's rows in pieces of at most `rows`, from `start` to `stop` or the end."""
    stop = len(source) if stop is None else min(stop, len(source))
    for first in range(start, stop, rows):
        yield source.read(columns, first, min(first + rows, stop))


def check_columns(wanted: Sequence[str], known: Sequence[str], place: str) -> None:
    """Raise an InputError that names the first column that is missing and the nearest one there is."""
    for name in wanted:
        if name not in known:
            raise InputError(f"{place}: no column {name!r}; {nearest(name, known)}")


def check_optional(optional: Sequence[str], others: Sequence[str], place: str) -> None:
    """Refuse a file with a column of nearly the name of one that it need not have and has not.

    Args:
        optional: Such columns that the file does not have.
        others: Its columns that are none of the format.
        place: The file, for the message.

    Raises:
        InputError: As said: the column is misspelt or its name damaged, and would be left out without a word.
    """
    for name in optional:
        if close := difflib.get_close_matches(name, others, n=1, cutoff=_NEARLY):
            raise InputError(f"{place}: expected {name} or no such column, got {close[0]!r}: is it damaged?")


def check_unique(names: Sequence[str], place: str) -> None:
    """Raise an InputError that names the first column of which there are two: which one is meant?"""
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{place}: {names.count(name)} columns of the name {name!r}, expected one of each"
            )
