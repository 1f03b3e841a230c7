"""Tables that pandas wrote to HDF5 with ``format="table"``, read and written with h5py alone.

Such a file has a data set ``KEY/table`` of records; columns of one type are one field of a record, and their
names are attributes, as pickles. A pickle may run code when it is loaded; these are only scanned for names.
"""

import importlib
import pickle
import pickletools
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Shaped

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError

_ROWS = 1024  # packed together
_FILTERS = {32001: "blosc"}


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
        with _opened(path) as file:
            table = file.get(self._place)
            if not isinstance(table, h5py.Dataset) or not table.dtype.names:
                raise InputError(
                    f"{path}: expected a table {key!r} written by pandas, got {', '.join(file) or 'nothing'}"
                )
            _check_filters(path, table)
            blocks = [name for name in table.dtype.names if f"{name}_kind" in table.attrs and name != "index"]
            names = {block: _strings(table.attrs[f"{block}_kind"]) for block in blocks}
            self._rows = len(table)
        self._column = {name: (block, i) for block in blocks for i, name in enumerate(names[block])}
        self.columns = tuple(self._column)

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows, column by column."""
        records = self._records(columns, start, stop)
        return {name: records[self._column[name][0]][:, self._column[name][1]] for name in columns}

    def matrix(self, columns: Sequence[str], start: int, stop: int) -> Shaped[np.ndarray, "row column"]:
        """The rows as one array; quick where the columns are of one type."""
        records = self._records(columns, start, stop)
        blocks = {self._column[name][0] for name in columns}
        if len(blocks) == 1:
            return records[blocks.pop()][:, [self._column[name][1] for name in columns]]
        return np.stack([records[block][:, i] for block, i in map(self._column.__getitem__, columns)], axis=1)

    def _records(self, columns: Sequence[str], start: int, stop: int) -> np.ndarray:
        check_columns(columns, self.columns, str(self.path))
        with _opened(self.path) as file:
            try:
                records: np.ndarray = file[self._place][start : max(start, stop)]
            except OSError as error:
                raise InputError(f"{self.path}: cannot be read, is it damaged? ({error})") from error
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


def _check_filters(path: Path, table: h5py.Dataset) -> None:
    packing = table.id.get_create_plist()
    for code in (packing.get_filter(i)[0] for i in range(packing.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            try:
                importlib.import_module("hdf5plugin")  # to import it is to let h5py unpack
            except ImportError:
                raise InputError(
                    f"{path}: packed with {_FILTERS.get(code, f'filter {code}')}, which h5py cannot unpack: "
                    "pip install hdf5plugin, or repack it with ptrepack --complib=zlib"
                ) from None


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file, is it cut short? ({error})") from error
