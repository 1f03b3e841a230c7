"""Parquet columns that hold a list of numbers for each row, such as the objects of an event (extra ``parquet``)."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.data.opening import check_memory, numbers
from femtobarn.data.parquet import opened_parquet
from femtobarn.data.source import check_columns, check_unique
from femtobarn.errors import InputError, require


class Lists(NamedTuple):
    """Lists of numbers, one after the other."""

    size: Int[np.ndarray, "row"]
    value: np.ndarray


class ParquetLists:
    """Columns of a Parquet file, read row group by row group, a list for each row; a plain number is a list of one.

    Raises:
        InputError: No such file, not Parquet or cut short, no columns, or two of one name.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened_parquet(path) as file:
            self.columns = tuple(file.schema_arrow.names)
            check_unique(self.columns, str(path))
            groups = range(file.metadata.num_row_groups)
            self._ends = list(accumulate(file.metadata.row_group(group).num_rows for group in groups))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, columns: Sequence[str], start: int, stop: int) -> dict[str, Lists]:
        """The lists of some rows.

        Raises:
            InputError: A column that is missing, or holds something else than lists of numbers, or a gap.
        """
        return {
            name: self._lists(column, name) for name, column in self._columns(columns, start, stop).items()
        }

    def read_nested(
        self, columns: Sequence[str], start: int, stop: int
    ) -> dict[str, tuple[np.ndarray, Lists]]:
        """Of lists of lists of some rows: how many lists each row has, and all these lists one after the other.

        Raises:
            InputError: A column that is missing, or holds something else than lists of lists of numbers, or a gap.
        """
        types = require("pyarrow.types", extra="parquet")
        compute = require("pyarrow.compute", extra="parquet")
        found = {}
        for name, column in self._columns(columns, start, stop).items():
            if not (types.is_list(column.type) or types.is_large_list(column.type)):
                raise InputError(f"{self.path}: expected lists of lists in {name}, got {column.type}")
            if column.null_count:
                raise InputError(f"{self.path}: a list is missing in {name}")
            size = np.asarray(compute.list_value_length(column).to_numpy()).astype(np.int64)
            found[name] = (size, self._lists(compute.list_flatten(column), name))
        return found

    def _columns(self, columns: Sequence[str], start: int, stop: int) -> dict[str, Any]:
        check_columns(columns, self.columns, str(self.path))
        stop = max(min(stop, len(self)), start)
        starts = [0, *self._ends[:-1]]
        ranges = enumerate(zip(starts, self._ends, strict=False))
        groups = [i for i, (first, end) in ranges if first < stop and end > start]
        before = starts[groups[0]] if groups else start
        with opened_parquet(self.path) as file:
            size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
            check_memory(size, str(self.path))
            table = file.read_row_groups(groups, columns=list(columns)).slice(start - before, stop - start)
            return {name: table[name] for name in columns}

    def _lists(self, column: Any, name: str) -> Lists:
        types = require("pyarrow.types", extra="parquet")
        compute = require("pyarrow.compute", extra="parquet")
        kind = column.type
        if types.is_list(kind) or types.is_large_list(kind):
            if column.null_count:
                raise InputError(f"{self.path}: a list is missing in {name}")
            size = np.asarray(compute.list_value_length(column).to_numpy()).astype(np.int64)
            flat = compute.list_flatten(column)
        else:
            size, flat = np.ones(len(column), np.int64), column
        if flat.null_count:
            raise InputError(f"{self.path}: a number is missing in {name}")
        return Lists(size, numbers(np.asarray(flat.to_numpy()), f"{self.path}: {name}"))
