"""Tables as HDF5 files: one data set a column, all of the same length."""

import contextlib
import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.opening import check_file, check_memory, numbers, reading, type_words
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError

_ROWS = 4096  # packed together
_LINKS = 8  # soft links followed to one data set
_FILTERS = {32001: "blosc"}
_REALS = (
    *(getattr(h5py.h5t, f"IEEE_F{bits}{order}") for bits in (16, 32, 64) for order in ("LE", "BE")),
    h5py.h5t.NATIVE_LDOUBLE,
)


class Hdf5File:
    """Source of data sets at the top of an HDF5 file.

    Args:
        path: The file.
        known: Names that are wanted where the file has them; what else it holds is left alone. Without it every
            thing at the top must be a column.

    Attributes:
        names: Of all that is at the top of the file.
        columns: Of what is read.
        shapes: Of a row of each column.

    Raises:
        InputError: No such file, not HDF5 or cut short, none of the names, one that is no array of numbers in this
            file, or some of different length.
    """

    def __init__(self, path: Path, *, known: Sequence[str] | None = None) -> None:
        self.path = path
        with opened_hdf5(path) as file:
            self.names = tuple(file.names())
            there = [name for name in self.names if known is None or name in known]
            if known and not there:
                check_columns(known[:1], self.names, str(path))
            columns = {name: file.shape(name) for name in there}
        lengths = {shape[0] for shape in columns.values()}
        if len(lengths) != 1:
            sizes = ", ".join(f"{name} {shape[0]}" for name, shape in columns.items()) or "none"
            raise InputError(
                f"{path}: expected data sets of equal length at the top of the file, got {sizes}"
            )
        self.columns, self.shapes = tuple(columns), {name: shape[1:] for name, shape in columns.items()}
        self._rows: int = lengths.pop()

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows as they are stored, in the byte order of the machine."""
        check_columns(columns, self.columns, str(self.path))
        with opened_hdf5(self.path) as file:
            return {name: file.read(name, start, stop) for name in columns}


class OpenHdf5:
    """An open HDF5 file, of which only what lies in the file itself is given.

    External links, external storage and virtual data sets would read other files, whatever these are; data that
    were declared but never written would come out as zeros. All are refused by name.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self._file = path, file

    def names(self) -> list[str]:
        """What there is at the top, links that lead nowhere included."""
        return _names(self._file)

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def attributes(self, name: str = "") -> Mapping[str, Any]:
        """Those of the file, or of one of its data sets."""
        attributes: Mapping[str, Any] = (self.dataset(name) if name else self._file).attrs
        return attributes

    def dataset(self, name: str) -> h5py.Dataset:
        """A data set that is sure to lie in this file."""
        item = self._item(name, _LINKS)
        if not isinstance(item, h5py.Dataset):
            raise InputError(
                f"{self.path}: expected a data set {name}, got a group of {', '.join(_names(item)) or 'nothing'}"
            )
        if item.is_virtual:
            raise InputError(f"{self.path}: {name} is a virtual data set, made of other files: give a copy")
        if item.external:
            raise InputError(
                f"{self.path}: {name} keeps its numbers in another file, {item.external[0][0]}: give a copy"
            )
        _check_filters(self.path, item)
        return item

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a data set of numbers, one row each event, all of which is there."""
        item = self.dataset(name)
        if item.shape is None or item.dtype.kind not in "fiub":
            got = "none" if item.shape is None else type_words(item.dtype)
            raise InputError(f"{self.path}: expected numbers in {name}, got {got}")
        if item.dtype.kind == "f" and not any(item.id.get_type().equal(known) for known in _REALS):
            raise InputError(f"{self.path}: {name} holds real numbers of an unknown form: is it damaged?")
        return self._filled(name, item)

    def records(self, name: str) -> h5py.Dataset:
        """A table of records, all of which is there."""
        item = self.dataset(name)
        if not item.dtype.names or item.shape is None or len(item.shape) != 1:
            raise InputError(f"{self.path}: expected a table of records {name}, got {item.dtype}")
        fields = sorted((offset, offset + kind.itemsize) for kind, offset, *_ in item.dtype.fields.values())
        ends = [*(begin for begin, _ in fields[1:]), item.dtype.itemsize]
        if any(end > most for (_, end), most in zip(fields, ends, strict=True)):
            # HDF5 would write one over the other, beyond the memory of the last.
            raise InputError(f"{self.path}: fields of the records {name} overlap: is it damaged?")
        self._filled(name, item)
        return item

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows of a data set of numbers, in the byte order of the machine."""
        item = self.dataset(name)
        first, last, _ = slice(start, stop).indices(len(item))
        size = max(0, last - first) * math.prod(item.shape[1:]) * item.dtype.itemsize
        check_memory(size, f"{self.path}: {name}")
        return numbers(np.asarray(item[first : max(first, last)]), f"{self.path}: {name}")

    def texts(self, name: str) -> list[str]:
        """A data set of words."""
        item = self.dataset(name)
        if item.shape is None or len(item.shape) != 1 or h5py.check_string_dtype(item.dtype) is None:
            raise InputError(f"{self.path}: expected words in {name}, got {type_words(item.dtype)}")
        check_memory(item.size * item.dtype.itemsize, f"{self.path}: {name}")
        return [str(word) for word in item.asstr(errors="replace")[:]]

    def _item(self, name: str, links: int) -> Any:
        """What a path leads to, step by step: h5py by itself would follow a link into another file."""
        item: Any = self._file
        parts = [part for part in name.split("/") if part]
        for place, part in enumerate(parts):
            link = item.get(part, getlink=True) if isinstance(item, h5py.Group) else None
            if link is None:
                raise InputError(f"{self.path}: expected {name}, got {', '.join(self.names()) or 'nothing'}")
            if isinstance(link, h5py.ExternalLink):
                raise InputError(f"{self.path}: {name} is a link into another file: give a copy of the data")
            if isinstance(link, h5py.SoftLink):
                if not links:
                    raise InputError(f"{self.path}: {name} is a link that leads back to itself")
                before = [] if link.path.startswith("/") else parts[:place]
                return self._item("/".join([*before, link.path, *parts[place + 1 :]]), links - 1)
            item = item[part]
        return item

    def _filled(self, name: str, item: h5py.Dataset) -> tuple[int, ...]:
        """The shape, if there is as much as it says: HDF5 gives zeros for what was never written."""
        shape = tuple(item.shape)
        if not shape:
            raise InputError(f"{self.path}: expected one row per event in {name}, got a single number")
        if item.chunks is None:
            expected, found = item.size * item.dtype.itemsize, item.id.get_storage_size()
        else:
            expected = math.prod(-(-n // chunk) for n, chunk in zip(shape, item.chunks, strict=True))
            found = item.id.get_num_chunks() if expected else 0
        if found < expected:
            raise InputError(
                f"{self.path}: {name} says to hold {shape} numbers, of which {found / expected:.1%} were written"
            )
        return shape


@contextlib.contextmanager
def opened_hdf5(path: Path) -> Iterator[OpenHdf5]:
    """Open a file to read; whatever h5py stumbles over inside becomes one line about the file.

    Raises:
        InputError: No such file, not HDF5, or damaged.
    """
    check_file(path)
    with reading(path, "HDF5"), h5py.File(path, "r") as file:
        yield OpenHdf5(path, file)


def write_hdf5(path: Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, str | int]) -> None:
    """Write columns of equal length as a file that appears when it is complete.

    Raises:
        InputError: Columns of different length, or the file cannot be written.
    """
    if len({len(array) for array in arrays.values()}) != 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise InputError(f"expected columns of equal length, got {lengths or 'none'}")

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            file.attrs.update(attributes)
            for name, array in arrays.items():
                pieces = (min(_ROWS, len(array)), *array.shape[1:])
                packing = {"chunks": pieces, "compression": "gzip", "compression_opts": 1, "shuffle": True}
                file.create_dataset(name, data=array, **(packing if len(array) else {}))

    try:
        write_whole(path, write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _names(group: h5py.Group) -> list[str]:
    """Of all in a group; h5py gives those that are not UTF-8 as bytes, of which no message could be made."""
    return [name if isinstance(name, str) else name.decode(errors="backslashreplace") for name in group]


def _check_filters(path: Path, item: h5py.Dataset) -> None:
    packing = item.id.get_create_plist()
    for code in (packing.get_filter(i)[0] for i in range(packing.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            try:
                importlib.import_module("hdf5plugin")  # to import it is to let h5py unpack
            except ImportError:
                raise InputError(
                    f"{path}: packed with {_FILTERS.get(code, f'filter {code}')}, which h5py cannot unpack: "
                    "pip install hdf5plugin, or repack it with ptrepack --complib=zlib"
                ) from None
