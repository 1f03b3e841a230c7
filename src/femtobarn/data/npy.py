"""Tables as NumPy files: one array in ``.npy``, several of equal length in ``.npz``."""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.data.opening import check_file, check_memory, numbers, reading
from femtobarn.data.source import Arrays, InMemory, check_columns
from femtobarn.errors import InputError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_ENDING = ".npy"


class NumpyFile:
    """Source of a NumPy file. A ``.npy`` file has one column, "array", and is read in pieces.

    Args:
        path: The file.
        known: Arrays that are wanted of an archive; what else it holds is left alone. All of them if not given.

    Raises:
        InputError: No such file, not NumPy's format or cut short, an array that is not there, or arrays that hold no
            numbers or are of different length.
    """

    def __init__(self, path: Path, *, known: Sequence[str] | None = None) -> None:
        self.path = path
        check_file(path)
        with reading(path, "NumPy"):
            arrays = _members(path, known) if path.suffix == ".npz" else {"array": _mapped(path)}
        self._table = InMemory({name: _table_of(path, name, array) for name, array in arrays.items()})
        self.columns = self._table.columns

    def __len__(self) -> int:
        return len(self._table)

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows as they are stored, in the byte order of the machine."""
        check_columns(columns, self.columns, str(self.path))
        found = self._table.read(columns, start, stop)
        return {name: numbers(np.array(array), str(self.path)) for name, array in found.items()}


def read_arrays(path: Path, *needs: str) -> Arrays:
    """All arrays of a ``.npz`` file, of numbers or truth values, by name; their lengths may differ.

    Raises:
        InputError: No such file, not NumPy's format or cut short, an array that is needed is missing, or one holds no
            numbers.
    """
    check_file(path)
    with reading(path, "NumPy"):
        arrays = _members(path, None)
    check_columns(needs, tuple(arrays), str(path))
    return {name: numbers(array, f"{path}: {name}") for name, array in arrays.items()}


def _mapped(path: Path) -> np.ndarray:
    """The array of a .npy file, which costs no memory until its rows are read."""
    with path.open("rb") as file:
        shape, fortran, kind = _header(path, file)
        offset, size = file.tell(), path.stat().st_size
    _check_size(str(path), shape, kind, size - offset)
    if 0 in shape:
        return np.zeros(shape, kind)  # nothing to map
    return np.memmap(path, kind, "r", offset, shape, "F" if fortran else "C")


def _members(path: Path, known: Sequence[str] | None) -> Arrays:
    """The arrays of a .npz file, after a look at what their headers declare."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if known is not None:
            there = [name.removesuffix(_ENDING) for name in names]
            check_columns(known, there, str(path))
            names = [name for name in names if name.removesuffix(_ENDING) in known]
        if odd := [name for name in names if not name.endswith(_ENDING)]:
            raise InputError(f"{path}: expected NumPy arrays, got {odd[0]}")
        if len(set(names)) < len(names):
            raise InputError(f"{path}: two arrays of one name, {max(names, key=names.count)}")
        check_memory(sum(archive.getinfo(name).file_size for name in names), str(path))
        arrays = {}
        for name in names:
            with archive.open(name) as file:
                shape, fortran, kind = _header(path, file)
                _check_size(f"{path}: {name}", shape, kind, archive.getinfo(name).file_size - file.tell())
                content = file.read()  # to its end: only then is the checksum compared
            flat = np.frombuffer(content, kind)
            arrays[name.removesuffix(_ENDING)] = flat.reshape(shape, order="F" if fortran else "C")
    return arrays


def _header(path: Path, file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type; a type that would have to be unpickled, which may run code, is refused."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise InputError(f"{path}: expected NumPy's format 1.0 or 2.0, got {version[0]}.{version[1]}")
    shape, fortran, kind = _HEADERS[version](file)
    if kind.hasobject:
        raise InputError(f"{path}: not a readable NumPy file: it holds objects, not numbers")
    if min(shape, default=0) < 0 or not kind.itemsize:
        raise InputError(f"{path}: not a readable NumPy file: it declares an array {kind} of shape {shape}")
    return shape, fortran, kind


def _check_size(place: str, shape: tuple[int, ...], kind: np.dtype, size: int) -> None:
    declared = math.prod(shape) * kind.itemsize
    if declared != size:
        raise InputError(
            f"{place}: says to hold {kind} numbers of shape {shape}, {declared} bytes, but there are {size}: is it "
            "cut short or is it damaged?"
        )


def _table_of(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 0:
        raise InputError(f"{path}: expected an array with one row per event, got a single number")
    numbers(array[:0], f"{path}: {name}")  # its type; the rest is read later
    return array
