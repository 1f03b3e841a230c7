"""Tables as Parquet files (extra ``parquet``)."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError, require


class ParquetFile:
    """Source of the numeric columns of a Parquet file; row groups are read as they are needed.

    Raises:
        InputError: No such file, not Parquet or cut short, or no numeric column.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        file = self._open()
        types = require("pyarrow.types", extra="parquet")
        schema = file.schema_arrow
        self.columns = tuple(
            field.name for field in schema if types.is_integer(field.type) or types.is_floating(field.type)
        )
        if not self.columns:
            raise InputError(f"{path}: expected numeric columns, got {', '.join(schema.names) or 'none'}")
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
        try:
            table = self._open().read_row_groups(groups, columns=list(columns))
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read, is it damaged? ({error})") from error
        before = starts[groups[0]] if groups else start
        rows = slice(start - before, stop - before)
        return {name: np.array(table[name].to_numpy()[rows]) for name in columns}

    def _open(self) -> Any:
        parquet = require("pyarrow.parquet", extra="parquet")
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        try:
            return parquet.ParquetFile(self.path)
        except (OSError, ValueError) as error:
            words = " ".join(str(error).split())[:120]
            raise InputError(
                f"{self.path}: not a readable Parquet file, is it cut short? ({words})"
            ) from error
