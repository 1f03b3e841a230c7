"""Feature files: rows of numbers, whatever the format, as one matrix."""

from collections.abc import Callable
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

    Raises:
        InputError: No such file, a format that is not known, or columns that are no numbers.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in _READERS:
            raise InputError(
                f"{path}: features are read from {' '.join(_READERS)}, got {path.suffix or 'no ending'}"
            )
        self.path = path
        self._source = _READERS[path.suffix](path)
        self.names = self._source.columns

    def __len__(self) -> int:
        return len(self._source)

    @property
    def features(self) -> int:
        """Number of features in a row."""
        return self.read(0, 1).shape[1]

    def read(self, start: int, stop: int) -> Float[np.ndarray, "row feature"]:
        """Rows `start` to `stop` (exclusive).

        Raises:
            InputError: A value is no finite number; the message names file, row and column.
        """
        columns = self._source.read(self.names, start, stop)
        found = np.concatenate([self._matrix(name, column) for name, column in columns.items()], axis=1)
        if not np.isfinite(found).all():
            row = int(np.nonzero(~np.isfinite(found).all(axis=1))[0][0])
            raise InputError(
                f"{self._source.where(start + row)}: expected finite numbers, got {found[row]}"[:300]
            )
        return found

    def _matrix(self, name: str, column: np.ndarray) -> np.ndarray:
        if column.dtype.kind not in "fiub":
            raise InputError(f"{self.path}: column {name!r} holds no numbers but {column.dtype}")
        return column.reshape(len(column), int(np.prod(column.shape[1:]))).astype(np.float64)
