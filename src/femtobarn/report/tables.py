"""Results as tables: labels become columns, what is the same everywhere goes below the table."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from femtobarn.report.numbers import measurement
from femtobarn.report.pivot import Pivot, pivot
from femtobarn.runs import Published, Result

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_RUN = "run"


@dataclass(frozen=True)
class Entry:
    """A result, the run it is from (empty if there is only one), its data set, comparable numbers."""

    result: Result
    run: str = ""
    data_set: str = ""
    published: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, what a pointer at rest shows, what it is sorted by."""

    text: str
    hint: str = ""
    key: float | str = ""


@dataclass(frozen=True)
class Table:
    """A table of results: headings, groups of rows under a heading each, and what holds for all rows."""

    headings: tuple[str, ...]
    groups: tuple[tuple[str, tuple[tuple[Cell, ...], ...]], ...]
    note: str


@dataclass(frozen=True)
class Matrix:
    """A quantity as a matrix of two labels, what holds for all of it, and comparable published numbers.

    A published number that belongs to one cell stands in it (`beside`); the others follow in words (`published`).
    """

    title: str
    row_label: str
    column_label: str
    pivot: Pivot
    note: str
    beside: dict[tuple[str, str], str]
    published: tuple[str, ...]


def tables(entries: Sequence[Entry]) -> list[Table]:
    """All results, one table for each set of labels that occurs."""
    by_row = _grouped(entries, lambda entry: (*_quantity(entry), *entry.result.labels.items()))
    sorted_by_row = [entry for same in by_row.values() for entry in same]  # runs below each other
    by_labels = _grouped(sorted_by_row, lambda entry: tuple(entry.result.labels))
    return [_table(part) for part in by_labels.values()]


def matrices(entries: Sequence[Entry]) -> list[Matrix]:
    """A matrix for each quantity on the same data that varies in two labels; the run counts as one."""
    quantities = _grouped(
        entries, lambda entry: (*_quantity(entry), entry.result.split, entry.result.data, entry.data_set)
    )
    found = [matrix for part in quantities.values() if (matrix := _matrix(part))]
    often = Counter(matrix.title for matrix in found)
    return [_told_apart(matrix) if often[matrix.title] > 1 else matrix for matrix in found]


def _told_apart(matrix: Matrix) -> Matrix:
    """The same quantity on other data: its title begins with what holds for this matrix."""
    return replace(matrix, title=f"{matrix.title}, {matrix.note}", note="")


def _table(entries: Sequence[Entry]) -> Table:
    labels = tuple(entries[0].result.labels)
    columns = {label: [_text(entry.result.labels[label]) for entry in entries] for label in labels}
    if not labels:
        columns["quantity"] = [_text(_title(*_quantity(entry))) for entry in entries]
    if any(entry.run for entry in entries):
        columns["run"] = [_text(entry.run) for entry in entries]
    columns["value ± error"] = [value_cell(entry.result) for entry in entries]
    if any(entry.published for entry in entries):
        columns["published"] = [_published_cell(entry.published) for entry in entries]
    varying, note = _context([entry.result for entry in entries])
    columns |= varying
    rows = list(zip(entries, zip(*columns.values(), strict=True), strict=True))
    # Without labels a row is a quantity; with them a quantity is a group of rows.
    groups = _grouped(rows, lambda row: _title(*_quantity(row[0])) if labels else "")
    return Table(
        tuple(columns),
        tuple((heading, tuple(cells for _, cells in group)) for heading, group in groups.items()),
        note,
    )


def _matrix(entries: Sequence[Entry]) -> Matrix | None:
    entries = [_labelled_by_run(entry) for entry in entries]
    first = entries[0].result.labels
    if any(entry.result.labels.keys() != first.keys() for entry in entries):
        return None
    varied = [name for name in first if len({entry.result.labels[name] for entry in entries}) > 1]
    fixed = [f"{name}: {first[name]}" for name in first if name not in varied]
    if len(varied) == 3:
        entries, varied = _joined(entries, *varied)
    if len(varied) != 2:
        return None
    row, column = varied
    places = [(entry.result.labels[row], entry.result.labels[column]) for entry in entries]
    if len(set(places)) < len(places):
        return None
    results = [entry.result for entry in entries]
    of_one_cell, of_more = _published(entries)
    _, note = _context(results)
    return Matrix(
        title=_title(*_quantity(entries[0])),
        row_label=row,
        column_label=column,
        pivot=pivot(results, rows=row, columns=column),
        note=" · ".join((*fixed, note)),
        beside={place: text for place, text in zip(places, of_one_cell, strict=True) if text},
        published=of_more,
    )


def _published(entries: Sequence[Entry]) -> tuple[list[str], tuple[str, ...]]:
    """For each entry the published numbers of it alone, and in words those that several entries share.

    Numbers of single cells name their sources in words, each once.
    """
    often = Counter(describe(number) for entry in entries for number in entry.published)
    own = [[number for number in entry.published if often[describe(number)] == 1] for entry in entries]
    cells = ["; ".join(measurement(number.value, number.error) for number in numbers) for numbers in own]
    sources = [number.source for numbers in own for number in numbers]
    shared = [words for words, times in often.items() if times > 1]
    return cells, tuple(dict.fromkeys((*sources, *shared)))


def describe(published: Published) -> str:
    """A published number in words: its labels, value and source."""
    labels = ", ".join(f"{name} {text}" for name, text in published.labels.items())
    number = f"{measurement(published.value, published.error)} {published.unit}".rstrip()
    return f"{labels}: {number} ({published.source})" if labels else f"{number} ({published.source})"


def _labelled_by_run(entry: Entry) -> Entry:
    return _labelled(entry, _RUN, entry.run) if entry.run else entry


def _labelled(entry: Entry, name: str, text: str) -> Entry:
    return replace(entry, result=replace(entry.result, labels={**entry.result.labels, name: text}))


def _joined(entries: Sequence[Entry], first: str, second: str, third: str) -> tuple[list[Entry], list[str]]:
    """Two of three labels become one, that of the rows: the first and the run if there are runs, else the first two.

    Those of one first label stand below each other.
    """
    other, column = (third, second) if third == _RUN else (second, third)
    both = f"{first} · {other}"
    order = list(dict.fromkeys(entry.result.labels[first] for entry in entries))

    def joined(entry: Entry) -> Entry:
        parts = (entry.result.labels[first], entry.result.labels[other])
        return _labelled(entry, both, " · ".join(filter(None, parts)))

    below_each_other = sorted(entries, key=lambda entry: order.index(entry.result.labels[first]))
    return [joined(entry) for entry in below_each_other], [both, column]


def _context(results: Sequence[Result]) -> tuple[dict[str, list[Cell]], str]:
    """What must be known to judge numbers: columns of what varies among them, a note of what does not."""
    context = {
        "n": [Cell(measurement(float(r.n)), key=float(r.n)) if r.n else Cell("") for r in results],
        "split": [_text(r.split) for r in results],
        "data": [_text(r.data or "") for r in results],
        "seeds": [_text(", ".join(map(str, r.seeds))) for r in results],
        "error": [_text(r.error_kind) for r in results],
    }
    varying, notes = {}, []
    for name, cells in context.items():
        texts = {cell.text for cell in cells}
        if name in ("seeds", "error"):  # a number without error or training has none, which shows by itself
            texts.discard("")
        if len(texts) > 1:
            varying[name] = cells
        else:
            notes += [f"{name}: {text}" for text in texts if text]
    return varying, " · ".join(notes)


def value_cell(result: Result) -> Cell:
    """Value and error as shown; at rest the pointer shows them in full."""
    full = f"{result.value!r} ± {result.error!r}" if result.error is not None else repr(result.value)
    about = [f"n = {result.n}" if result.n else "", result.split, result.error_kind]
    hint = ", ".join([full, *filter(None, about)])
    return Cell(measurement(result.value, result.error), hint, result.value)


def _published_cell(published: Sequence[Published]) -> Cell:
    if not published:
        return Cell("")
    text = "; ".join(f"{measurement(number.value, number.error)} ({number.source})" for number in published)
    return Cell(text, key=published[0].value)


def _text(text: str) -> Cell:
    try:
        return Cell(text, key=float(text))
    except ValueError:
        return Cell(text, key=text)


def _title(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def _quantity(entry: Entry) -> tuple[str, str]:
    return entry.result.name, entry.result.unit


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by key, in the order in which the keys first appear."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
