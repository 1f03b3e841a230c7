"""Tables as NumPy files: one array in ``.npy``, several of equal length in ``.npz``."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from femtobarn.data.source import Arrays, InMemory, check_columns
from femtobarn.errors import InputError


class NumpyFile:
    """Source of a NumPy file. A ``.npy`` file has one column, "array", and is read in pieces.

    Raises:
        InputError: No such file, not NumPy's format or cut short, or arrays of different length.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        loaded = _load(path)
        self._table = InMemory({"array": loaded} if isinstance(loaded, np.ndarray) else loaded)
        self.columns = self._table.columns

    def __len__(self) -> int:
        return len(self._table)

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows as they are stored."""
        check_columns(columns, self.columns, str(self.path))
        return {name: np.array(array) for name, array in self._table.read(columns, start, stop).items()}


def _load(path: Path) -> np.ndarray | Arrays:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        # Never unpickle; a mapped array costs no memory until its rows are read.
        if path.suffix == ".npz":
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = dict(file)
        else:
            return _table_of(path, np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable NumPy file, is it cut short? ({error})") from error
    return {name: _table_of(path, array) for name, array in arrays.items()}


def _table_of(path: Path, array: np.ndarray) -> np.ndarray:
    if array.ndim == 0:
        raise InputError(f"{path}: expected an array with one row per event, got a single number")
    return array
