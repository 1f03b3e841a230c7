"""Rows that occur several times in a sample: its size is then not the number of its rows."""

import warnings

import numpy as np
from jaxtyping import Float64

_SHARE = 0.01  # of the different rows that may occur more than once


class RepeatedRowsWarning(UserWarning):
    """A sample was drawn with replacement, or joined from parts that overlap; its errors and nulls are too small."""


def warn_of_repeated_rows(x: Float64[np.ndarray, "row feature"], name: str) -> None:
    """Warn, in one line, if more than a hundredth of the different rows of a continuous sample occur again.

    Repeated rows fluctuate together, which no estimate of an error from the rows can see: 5000 rows of 36 Gaussians
    drawn with replacement are nine null widths off in `fpd`. Samples of whole numbers, whose rows repeat by
    themselves, are left alone, and so is a single row that occurs often, such as that of all empty showers. The
    price is one sorted column where no row is repeated.
    """
    fractional = np.flatnonzero((x[: min(len(x), 1000)] % 1 != 0).any(axis=0))
    if not len(fractional):
        return
    column = np.sort(x[:, fractional[0]])
    if np.count_nonzero(column[1:] == column[:-1]) <= _SHARE * len(x) / 2:
        return
    # As bytes, the zeros of either sign made one: a sort of rows is far slower.
    table = np.ascontiguousarray(x + 0.0)
    _, counts = np.unique(table.view(f"V{table.itemsize * table.shape[1]}"), return_counts=True)
    again = np.count_nonzero(counts > 1)
    if again > max(_SHARE * len(counts), 1):
        warnings.warn(
            f"{len(x) - len(counts)} of {len(x)} {name} rows are repeated rows: error and null are those of "
            "independent rows and too small, give each row once",
            RepeatedRowsWarning,
            stacklevel=3,
        )
