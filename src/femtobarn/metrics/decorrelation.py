"""Whether a score follows another variable of the background, such as mass or pile-up, and scores that do not."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Real

from femtobarn.errors import InputError
from femtobarn.metrics._blocks import jackknife
from femtobarn.metrics._samples import Array, scores
from femtobarn.metrics.working_point import LEVEL, measured

_BLOCKS = 20  # left out in turn for the error
_PAIRS = 2_000_000  # at a time: 16 MB for each of their products


class Dependence(NamedTuple):
    """How much two variables of the same events depend on each other."""

    value: float
    error: float
    """By leaving out a twentieth of the events at a time."""
    n: int
    null: float
    """What independent variables with these distributions give."""
    p_value: float
    """Chance of such a value or more for independent ones: a bound where it is below 0.05 (arXiv:1912.12150)."""


class Profile(NamedTuple):
    """Share of events above a threshold in bins of a variable, NaN in a bin without events."""

    low: Float64[np.ndarray, " bin"]
    high: Float64[np.ndarray, " bin"]
    value: Float64[np.ndarray, " bin"]
    value_low: Float64[np.ndarray, " bin"]
    value_high: Float64[np.ndarray, " bin"]
    """Ends of the Clopper-Pearson interval."""
    n: Int64[np.ndarray, " bin"]


def distance_correlation(x: Real[Array, " event"], y: Real[Array, " event"]) -> Dependence:
    """Distance correlation of two variables: 0 to 1, and 0 for infinitely many events only if they are independent.

    sqrt(dCov^2(x, y) / sqrt(dCov^2(x, x) dCov^2(y, y))), which sees any dependence, not only a linear one (Szekely,
    Rizzo, Bakirov 2007, doi:10.1214/009053607000000505); some papers call its square by this name. Finitely many
    independent events do not give 0: `null` is the root of the mean of dCov^2 over all ways to shuffle one of the
    variables, which has a closed form. Time grows as the square of the events, memory does not: 20,000 take
    about ten seconds.

    Raises:
        InputError: Fewer than 40 events, numbers of events that differ, values that are not finite, or all alike.
    """
    a, b = scores(x, "x", least=2 * _BLOCKS), scores(y, "y", least=2 * _BLOCKS)
    if len(a) != len(b):
        raise InputError(f"expected two variables of the same events, got {len(a)} and {len(b)} values")
    for name, line in (("x", a), ("y", b)):
        if line.min() == line.max():
            raise InputError(
                f"{name} is {line[0]:g} for all events: whether another follows it cannot be measured"
            )
    sums = _pair_sums((a - a.mean()) / a.std(), (b - b.mean()) / b.std())
    every = np.ones(_BLOCKS, dtype=bool)
    both, of_a, of_b = _covariances(sums, every)
    unit = float(np.sqrt(of_a * of_b))
    value = float(np.sqrt(max(both, 0.0) / unit))
    left_out = []
    for block in range(_BLOCKS):
        rest = every.copy()
        rest[block] = False
        part, of_part, of_other = _covariances(sums, rest)
        left_out.append(np.sqrt(max(part, 0.0) / np.sqrt(of_part * of_other)))
    n = len(a)
    mean_a, mean_b = (each.sum() / n**2 for each in (sums.row_a, sums.row_b))
    null = mean_a * mean_b / (n - 1)
    return Dependence(
        value,
        float(np.sqrt(jackknife(value, np.array(left_out)).variance)),
        n,
        float(np.sqrt(null / unit)),
        _p_value(n, both - null, of_a - mean_a**2 / (n - 1), of_b - mean_b**2 / (n - 1)),
    )


def mistag_profile(
    background: Real[Array, " event"],
    variable: Real[Array, " event"],
    *,
    threshold: float,
    edges: Real[Array, " edge"],
    level: float = LEVEL,
) -> Profile:
    """Share of the background above a threshold in bins of a variable, such as pile-up, HT or mass.

    Bins hold their lower edge, the last one both.

    Args:
        background: Scores.
        variable: Of the same events.
        threshold: As from `calibrate`.
        edges: Of the bins.
        level: Coverage of the intervals.

    Raises:
        InputError: Numbers of events that differ, values that are not finite, or edges that do not rise.
    """
    line, at = scores(background, "background"), scores(variable, "variable")
    bounds = scores(edges, "bin edge", least=2)
    if len(line) != len(at):
        raise InputError(f"expected one value of the variable for each of {len(line)} scores, got {len(at)}")
    if not (np.diff(bounds) > 0).all():
        raise InputError(f"expected bin edges that rise, got {bounds}")
    place = np.searchsorted(bounds, at, side="right") - 1
    place[at == bounds[-1]] = len(bounds) - 2
    rows = []
    for index in range(len(bounds) - 1):
        inside = line[place == index]
        found = measured(inside, threshold, level=level)[:3] if len(inside) else (np.nan,) * 3
        rows.append((*found, len(inside)))
    value, low, high, n = np.array(rows).T
    return Profile(bounds[:-1], bounds[1:], value, low, high, n.astype(np.int64))


def two_sided(
    sample: Real[Array, " event"], background: Real[Array, " reference"]
) -> Float64[np.ndarray, " event"]:
    """|score - median| / (interquartile range), both of the background: for a score without a side known beforehand.

    Args:
        sample: Scores of any events.
        background: Scores of the background that the range is taken from.

    Raises:
        InputError: Scores that are not finite, or a background half of which has one score.
    """
    line, reference = scores(sample, "sample"), scores(background, "background", least=2)
    low, middle, high = np.quantile(reference, (0.25, 0.5, 0.75))
    if not high > low:
        raise InputError(
            f"half of the background has the score {middle:g}: there is no range to measure it in"
        )
    return np.asarray(np.abs(line - middle) / (high - low))


def residual(
    sample: Real[Array, " event"],
    variable: Real[Array, " event"],
    background: Real[Array, " reference"],
    background_variable: Real[Array, " reference"],
    *,
    degree: int = 1,
) -> Float64[np.ndarray, " event"]:
    """Score less what the background has on average where the variable is the same: a polynomial fit to it.

    A threshold on it drifts less with the variable, such as pile-up or the sum of energies, than one on the score.
    Give the logarithm of a score that grows by factors.

    Args:
        sample, variable: Score and variable of any events.
        background, background_variable: Of the background that is fitted.
        degree: Of the polynomial.

    Raises:
        InputError: Numbers of events that differ, values that are not finite, or a variable of too few values.
    """
    line, at = scores(sample, "sample"), scores(variable, "variable")
    reference, reference_at = scores(background, "background"), scores(background_variable, "variable")
    if len(line) != len(at) or len(reference) != len(reference_at):
        counts = f"{len(at)} for {len(line)} and {len(reference_at)} for {len(reference)}"
        raise InputError(f"expected one value of the variable for each score, got {counts}")
    if degree < 1 or len(np.unique(reference_at)) <= degree:
        raise InputError(
            f"expected a degree of 1 or more and a variable of more different values, got degree {degree} and "
            f"{len(np.unique(reference_at))} values"
        )
    fitted = np.polynomial.Polynomial.fit(reference_at, reference, degree)
    return np.asarray(line - fitted(at))


class _PairSums(NamedTuple):
    """Sums over pairs of events of the distances a_ij and b_ij; events lie in blocks."""

    size: Int64[np.ndarray, " block"]
    of: Int64[np.ndarray, " event"]  # block of each event
    row_a: Float64[np.ndarray, "event block"]  # sum of a_ij over the events j of each block
    row_b: Float64[np.ndarray, "event block"]
    products: Float64[np.ndarray, "3 block block"]  # of a b, a a, b b


def _pair_sums(x: Float64[np.ndarray, " event"], y: Float64[np.ndarray, " event"]) -> _PairSums:
    of = np.arange(len(x)) % _BLOCKS
    order = np.argsort(of, kind="stable")
    x, y, of = x[order], y[order], of[order]
    size = np.bincount(of, minlength=_BLOCKS)
    starts = np.concatenate(([0], np.cumsum(size)[:-1]))
    row_a, row_b = np.empty((2, len(x), _BLOCKS))
    products = np.zeros((3, _BLOCKS, _BLOCKS))
    step = max(1, _PAIRS // len(x))
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        here = of[part]
        a, b = np.abs(x[part, None] - x), np.abs(y[part, None] - y)
        row_a[part], row_b[part] = (np.add.reduceat(each, starts, axis=1) for each in (a, b))
        for total, product in zip(products, (a * b, a * a, b * b), strict=True):
            np.add.at(total, here, np.add.reduceat(product, starts, axis=1))
    return _PairSums(size, of, row_a, row_b, products)


def _covariances(sums: _PairSums, kept: np.ndarray) -> tuple[float, float, float]:
    """dCov^2 of (x, y), (x, x) and (y, y), of the events in some of the blocks."""
    n = int(sums.size[kept].sum())
    rows = kept[sums.of]
    a, b = (each[rows][:, kept].sum(axis=1) / n for each in (sums.row_a, sums.row_b))
    found = []
    for product, (one, other) in zip(sums.products, ((a, b), (a, a), (b, b)), strict=True):
        mean = product[np.ix_(kept, kept)].sum() / n**2
        found.append(float(mean - 2 * (one @ other) / n + one.mean() * other.mean()))
    return found[0], found[1], found[2]


def _p_value(n: int, both: float, of_a: float, of_b: float) -> float:
    """From the chi-squared distribution that bounds that of the unbiased squared distance correlation."""
    from scipy.stats import chi2

    return float(chi2.sf(n * both / np.sqrt(of_a * of_b) + 1, 1)) if of_a > 0 and of_b > 0 else 1.0
