"""Sorting samples into bins, for the figures that show a quantity against another."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from femtobarn.errors import InputError


def split_by_bin(
    x: ArrayLike, y: ArrayLike, bins: ArrayLike
) -> tuple[Float[np.ndarray, "edge"], list[Float[np.ndarray, "_"]]]:
    """The bin edges, and for each bin the values of y, sorted, whose x lies in it.

    Bins hold their lower edge, the last one both, as in `numpy.histogram`; what lies outside is in none.

    Raises:
        InputError: Lengths differ, a value is not finite, or the edges do not rise.
    """
    x, y, bins = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(bins, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(f"one y for each x: got shapes {x.shape} and {y.shape}")
    if bad := int(np.sum(~np.isfinite(x) | ~np.isfinite(y))):
        raise InputError(f"{bad} of {len(x)} points are not finite: leave them out and say how many they are")
    if bins.ndim != 1 or len(bins) < 2 or not np.all(np.diff(bins) > 0):
        raise InputError(f"bin edges are two or more rising numbers, got shape {bins.shape}")
    order = np.lexsort((y, x))
    last = np.searchsorted(x[order], bins[-1], side="right")
    starts = [*np.searchsorted(x[order], bins[:-1], side="left"), last]
    return bins, [np.sort(y[order][low:high]) for low, high in pairwise(starts)]
