"""Cuts on a score that are set on background: the threshold, what really passes it, and intervals of both."""

import contextlib
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, scores

LEVEL = 0.6827  #: of the intervals by default: one standard deviation of a normal distribution
LEAST = 10  #: events above a threshold, below which no one can tell what passes


class Fraction(NamedTuple):
    """A share of events with its Clopper-Pearson interval."""

    value: float
    low: float
    high: float
    passed: int
    n: int


class WorkingPoint(NamedTuple):
    """A cut that keeps a share of the background: events with a score above `threshold` pass."""

    threshold: float
    interval: tuple[float, float]
    """Where the threshold of an infinite sample lies, from the order of the scores alone."""
    kept: Fraction
    """Of the sample that the threshold was set on."""


class TiedScoresError(InputError):
    """So many events share a score that no threshold keeps the share asked for."""


def calibrate(background: Real[Array, " event"], fraction: float, *, level: float = LEVEL) -> WorkingPoint:
    """The lowest threshold that at most this share of the background exceeds.

    With k = floor(fraction n) it is the score number k + 1 from above, so that equal scores stay below it
    together: a score of whole numbers, such as a count of tracks, may keep less than the share asked for, and `kept`
    tells how much. Measure it on events that it was not set on (`measured`).

    Args:
        background: Scores, larger for what is to be kept.
        fraction: Share of the background that may pass, above 0 and below 1.
        level: Coverage of the intervals.

    Raises:
        InputError: A fraction of fewer than ten events, or scores that are not finite.
        TiedScoresError: Ties leave fewer than ten events; it is an `InputError`.

    Example:
        >>> calibrate(np.arange(1000), 0.02).threshold
        979.0
    """
    if not 0 < fraction < 1:
        raise InputError(f"expected a fraction of the background between 0 and 1, got {fraction}")
    ordered = np.sort(scores(background, "background"))[::-1]
    n = len(ordered)
    passing = math.floor(fraction * n + 1e-9)
    if passing < LEAST:
        raise InputError(
            f"expected a fraction of at least {LEAST} events, got {fraction:g} of {n}: take "
            f"{math.ceil(LEAST / fraction)} background events or more, or a larger fraction"
        )
    threshold = float(ordered[passing])
    kept = measured(ordered, threshold, level=level)
    if kept.passed < LEAST:
        equal = int((ordered == threshold).sum())
        raise TiedScoresError(
            f"{equal} of {n} background events share the score {threshold:g}, and {kept.passed} lie above it: no "
            f"threshold keeps {LEAST} of them and at most {fraction:g}"
        )
    # The number of events above the true threshold is binomial.
    from scipy.stats import binom

    few, many = binom.ppf(((1 - level) / 2, (1 + level) / 2), n, fraction).astype(int)
    ends = float(ordered[min(many, n - 1)]), float(ordered[max(few - 1, 0)])
    return WorkingPoint(threshold, ends, kept)


def threshold_if_any(background: Real[Array, " event"], fraction: float) -> float | None:
    """The threshold of `calibrate`, or None where ties allow none: one score of a table must not end all others.

    Raises:
        InputError: As `calibrate`, but for ties.
    """
    with contextlib.suppress(TiedScoresError):
        return calibrate(background, fraction).threshold
    return None


def measured(sample: Real[Array, " event"], threshold: float, *, level: float = LEVEL) -> Fraction:
    """Share of the events with a score above the threshold; one at it does not pass.

    Raises:
        InputError: No events, scores that are not finite, or no threshold.
    """
    if math.isnan(threshold):
        raise InputError("expected a threshold, got NaN")
    line = scores(sample, "measured")
    passed = int((line > threshold).sum())
    return Fraction(passed / len(line), *clopper_pearson(passed, len(line), level=level), passed, len(line))


def clopper_pearson(passed: int, n: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Ends of the central confidence interval of a share of which `passed` out of `n` were seen.

    It covers the true share at least so often, whatever that is (Clopper, Pearson 1934,
    doi:10.1093/biomet/26.4.404). The end of `level=0.9` for none of n is the usual upper limit at 95 %.

    Raises:
        InputError: Counts that do not fit, or a level that is not between 0 and 1.

    Example:
        >>> low, high = clopper_pearson(0, 682, level=0.9)
        >>> print(f"{low:g} to {100 * high:.2f} %")
        0 to 0.44 %
    """
    from scipy.special import betaincinv

    if not 0 <= passed <= n or n < 1 or not 0 < level < 1:
        raise InputError(f"expected 0 <= passed <= n and a level below 1, got {passed} of {n} at {level}")
    tail = (1 - level) / 2
    low = float(betaincinv(passed, n - passed + 1, tail)) if passed > 0 else 0.0
    high = float(betaincinv(passed + 1, n - passed, 1 - tail)) if passed < n else 1.0
    return low, high
