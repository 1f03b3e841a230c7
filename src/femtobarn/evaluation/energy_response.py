"""How an estimate of the energy follows the true energy: response in bins, and residuals on equal terms."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from femtobarn.plots.resolution import central_width


class Response(NamedTuple):
    """Relative residual of the energy in bins of the true one, of one method."""

    energy: Float64[np.ndarray, "bin"]
    """Mean true energy of the bin."""
    bias: Float64[np.ndarray, "bin"]
    bias_error: Float64[np.ndarray, "bin"]
    width: Float64[np.ndarray, "bin"]
    width_error: Float64[np.ndarray, "bin"]
    entries: Int[np.ndarray, "bin"]


def response(
    true: Float64[np.ndarray, "shower"],
    found: Float[np.ndarray, "shower"],
    edges: Sequence[float],
    *,
    least: int = 40,
) -> Response:
    """Median and width of the relative residual in bins of the true energy, with errors; thin bins are left out.

    The width is half of the central 68 % after the response is made linear, see `linearised` and
    `femtobarn.plots.resolution.central_width`. At least `least` showers a bin.
    """
    columns, linear = [], linearised(true, found)
    for low, high in pairwise(edges):
        inside = (true >= low) & (true < high)
        n = int(inside.sum())
        if n < least:
            continue
        residual = np.sort(found[inside] / true[inside] - 1)
        of_median = 1.253 * central_width(residual)[0] / np.sqrt(n)
        width, error = central_width(np.sort(linear[inside]))
        columns.append((true[inside].mean(), np.median(residual), of_median, width, error, n))
    table = np.array(columns).reshape(-1, 6).T
    return Response(table[0], table[1], table[2], table[3], table[4], table[5].astype(np.int64))


def linearised(
    true: Float64[np.ndarray, "shower"], found: Float[np.ndarray, "shower"]
) -> Float64[np.ndarray, "shower"]:
    """Relative residual of the energy after the estimate is calibrated to a linear response.

    The median estimate f of showers of energy E is fitted as a E + b E ln E + c, by least absolute deviations. The
    calibrated estimate is f^-1(found); its residual to first order is (found - f(E)) / f'(E). Scale, offset and
    shrinkage towards a mean neither help nor hurt an estimate; f' counts as 0.05 where it is less, as of an estimate
    that does not know the energy.
    """
    unit = true / np.median(true)
    log = np.log(unit)
    design, ratio = np.stack((np.ones_like(log), log, 1 / unit), axis=1), found / true
    a, b, c = _least_absolute(design, ratio)
    slope = a + b * (log + 1)
    residual: np.ndarray = (ratio - design @ (a, b, c)) / np.maximum(slope, 0.05)
    return residual


def _least_absolute(design: np.ndarray, value: np.ndarray, *, rounds: int = 50) -> np.ndarray:
    """Terms with the least sum of absolute deviations, by least squares with weights; robust against tails."""
    weight = np.ones(len(value))
    for _ in range(rounds):
        terms: np.ndarray = np.linalg.lstsq(design * weight[:, None], value * weight, rcond=None)[0]
        away = np.abs(value - design @ terms)
        weight = 1 / np.sqrt(np.maximum(away, 1e-3 * np.median(away) + 1e-12))
    return terms
