"""The tables of the CaloChallenge, and where own generators stand in them.

``challenge_rows.csv`` holds the numbers of arXiv:2410.21611 as its authors keep them (CaloChallenge/homepage,
final_results): FPD and KPD times 1000, times in milliseconds a shower, log posteriors among the generators of one
data set. Where the challenge has no number there is none.
"""

import csv
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from femtobarn.errors import InputError, printable
from femtobarn.physics.voxels import geometry
from femtobarn.report.numbers import measurement
from femtobarn.runs import Result, Run

SOURCE = "arXiv:2410.21611"

#: Columns of the tables, and whether less is better.
COLUMNS = {
    "parameters": True,
    "FPD": True,
    "KPD": True,
    "AUC low": True,
    "AUC high": True,
    "AUC CNN": True,
    "log posterior": False,
    "coverage": False,
    "CPU 1": True,
    "CPU 100": True,
    "GPU 100": True,
    "GPU 10000": True,
}

#: Our metrics that are defined as those of the tables.
_OURS = {
    "FPD (published recipe) x1000": "FPD",
    "KPD (published recipe) x1000": "KPD",
    "AUC low": "AUC low",
    "AUC high": "AUC high",
    "AUC CNN": "AUC CNN",
    "coverage": "coverage",
}


class Row(NamedTuple):
    """One generator; `values` by the names in `COLUMNS`, with errors where they are known."""

    model: str
    values: dict[str, float]
    errors: dict[str, float]
    source: str


def data_name(dataset: str) -> str:
    """What a run calls its data if the reference is the published one."""
    return f"CaloChallenge data set {geometry(dataset).name}"


def published_rows(dataset: str) -> list[Row]:
    """The published table of a data set, best FPD first; the first row is Geant4 against itself.

    Raises:
        InputError: There is no such data set.
    """
    geometry(dataset)
    with files("femtobarn.evaluation").joinpath("challenge_rows.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    return [
        Row(
            "Geant4" if row["model"] == "GEANT4" else row["model"],
            {name: float(row[name]) for name in COLUMNS if row[name]},
            {},
            SOURCE,
        )
        for row in rows
    ]


def own_rows(run: Run) -> list[Row]:
    """The generators of one evaluation, by what is defined as in the tables.

    Log posteriors are left out: they depend on which generators take part.

    Raises:
        InputError: The run is no evaluation of showers.
    """
    if run.record["system"] != "evaluate-showers":
        raise InputError(f"{run.folder} is a run of {run.record['system']}: expected one of evaluate showers")
    found: dict[str, Row] = {}
    for result in run.results():
        column = _column(result)
        if column is None:
            continue
        row = found.setdefault(result.labels["sample"], Row(result.labels["sample"], {}, {}, run.name))
        row.values[column] = result.value
        if result.error is not None and math.isfinite(result.error):
            row.errors[column] = result.error
    return list(found.values())


def leaderboard(dataset: str, runs: Sequence[Run] = ()) -> list[Row]:
    """The published table with the generators of own runs among them, best FPD first.

    Only runs against the published reference belong there; see `own_rows` for the others.

    Raises:
        InputError: No such data set, a run that is no evaluation of showers, or one against another reference.
    """
    rows = published_rows(dataset)
    for run in runs:
        if run.data is None or run.data.kind != "real" or run.data.name != data_name(dataset):
            raise InputError(
                f"{run.folder}: its reference is {run.data.name if run.data else 'unknown'}, not the published one "
                f"of data set {dataset}: only like is compared with like"
            )
        rows += own_rows(run)
    return sorted(rows, key=lambda row: row.values.get("FPD", math.inf))


def print_leaderboard(dataset: str, rows: Sequence[Row], console: Console | None = None) -> None:
    """Print the table; own rows stand out."""
    columns = [name for name in COLUMNS if any(name in row.values for row in rows)]
    table = Table(
        title=f"CaloChallenge, data set {dataset}",
        title_justify="left",
        caption=f"{SOURCE}; FPD, KPD times 1000 by the published recipe; times in ms a shower by size of batch; "
        "own rows have errors where there are any",
        caption_justify="left",
    )
    table.add_column("model", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        own = row.source != SOURCE
        cells = [_cell(row, name) for name in columns]
        model = Text(printable(f"> {row.model}" if own else row.model))
        table.add_row(model, *cells, style="bold" if own else None)
    (console or Console(width=None if Console().is_terminal else 240)).print(table)


def _cell(row: Row, name: str) -> str:
    if name not in row.values:
        return "–"
    value = row.values[name]
    if row.source == SOURCE and abs(value) < 1e4:
        return f"{value:g}"  # the digits that were published
    return measurement(value, row.errors.get(name))


def _column(result: Result) -> str | None:
    labels = result.labels
    if result.name == "score":
        return _OURS.get(labels["metric"]) if labels["sample"] != "real against real" else None
    if result.name == "parameters":
        return "parameters"
    if result.name == "generation time":
        name = f"{'CPU' if labels['device'] == 'cpu' else 'GPU'} {labels['batch']}"
        return name if name in COLUMNS else None
    return None
