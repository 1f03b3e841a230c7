"""Feature files: rows of numbers, whatever the format, as one matrix."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from femtobarn.data.hdf5 import Hdf5File
from femtobarn.data.npy import NumpyFile
from femtobarn.data.parquet import ParquetFile
from femtobarn.data.source import FileSource
from femtobarn.errors import InputError

_READERS: dict[str, Callable[[Path], FileSource]] = {
    ".npy": NumpyFile,
    ".npz": NumpyFile,
    ".parquet": ParquetFile,
    ".pq": ParquetFile,
    ".h5": Hdf5File,
    ".hdf5": Hdf5File,
}


class FeatureFile:
    """Rows of features in a NumPy, Parquet or HDF5 file, read in pieces.

    All columns together are the features, in the order of the file: columns of one number each, or of vectors.

    Attributes:
        names: Of the columns. A ``.npy`` file has no names, and one column "array".
        widths: Numbers that each column has for a row.

    Raises:
        InputError: No such file, a format that is not known, or a column that is none of numbers.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in _READERS:
            raise InputError(
                f"{path}: features are read from {' '.join(_READERS)}, got {path.suffix or 'no ending'}"
            )
        self.path = path
        self._source = _READERS[path.suffix](path)
        self.names = self._source.columns
        empty = self._source.read(self.names, 0, 0)
        self.widths = {name: math.prod(empty[name].shape[1:]) for name in self.names}

    def __len__(self) -> int:
        return len(self._source)

    @property
    def features(self) -> int:
        """Number of features in a row."""
        return sum(self.widths.values())

    def read(
        self, start: int, stop: int, *, names: Sequence[str] | None = None
    ) -> Float[np.ndarray, "row feature"]:
        """Rows `start` to `stop` (exclusive).

        Args:
            start, stop: The rows.
            names: Columns in the order in which they are wanted; as in the file if not given.

        Raises:
            InputError: A value is no finite number; the message names file, row and column.
        """
        columns = self._source.read(self.names if names is None else names, start, stop)
        for name, column in columns.items():
            if not np.isfinite(column).all():
                place = np.argwhere(~np.isfinite(column))[0]
                raise InputError(
                    f"{self._source.where(start + int(place[0]))}: expected finite numbers, got {column[tuple(place)]} "
                    f"in {name}"
                )
        return np.concatenate([self._matrix(name, column) for name, column in columns.items()], axis=1)

    def _matrix(self, name: str, column: np.ndarray) -> np.ndarray:
        return column.reshape(len(column), self.widths[name]).astype(np.float64)


def check_same_columns(real: FeatureFile, generated: FeatureFile) -> tuple[str, ...]:
    """Names under which the second file has the columns of the first, in their order.

    Columns are the same by their name, wherever they stand. A ``.npy`` file has no names: its numbers are taken
    in their order.

    Raises:
        InputError: Columns of other names, or of another width.
    """
    if ".npy" in (real.path.suffix, generated.path.suffix):
        if real.features != generated.features:
            raise InputError(
                f"{generated.path}: {generated.features} features, but {real.path} has {real.features}"
            )
        return generated.names
    if odd := sorted(set(real.names) ^ set(generated.names)):
        raise InputError(
            f"{generated.path}: other columns than {real.path}; only in one of them: {', '.join(odd[:6])}"
        )
    for name, width in real.widths.items():
        if generated.widths[name] != width:
            raise InputError(
                f"{generated.path}: {generated.widths[name]} numbers a row in {name}, but {width} in {real.path}"
            )
    return real.names
