"""Tables that pandas wrote to HDF5 with ``format="table"``, read and written with h5py alone.

Such a file has a data set ``KEY/table`` of records; columns of one type are one field of a record, and their
names are attributes, as pickles. A pickle may run code when it is loaded; these are only scanned for names.
"""

import pickle
import pickletools
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Shaped

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5 import opened_hdf5
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.opening import check_memory, numbers
from femtobarn.data.source import Arrays, check_columns, check_unique
from femtobarn.errors import InputError

_ROWS = 1024  # packed together


class PandasTable:
    """Source of the columns of one table.

    Args:
        path: The HDF5 file.
        key: Name of the table.

    Raises:
        InputError: No such file, not HDF5 or cut short, no such table, or packed in a way h5py cannot unpack.
    """

    def __init__(self, path: Path, *, key: str = "table") -> None:
        self.path, self._place = path, f"{key}/table"
        with opened_hdf5(path) as file:
            if key not in file:
                raise InputError(
                    f"{path}: expected a table {key!r} written by pandas, got {', '.join(file.names()) or 'nothing'}"
                )
            table = file.records(self._place)
            self._rows = len(table)
            self._column: dict[str, tuple[str, int | None]] = {}
            for block in table.dtype.names:
                if f"{block}_kind" in table.attrs and block != "index":
                    names = _strings(table.attrs[f"{block}_kind"])
                    check_unique([*self._column, *names], str(path))
                    self._column |= _places(path, block, names, table.dtype[block].shape)
        self.columns = tuple(self._column)

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows, column by column."""
        records = self._records(columns, start, stop)
        return {name: self._values(records, name) for name in columns}

    def matrix(self, columns: Sequence[str], start: int, stop: int) -> Shaped[np.ndarray, "row column"]:
        """The rows as one array; quick where the columns are of one type."""
        records = self._records(columns, start, stop)
        places = [self._column[name] for name in columns]
        inside = [i for _, i in places if i is not None]
        if len({block for block, _ in places}) == 1 and len(inside) == len(places):
            return numbers(records[places[0][0]][:, inside], f"{self.path}: {places[0][0]}")
        return np.stack([self._values(records, name) for name in columns], axis=1)

    def _values(self, records: np.ndarray, name: str) -> np.ndarray:
        block, i = self._column[name]
        column = records[block] if i is None else records[block][:, i]
        return numbers(column, f"{self.path}: {name}")

    def _records(self, columns: Sequence[str], start: int, stop: int) -> np.ndarray:
        check_columns(columns, self.columns, str(self.path))
        start, stop, _ = slice(start, stop).indices(self._rows)
        with opened_hdf5(self.path) as file:
            table = file.records(self._place)
            check_memory(table.dtype.itemsize * (stop - start), str(self.path))
            records: np.ndarray = table[start : max(start, stop)]
        return records


def write_pandas_table(path: Path, columns: Mapping[str, np.ndarray], *, key: str = "table") -> None:
    """Write columns of numbers as a table that pandas and `PandasTable` read.

    The index that pandas would build to search the rows is left out.

    Raises:
        InputError: Columns of different length, or the file cannot be written.
    """
    if len({len(column) for column in columns.values()}) != 1:
        raise InputError(f"expected columns of equal length, got {len(columns)} of different ones")
    types = list(dict.fromkeys(column.dtype for column in columns.values()))
    blocks = {
        f"values_block_{i}": [name for name, column in columns.items() if column.dtype == kind]
        for i, kind in enumerate(types)
    }
    fields = [(block, kind, (len(blocks[block]),)) for block, kind in zip(blocks, types, strict=True)]
    records = np.zeros(len(next(iter(columns.values()))), [("index", np.int64), *fields])
    records["index"] = np.arange(len(records))
    for block, names in blocks.items():
        for i, name in enumerate(names):
            records[block][:, i] = columns[name]

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            _set(file, CLASS="GROUP", VERSION="1.0", TITLE="", PYTABLES_FORMAT_VERSION="2.1")
            group = file.create_group(key)
            packing = {"chunks": (min(_ROWS, len(records)),), "compression": "gzip", "shuffle": True}
            table = group.create_dataset("table", data=records, **(packing if len(records) else {}))
            _describe_group(group, list(columns), list(blocks))
            _describe_table(table, blocks)

    try:
        write_whole(path, write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _describe_group(group: h5py.Group, names: list[str], blocks: list[str]) -> None:
    """What pandas wants to know before it reads a table (seen in a file that pandas 3.1 wrote)."""
    _set(group, CLASS="GROUP", VERSION="1.0", TITLE="", pandas_type="frame_table", encoding="UTF-8")
    _set(group, table_type="appendable_frame", errors="strict", levels=1, nan_rep=_pickled("nan"))
    _set(group, index_cols=_pickled([(0, "index")]), values_cols=_pickled(blocks), data_columns=_pickled([]))
    _set(
        group,
        non_index_axes=_pickled([(1, names)]),
        info=_pickled({1: {"type": "Index", "names": [None]}, "index": {}}),
    )


def _describe_table(table: h5py.Dataset, blocks: Mapping[str, list[str]]) -> None:
    _set(table, CLASS="TABLE", VERSION="2.7", TITLE="", index_kind="integer", NROWS=len(table))
    for i, name in enumerate(table.dtype.names):
        _set(table, **{f"FIELD_{i}_NAME": name})
    for block, names in blocks.items():
        kind = table.dtype[block].base.name
        _set(
            table,
            **{f"{block}_kind": _pickled(names), f"{block}_dtype": kind, f"{block}_meta": _pickled(None)},
        )


def _set(item: h5py.HLObject, **attributes: str | bytes | int) -> None:
    for name, value in attributes.items():
        if isinstance(value, str) and value:
            # Marked as text; what is not, PyTables takes for a pickle or gives to pandas as bytes.
            item.attrs.create(name, value.encode(), dtype=h5py.string_dtype("utf-8", len(value)))
        elif isinstance(value, bytes):
            item.attrs[name] = np.bytes_(value)
        else:
            item.attrs[name] = h5py.Empty("S1") if value == "" else value


def _pickled(value: object) -> bytes:
    return pickle.dumps(value, protocol=0)  # PyTables stores text, which protocol 0 is


def _strings(pickled: bytes) -> list[str]:
    """The strings in a pickle, in their order, without loading it."""
    return [
        str(value)
        for code, value, _ in pickletools.genops(bytes(pickled))
        if "UNICODE" in code.name or "STRING" in code.name
    ]


def _places(
    path: Path, block: str, names: Sequence[str], shape: tuple[int, ...]
) -> dict[str, tuple[str, int | None]]:
    """Block of each column and its place there; a column of its own (`data_columns`) may stand without places."""
    if shape == () and len(names) == 1:
        return {names[0]: (block, None)}
    if shape != (len(names),):
        raise InputError(f"{path}: {len(names)} names of columns for a block {block} of shape {shape}")
    return {name: (block, i) for i, name in enumerate(names)}
