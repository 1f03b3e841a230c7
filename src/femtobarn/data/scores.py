"""Files of scores: one number for each event from each of one or several methods, whatever the format."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from femtobarn.data.csv import CsvFile
from femtobarn.data.features import FeatureFile
from femtobarn.errors import InputError

NAMELESS = "score"  #: of what a file gives no name
_INDEX = ("", "Unnamed: 0", "index")  # of a first column that pandas adds to CSV


def read_scores(path: str | Path) -> dict[str, Float64[np.ndarray, " event"]]:
    """The scores in a NumPy (.npy, .npz), CSV, Parquet or HDF5 file, by their names.

    An array of a ``.npy`` file, or a single column of a CSV file without a header, is called "score"; the index that
    pandas writes as a first column is left out.

    Raises:
        InputError: No such file, a format that is not known, no events, a column that holds anything else than one
            number for each event, or a score that is not finite; with file, row and column.
    """
    path = Path(path)
    found = _of_csv(path) if path.suffix == ".csv" else _of_table(path)
    if not found or not len(next(iter(found.values()))):
        raise InputError(f"{path}: expected scores of at least one event, got none")
    return found


def _of_table(path: Path) -> dict[str, np.ndarray]:
    file = FeatureFile(path)
    if wide := [f"{name} ({width})" for name, width in file.widths.items() if width != 1]:
        raise InputError(
            f"{path}: expected one number for each event in a column, got more in {', '.join(wide)}"
        )
    names = (NAMELESS,) if path.suffix == ".npy" else file.names
    return dict(zip(names, file.read(0, len(file)).T, strict=True))


def _of_csv(path: Path) -> dict[str, np.ndarray]:
    file = CsvFile(path, names=_names)
    names = file.columns[1:] if file.columns[0] in _INDEX and len(file.columns) > 1 else file.columns
    found = file.read(names, 0, len(file))
    for name, scores in found.items():
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InputError(f"{file.where(row)}: expected finite numbers, got {scores[row]} in {name}")
    return {name: np.ascontiguousarray(scores) for name, scores in found.items()}


def _names(fields: int) -> tuple[str, ...]:
    return (NAMELESS,) if fields == 1 else tuple(f"{NAMELESS} {i}" for i in range(1, fields + 1))
