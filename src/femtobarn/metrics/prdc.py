"""Precision, recall, density and coverage by nearest neighbours (arXiv:1904.06991, arXiv:2002.09797)."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float64, Int64

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.metrics._samples import Rows, two_samples
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.scaling import max_scale

_HALVINGS = 8  # for the null
_AT_ONCE = 4_000_000  # distances held at a time: 32 MB


class Prdc(NamedTuple):
    """With a ball around each point of a sample, out to its k-th neighbour in the sample:"""

    precision: Estimate  # share of generated points inside any ball of a real point
    recall: Estimate  # share of real points inside any ball of a generated point
    density: Estimate  # mean number of real balls around a generated point, over k
    coverage: Estimate  # share of real balls with a generated point inside


def prdc(
    real: Rows,
    generated: Rows,
    *,
    k: int = 5,
    scale: Float64[np.ndarray, " feature"] | None = None,
    null: bool = True,
    generator: np.random.Generator | None = None,
) -> Prdc:
    """Precision, recall, density and coverage of a generated sample.

    Distances are Euclidean, of features over `scale`. A point at the edge of a ball is inside. Time grows as
    real * generated * features, memory does not: distances are held 32 MB at a time. The errors are those of
    the means over the points, for balls as they are. `null`: the same between random halves of the real
    sample, eight times; its sizes are half of `n_real`, and `null_error` is the standard deviation of the
    eight. (Between samples of the same thing the density is 1 and the coverage about 1 - 2^-k, whatever their
    size.)

    Args:
        real, generated: Features (row, feature).
        k: Neighbours that make the radius of a ball.
        scale: Each feature of both samples is divided by this; default: `max_scale(real)`. Ones: as it is.
        null: Compute the null, which takes twice the time of the value.
        generator: Of the halves; default: one of seed 0.

    Raises:
        InputError: Not a table, not finite, different features, fewer rows than k + 1 (2 k + 2 for `null`).
    """
    x, y = two_samples(real, generated)
    if k < 1 or min(len(x) // (1 + null), len(y)) <= k:
        raise InputError(f"expected more rows than k = {k} >= 1, got {len(x)} and {len(y)}")
    unit = max_scale(x) if scale is None else scale
    x, y = x / unit, y / unit
    found = _shares(x, y, k)
    halves = np.full((_HALVINGS, 4), np.nan)
    if null:
        draw = generator or np.random.default_rng(0)
        for case in halves:
            first, second = np.array_split(draw.permutation(len(x)), 2)
            case[:] = [each.mean() for each in _shares(x[first], x[second], k)]
    setting = f"k = {k}, features over {'max |real|' if scale is None else 'a given scale'}"
    setting += ", null of halves of the real sample" if null else ""
    return Prdc(
        *(
            Estimate(
                float(each.mean()),
                float(each.std() / np.sqrt(len(each))),
                len(x),
                len(y),
                float(nulls.mean()),
                float(nulls.std(ddof=1)),
                f"{name}, {setting}",
            )
            for name, each, nulls in zip(Prdc._fields, found, halves.T, strict=True)
        )
    )


def neighbour_distance(x: Float64[np.ndarray, "row feature"], k: int) -> Float64[np.ndarray, " row"]:
    """Squared distance of each row to its k-th neighbour among the other rows."""
    centred = x - x.mean(axis=0)
    result = np.empty(len(x))
    step = max(1, _AT_ONCE // len(x))
    for first in range(0, len(x), step):
        squared = squared_distances(centred[first : first + step], centred)
        _kth(squared, first, k, result[first : first + step])
    return result


def squared_distances(
    x: Float64[np.ndarray, "n feature"], y: Float64[np.ndarray, "m feature"]
) -> Float64[np.ndarray, "n m"]:
    """|x|^2 + |y|^2 - 2 x.y, at least 0."""
    squared = x @ (-2 * y.T)
    squared += np.square(x).sum(axis=1)[:, None]
    squared += np.square(y).sum(axis=1)
    return np.maximum(squared, 0, out=squared)


def _shares(
    x: Float64[np.ndarray, "real feature"], y: Float64[np.ndarray, "generated feature"], k: int
) -> tuple[Float64[np.ndarray, " _"], ...]:
    """Per point: precise (generated), recalled (real), density (generated), covered (real)."""
    x_radius, y_radius = neighbour_distance(x, k), neighbour_distance(y, k)
    centre = x.mean(axis=0)
    x, y = x - centre, y - centre
    balls = np.zeros(len(y), dtype=np.int64)
    recalled, covered = np.zeros(len(x), dtype=np.bool_), np.zeros(len(x), dtype=np.bool_)
    step = max(1, _AT_ONCE // len(y))
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        _count(squared_distances(x[part], y), x_radius[part], y_radius, balls, recalled[part], covered[part])
    return (balls > 0).astype(float), recalled.astype(float), balls / k, covered.astype(float)


@no_type_check
@njit(cache=True, nogil=True)
def _kth(squared: Float64[np.ndarray, "n m"], first: int, k: int, result: Float64[np.ndarray, " n"]) -> None:
    """k-th smallest of each row, which is row `first`, `first + 1`, ... of the sample, without itself."""
    best = np.empty(k)
    for i in range(squared.shape[0]):
        best[:] = np.inf
        for j in range(squared.shape[1]):
            value = squared[i, j]
            if value < best[k - 1] and j != first + i:
                place = k - 1
                while place > 0 and best[place - 1] > value:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = value
        result[i] = best[k - 1]


@no_type_check
@njit(cache=True, nogil=True)
def _count(
    squared: Float64[np.ndarray, "real generated"],
    x_radius: Float64[np.ndarray, " real"],
    y_radius: Float64[np.ndarray, " generated"],
    balls: Int64[np.ndarray, " generated"],
    recalled: Bool[np.ndarray, " real"],
    covered: Bool[np.ndarray, " real"],
) -> None:
    for i in range(squared.shape[0]):
        inside_any, holds_any = False, False
        for j in range(squared.shape[1]):
            holds = squared[i, j] <= x_radius[i]
            balls[j] += holds
            holds_any |= holds
            inside_any |= squared[i, j] <= y_radius[j]
        recalled[i], covered[i] = inside_any, holds_any
