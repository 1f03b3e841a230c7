"""Results of one quantity as a matrix of two labels, as method against number of links."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from femtobarn.errors import InputError
from femtobarn.runs import Result


@dataclass(frozen=True)
class Pivot:
    """A matrix of results: names of rows and columns, and the result in each cell that has one."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: dict[tuple[str, str], Result]


def pivot(results: Sequence[Result], *, rows: str, columns: str) -> Pivot:
    """Results arranged by two of their labels: numbers by size, then words as they first appear.

    Raises:
        InputError: A result lacks one of the labels, or two results fall into one cell.
    """
    cells: dict[tuple[str, str], Result] = {}
    for result in results:
        if missing := {rows, columns} - result.labels.keys():
            raise InputError(f"{result.name} {result.labels} has no label {' and '.join(sorted(missing))}")
        place = result.labels[rows], result.labels[columns]
        if place in cells:
            where = f"{rows} {place[0]}, {columns} {place[1]}"
            raise InputError(f"two results of {result.name} at {where}: choose among them first")
        cells[place] = result
    return Pivot(_ordered(row for row, _ in cells), _ordered(column for _, column in cells), cells)


def head(label: str, name: str) -> str:
    """Words over a column: a number says what it counts, ``5 e-links``; words speak for themselves."""
    if not name:
        return f"any {label}"
    return f"{name} {label}" if math.isfinite(_size(name)) else name


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(names), key=_size))


def _size(name: str) -> float:
    """A number's own size; words are larger than any."""
    try:
        size = float(name)
    except ValueError:
        return math.inf
    return math.inf if math.isnan(size) else size
