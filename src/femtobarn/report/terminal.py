"""The short table that a run ends with on the terminal."""

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from femtobarn.report.numbers import measurement
from femtobarn.report.pivot import head, pivot
from femtobarn.runs import Result, Run


def print_summary(run: Run, console: Console | None = None) -> None:
    """Print the first quantity among the results of a run, with errors, sample size and kind of data.

    Two labels make a matrix, as method against rate; otherwise each result has a line of its own.
    """
    results = run.results()
    if not results:
        return
    chosen = [result for result in results if result.name == results[0].name]
    # Piped into a file there is no width to keep to, and the width of some terminal would break the numbers.
    console = console or Console(width=None if sys.stdout.isatty() else 240)
    table = _matrix(chosen) if len(chosen[0].labels) == 2 else _list(chosen)
    if Measurement.get(console, console.options, table).maximum > console.width:
        table = _list(chosen)  # a matrix that does not fit would lose its digits
    console.print(table)


def _matrix(results: list[Result]) -> Table:
    rows, columns = results[0].labels
    matrix = pivot(results, rows=rows, columns=columns)
    table = Table(
        title=_title(results[0]), title_justify="left", caption=_caption(results), caption_justify="left"
    )
    table.add_column(rows)
    for name in matrix.columns:
        table.add_column(head(columns, name), justify="right", no_wrap=True)
    for name in matrix.rows:
        cells = (matrix.cells.get((name, column)) for column in matrix.columns)
        table.add_row(name, *(measurement(cell.value, cell.error) if cell else "" for cell in cells))
    return table


def _list(results: list[Result]) -> Table:
    table = Table(
        title=_title(results[0]), title_justify="left", caption=_caption(results), caption_justify="left"
    )
    for name in (*results[0].labels, "value"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for result in results:
        table.add_row(*result.labels.values(), measurement(result.value, result.error))
    return table


def _title(result: Result) -> str:
    return f"{result.name} [{result.unit}]".replace(" []", "").replace("[", "\\[")


def _caption(results: list[Result]) -> str:
    first = results[0]
    kind = "real data" if first.data == "real" else "stand-in data"
    errors = "; ".join(dict.fromkeys(result.error_kind for result in results if result.error_kind))
    split = f", {first.split} split" if first.split else ""
    return f"{kind}{split}, n = {first.n}" + (f"; errors: {errors}" if errors else "")
