"""The short table that a run ends with on the terminal."""

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from femtobarn.errors import printable
from femtobarn.report.numbers import measurement
from femtobarn.report.pivot import head, pivot
from femtobarn.runs import Result, Run

_UNBOUND = 10_000  # columns: as wide as it wants to be


def print_summary(run: Run, console: Console | None = None) -> None:
    """Print the first quantity among the results of a run, with errors, sample size and kind of data.

    Two labels make a matrix, as method against rate; otherwise each result has a line of its own. Numbers are
    always whole: a matrix that does not fit becomes a list, and a list that does not fit becomes plain lines.
    """
    results = run.results()
    if not results:
        return
    chosen = [result for result in results if result.name == results[0].name]
    # Piped into a file there is no width to keep to, and the width of some terminal would break the numbers.
    console = console or Console(width=None if sys.stdout.isatty() else 240)
    if len(chosen[0].labels) == 2 and _widths(console, table := _matrix(chosen)).maximum <= console.width:
        shown: Table | Text = table
    else:
        shown = table if _widths(console, table := _list(chosen)).minimum <= console.width else _lines(chosen)
    console.print(shown, soft_wrap=isinstance(shown, Text))


def _widths(console: Console, table: Table) -> Measurement:
    """Widths of a table when nothing binds it; of a bound one rich says that it fits."""
    return Measurement.get(console, console.options.update(max_width=_UNBOUND), table)


def _matrix(results: list[Result]) -> Table:
    rows, columns = results[0].labels
    matrix = pivot(results, rows=rows, columns=columns)
    table = _table(results)
    table.add_column(_plain(rows))
    for name in matrix.columns:
        table.add_column(_plain(head(columns, name)), justify="right", no_wrap=True)
    for name in matrix.rows:
        cells = (matrix.cells.get((name, column)) for column in matrix.columns)
        table.add_row(_plain(name), *(measurement(cell.value, cell.error) if cell else "" for cell in cells))
    return table


def _list(results: list[Result]) -> Table:
    table = _table(results)
    for name in results[0].labels:
        table.add_column(_plain(name), overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    for result in results:
        table.add_row(*map(_plain, result.labels.values()), measurement(result.value, result.error))
    return table


def _lines(results: list[Result]) -> Text:
    rows = [
        " ".join([*result.labels.values(), measurement(result.value, result.error)]) for result in results
    ]
    return _plain("\n".join([_title(results[0]), *rows, _caption(results)]))


def _table(results: list[Result]) -> Table:
    return Table(
        title=_plain(_title(results[0]), "table.title"),
        title_justify="left",
        caption=_plain(_caption(results), "table.caption"),
        caption_justify="left",
    )


def _plain(text: str, style: str = "") -> Text:
    """A label may hold what rich takes for markup, as a file named gen[v2]."""
    return Text(printable(text), style)


def _title(result: Result) -> str:
    return f"{result.name} [{result.unit}]".replace(" []", "")


def _caption(results: list[Result]) -> str:
    first = results[0]
    kind = "real data" if first.data == "real" else "stand-in data"
    errors = "; ".join(dict.fromkeys(result.error_kind for result in results if result.error_kind))
    split = f", {first.split} split" if first.split else ""
    size = f", n = {first.n}" if first.n else ""  # of some numbers none is stated
    return f"{kind}{split}{size}" + (f"; errors: {errors}" if errors else "")
