"""Files of scores: one number for each event from each of one or several methods, whatever the format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from femtobarn.data.csv import CsvFile
from femtobarn.data.features import FeatureFile
from femtobarn.data.source import check_columns
from femtobarn.errors import InputError

NAMELESS = "score"  #: of what a file gives no name
_INDEX = ("", "Unnamed: 0", "index")  # of a first column that pandas adds to CSV
_PLACE = ("file", "row")  # of an event, as the verb predict writes it


def read_scores(path: str | Path, names: Sequence[str] = ()) -> dict[str, Float64[np.ndarray, " event"]]:
    """The scores in a NumPy (.npy, .npz), CSV, Parquet or HDF5 file, by their names.

    An array of a ``.npy`` file, or a single column of a CSV file without a header, is called "score". The index that
    pandas writes as a first column is left out, and so are the columns "file" and "row" of a file of predictions.

    Args:
        path: The file.
        names: Columns that are scores, in the order wanted; all of the file if none is named.

    Raises:
        InputError: No such file, a format that is not known, no events, no column of a name, a column that holds
            anything else than one number for each event, or a score that is not finite; with file, row and column.
    """
    path = Path(path)
    found = _of_csv(path, names) if path.suffix == ".csv" else _of_table(path, names)
    if not found or not len(next(iter(found.values()))):
        raise InputError(f"{path}: expected scores of at least one event, got none")
    return found


def _of_table(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    file = FeatureFile(path)
    named = path.suffix != ".npy"
    called = _chosen(names, file.names if named else (NAMELESS,), path)
    wanted = called if named else file.names
    if wide := [f"{name} ({file.widths[name]})" for name in wanted if file.widths[name] != 1]:
        raise InputError(
            f"{path}: expected one number for each event in a column, got more in {', '.join(wide)}"
        )
    if not wanted:
        return {}
    return dict(zip(called, file.read(0, len(file), names=wanted).T, strict=True))


def _of_csv(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    file = CsvFile(path, names=_names)
    there = file.columns[1:] if file.columns[0] in _INDEX and len(file.columns) > 1 else file.columns
    found = file.read(_chosen(names, there, path), 0, len(file))
    for name, scores in found.items():
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InputError(f"{file.where(row)}: expected finite numbers, got {scores[row]} in {name}")
    return {name: np.ascontiguousarray(scores) for name, scores in found.items()}


def _chosen(names: Sequence[str], there: tuple[str, ...], path: Path) -> tuple[str, ...]:
    if names:
        check_columns(names, there, str(path))
        return tuple(names)
    placed = set(_PLACE) <= set(there)
    return tuple(name for name in there if not (placed and name in _PLACE))


def _names(fields: int) -> tuple[str, ...]:
    return (NAMELESS,) if fields == 1 else tuple(f"{NAMELESS} {i}" for i in range(1, fields + 1))
