"""Tables as Parquet files (extra ``parquet``)."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.data.opening import check_file, check_memory, numbers, reading
from femtobarn.data.source import Arrays, check_columns, check_unique
from femtobarn.errors import InputError, require


class ParquetFile:
    """Source of the columns of a Parquet file; row groups are read as they are needed.

    The index that pandas stores beside its columns is none of them: it numbers the rows.

    Raises:
        InputError: No such file, not Parquet or cut short, no columns, two of one name, or one that holds no
            numbers.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        types = require("pyarrow.types", extra="parquet")
        with opened_parquet(path) as file:
            schema = file.schema_arrow
            check_unique(schema.names, str(path))
            index = _pandas_index(schema)
            fields = [field for field in schema if field.name not in index]
            odd = [f"{field.name} ({field.type})" for field in fields if not _is_number(types, field.type)]
            if odd or not fields:
                raise InputError(
                    f"{path}: expected numeric columns, got {', '.join(odd) or 'none'}: leave out what is no number"
                )
            self.columns = tuple(field.name for field in fields)
            groups = range(file.metadata.num_row_groups)
            self._ends = list(accumulate(file.metadata.row_group(group).num_rows for group in groups))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows; a missing value is NaN."""
        check_columns(columns, self.columns, str(self.path))
        stop = max(min(stop, len(self)), start)
        starts = [0, *self._ends[:-1]]
        ranges = enumerate(zip(starts, self._ends, strict=False))
        groups = [i for i, (first, end) in ranges if first < stop and end > start]
        check_memory(8 * len(columns) * sum(self._ends[i] - starts[i] for i in groups), str(self.path))
        before = starts[groups[0]] if groups else start
        rows = slice(start - before, stop - before)
        with opened_parquet(self.path) as file:
            table = file.read_row_groups(groups, columns=list(columns))
            found = {name: _values(table[name])[rows] for name in columns}
        return {name: numbers(np.array(array), f"{self.path}: {name}") for name, array in found.items()}


@contextlib.contextmanager
def opened_parquet(path: Path) -> Iterator[Any]:
    """Open a file to read; whatever pyarrow stumbles over inside becomes one line about the file.

    Raises:
        InputError: No such file, not Parquet, or damaged.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = require("pyarrow.parquet", extra="parquet")
    check_file(path)
    # A file object, since pyarrow takes no names that are not UTF-8.
    with reading(path, "Parquet"), path.open("rb") as raw, parquet.ParquetFile(raw) as file:
        yield file


def _is_number(types: Any, kind: Any) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _values(column: Any) -> np.ndarray:
    """As NumPy; truth values with gaps would otherwise be objects."""
    types = require("pyarrow.types", extra="parquet")
    if types.is_boolean(column.type) and column.null_count:
        column = column.cast("int8")
    return np.asarray(column.to_numpy())


def _pandas_index(schema: Any) -> set[str]:
    """Columns that pandas wrote for its index."""
    stored = (schema.metadata or {}).get(b"pandas")
    index = json.loads(stored)["index_columns"] if stored else []
    return {
        name for name in index if isinstance(name, str)
    }  # a range is stored as a dictionary, without a column
