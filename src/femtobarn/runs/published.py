"""Published numbers as a table beside the recipe of a system: ``published.csv``."""

import csv
import io
import math
from importlib.resources import files

from femtobarn.errors import InputError
from femtobarn.runs.records import Published

_FILE = "published.csv"
_COLUMNS = ("name", "value", "error", "unit", "labels", "data", "source")


def read_published(package: str) -> list[Published]:
    """Numbers of the papers in ``published.csv`` of a package, in the order of its rows.

    The columns are name, value, error (may be empty), unit (may be empty), labels as ``key=value; key=value``
    (may be empty), data (name of the data set) and source (arXiv id and table). Lines that begin with ``#``
    are comments.

    Raises:
        InputError: There is no such file, or a row is not what it should be; the message gives its line.
    """
    path = files(package).joinpath(_FILE)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    rows = csv.reader(io.StringIO(text), strict=True)
    found: list[Published] = []
    try:
        header = next((row for row in rows if not _skipped(row)), [])
        if tuple(header) != _COLUMNS:
            raise ValueError(f"the columns are {','.join(_COLUMNS)}, got {','.join(header) or 'none'}")
        found.extend(_number(row) for row in rows if not _skipped(row))
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from error
    return found


def _skipped(row: list[str]) -> bool:
    return not row or row[0].startswith("#")


def _number(row: list[str]) -> Published:
    if len(row) != len(_COLUMNS):
        raise ValueError(f"{len(_COLUMNS)} columns expected, got {len(row)}")
    name, value, error, unit, labels, data, source = map(str.strip, row)
    for column, text in (("name", name), ("data", data), ("source", source)):
        if not text:
            raise ValueError(f"the {column} is missing")
    uncertainty = _float("error", error) if error else None
    if uncertainty is not None and uncertainty < 0:
        raise ValueError(f"an error is not negative, got {error}")
    return Published(name, _float("value", value), uncertainty, unit, _labels(labels), data, source)


def _float(column: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"the {column} is a number, got {text!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"the {column} is a finite number, got {text!r}")
    return number


def _labels(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, text.split(";"))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise ValueError(f"labels are key=value; key=value, got {text!r}")
        if key in found:
            raise ValueError(f"the label {key} stands twice in {text!r}")
        found[key] = value
    return found
