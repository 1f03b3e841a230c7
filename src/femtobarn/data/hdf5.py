"""Tables as HDF5 files: one data set a column, all of the same length."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError

_ROWS = 4096  # packed together


class Hdf5File:
    """Source of the data sets at the top of an HDF5 file.

    Raises:
        InputError: No such file, not HDF5 or cut short, no data sets, or some of different length.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as file:
            columns = {
                name: item.shape
                for name, item in file.items()
                if isinstance(item, h5py.Dataset) and item.shape
            }
        lengths = {shape[0] for shape in columns.values()}
        if len(lengths) != 1:
            told = ", ".join(f"{name} {shape[0]}" for name, shape in columns.items()) or "none"
            raise InputError(f"{path}: expected data sets of equal length at the top of the file, got {told}")
        self.columns = tuple(columns)
        self._rows: int = lengths.pop()

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows as they are stored."""
        check_columns(columns, self.columns, str(self.path))
        with _opened(self.path) as file:
            try:
                return {name: file[name][start : max(start, stop)] for name in columns}
            except OSError as error:
                raise InputError(f"{self.path}: cannot be read, is it damaged? ({error})") from error


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


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file, is it cut short? ({error})") from error
