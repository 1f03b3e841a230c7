"""A table written in pieces: HDF5, Parquet or ROOT, by the ending of its file.

======================= ==================================================================================
``.h5``, ``.hdf5``      a data set a column, compressed; attributes of the file; units as attributes
``.parquet``            a column each, arrays as lists of fixed size; attributes and units in the metadata
``.root``               tree "table", a branch a column, arrays of fixed size; attributes as named strings;
                        in names of branches whatever is no letter or digit becomes ``_``
``.rntuple.root``       the same as an RNTuple instead of a tree
======================= ==================================================================================
"""

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

import h5py
import numpy as np

from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.errors import InputError, nearest, require

TREE = "table"  #: in a ROOT file
_ROWS = 1024  # of HDF5 that are compressed together


class TableOutput(Protocol):
    """A table that grows."""

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write further rows: the same columns each time, all of one length."""

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        """Texts, numbers and lists of texts that hold for the whole table; of one name the last counts."""


def new_table(
    path: Path, *, ending: str, units: Mapping[str, str] | None = None
) -> AbstractContextManager[TableOutput]:
    """A new file with one table, complete when the context ends.

    Args:
        path: The file, which is replaced. Let `femtobarn.data.atomic.write_whole` choose it.
        ending: Of the file as the user named it.
        units: Of the columns, by name.

    Raises:
        InputError: An ending that is none of these formats, or a column that ROOT cannot hold.
        MissingExtraError: pyarrow or uproot is not installed.
        OSError: The disk is full, or the file cannot be written.
    """
    check_ending(ending)
    return _FORMATS[ending](path, dict(units or {}))


def ending_of(path: Path) -> str:
    """The ending by which the format of a file is chosen."""
    last = "".join(path.suffixes[-2:])
    return last if last in _FORMATS else path.suffix


def check_ending(ending: str) -> None:
    """Refuse the ending of a file that no table can be written to.

    Raises:
        InputError: It is none of the formats, or uproot is too old for an RNTuple.
        MissingExtraError: What writes it is not installed.
    """
    if ending not in _FORMATS:
        raise InputError(f"a table is written as one of {', '.join(_FORMATS)}: {nearest(ending, _FORMATS)}")
    if ending == ".parquet":
        require("pyarrow", extra="parquet")
    if ending.endswith(".root"):
        uproot = require("uproot", extra="root")
        if ending == ".rntuple.root" and not hasattr(uproot.WritableDirectory, "mkrntuple"):
            raise InputError(
                f"uproot {uproot.__version__} writes no RNTuple: choose another ending or a newer one"
            )


class _Hdf5:
    def __init__(self, file: h5py.File, units: Mapping[str, str]) -> None:
        self.file, self.units = file, units

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        for name, values in columns.items():
            column = self.file[name] if name in self.file else self._new(name, values)
            column.resize(len(column) + len(values), axis=0)
            column[-len(values) :] = values

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        self.file.attrs.update(values)

    def _new(self, name: str, values: np.ndarray) -> h5py.Dataset:
        shape = values.shape[1:]
        column = self.file.create_dataset(
            name,
            (0, *shape),
            values.dtype,
            maxshape=(None, *shape),
            chunks=(_ROWS, *shape),
            compression="gzip",
        )
        if name in self.units:
            column.attrs["unit"] = self.units[name]
        return column


class _Parquet:
    def __init__(self, path: Path, units: Mapping[str, str]) -> None:
        self.path, self.units, self.writer = path, units, cast("Any", None)
        self.arrow, self.parquet = (require(f"pyarrow{part}", extra="parquet") for part in ("", ".parquet"))

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        arrays = {name: self._array(values) for name, values in columns.items()}
        if self.writer is None:
            units = {name: {"unit": self.units[name]} if name in self.units else None for name in arrays}
            fields = [self.arrow.field(n, each.type, metadata=units[n]) for n, each in arrays.items()]
            self.writer = self.parquet.ParquetWriter(self.path, self.arrow.schema(fields))
        self.writer.write_table(self.arrow.table(list(arrays.values()), schema=self.writer.schema))

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        if self.writer is not None:
            self.writer.add_key_value_metadata({name: _text(value) for name, value in values.items()})

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def _array(self, values: np.ndarray) -> Any:
        """Rows of arrays as lists of fixed size, one in another."""
        array = self.arrow.array(values.reshape(-1))
        for size in reversed(values.shape[1:]):
            array = self.arrow.FixedSizeListArray.from_arrays(array, size)
        return array


class _Root:
    def __init__(self, file: Any, make: Callable[..., Any]) -> None:
        self.file, self.make, self.tree, self.attributes = file, make, cast("Any", None), dict[str, str]()

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        named = {branch_name(name): values for name, values in columns.items()}
        if len(named) < len(columns):
            raise InputError(f"two of these columns are one branch to ROOT, {sorted(columns)}: write .h5")
        if self.tree is None:
            types = {name: np.dtype((values.dtype, values.shape[1:])) for name, values in named.items()}
            self.tree = self.make(TREE, types)
        self.tree.extend(named)

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        self.attributes |= {branch_name(name): _text(value) for name, value in values.items()}

    def close(self) -> None:
        for name, value in self.attributes.items():
            self.file[name] = value


def branch_name(column: str) -> str:
    """The column's name as a branch that ``TTree::Draw`` understands."""
    return re.sub(r"\W", "_", column)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=lambda x: np.asarray(x).tolist())


@contextlib.contextmanager
def _new_hdf5(path: Path, units: Mapping[str, str]) -> Iterator[TableOutput]:
    with new_hdf5(path, track_order=True) as file:
        yield _Hdf5(file, units)


@contextlib.contextmanager
def _new_parquet(path: Path, units: Mapping[str, str]) -> Iterator[TableOutput]:
    output = _Parquet(path, units)
    try:
        yield output
    finally:
        output.close()


@contextlib.contextmanager
def _new_root(path: Path, units: Mapping[str, str], *, maker: str = "mktree") -> Iterator[TableOutput]:
    with require("uproot", extra="root").recreate(path) as file:
        output = _Root(file, getattr(file, maker))
        yield output
        if units:
            output.set_attributes({"units": dict(units)})
        output.close()


_FORMATS: dict[str, Callable[[Path, dict[str, str]], AbstractContextManager[TableOutput]]] = {
    ".h5": _new_hdf5,
    ".hdf5": _new_hdf5,
    ".parquet": _new_parquet,
    ".root": _new_root,
    ".rntuple.root": functools.partial(_new_root, maker="mkrntuple"),
}
