"""How well a score tells signal from background: ROC curve, accuracy, background rejection, with errors.

The area under the curve with its DeLong error is `femtobarn.metrics.auc(background, signal)`.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Real

from femtobarn.errors import InputError
from femtobarn.metrics._placements import placements
from femtobarn.metrics._samples import Array, scores
from femtobarn.metrics.working_point import calibrate, measured

Scores = Real[Array, "_"]


def roc_curve(
    signal: Scores, background: Scores
) -> tuple[Float64[np.ndarray, " point"], Float64[np.ndarray, " point"]]:
    """Efficiencies (signal, background) of all cuts on the score, from (0, 0) to (1, 1); equal scores go together.

    Raises:
        InputError: No scores of one of the two, or one that is not finite.
    """
    signal, background = scores(signal, "signal"), scores(background, "background")
    cuts = np.unique(np.concatenate((signal, background)))[::-1]
    kept = [
        1 - np.searchsorted(np.sort(each), cuts, side="left") / len(each) for each in (signal, background)
    ]
    return np.concatenate(([0.0], kept[0])), np.concatenate(([0.0], kept[1]))


def background_efficiency(signal: Scores, background: Scores, *, efficiency: float) -> tuple[float, float]:
    """Share of the background above the cut that keeps this share of the signal, and its binomial error.

    Between two cuts it is interpolated linearly in the signal efficiency. The error is that of the number
    of background events; that of the cut itself is smaller by about the slope of the curve.

    Raises:
        InputError: As `roc_curve`, or an efficiency that is not between 0 and 1.
    """
    if not 0 < efficiency < 1:
        raise InputError(f"expected a signal efficiency between 0 and 1, got {efficiency}")
    signal, background = scores(signal, "signal"), scores(background, "background")
    needed = math.ceil(efficiency * len(signal) - 1e-9)
    cut = np.partition(signal, -needed)[-needed]  # the loosest one that is needed
    kept = [(signal > cut).mean(), (signal >= cut).mean()]
    value = float(np.interp(efficiency, kept, [(background > cut).mean(), (background >= cut).mean()]))
    return value, float(np.sqrt(value * (1 - value) / len(background)))


def background_rejection(signal: Scores, background: Scores, *, efficiency: float) -> tuple[float, float]:
    """1 / `background_efficiency`, and its error; (inf, NaN) if no background event is left to count.

    Raises:
        InputError: As `background_efficiency`.
    """
    value, error = background_efficiency(signal, background, efficiency=efficiency)
    return (1 / value, error / value**2) if value > 0 else (float("inf"), float("nan"))


class SignalEfficiency(NamedTuple):
    """Share of the signal above a threshold that was set on background, with the errors of both samples."""

    value: float
    error: float
    """Of both together."""
    signal_error: float
    """Binomial, of the signal events alone."""
    threshold_error: float
    """Of the threshold, which the background events tell only so well."""
    threshold: float


def signal_efficiency(signal: Scores, background: Scores, *, fraction: float) -> SignalEfficiency:
    """Share of the signal above the threshold that keeps this share of the background, with the error of both.

    The error of the threshold is half the difference of the efficiencies at the ends of its interval
    (`calibrate`), so it needs no density of either sample. `measured(signal, threshold)` gives the interval of the
    counts, where none or all of the signal passes.

    Raises:
        InputError: As `roc_curve`, or a fraction of fewer than ten background events.
    """
    signal = scores(signal, "signal")
    point = calibrate(background, fraction)
    value = measured(signal, point.threshold).value
    counted = math.sqrt(value * (1 - value) / len(signal))
    loose, tight = (measured(signal, end).value for end in point.interval)
    moved = (loose - tight) / 2
    return SignalEfficiency(value, math.hypot(counted, moved), counted, moved, point.threshold)


def auc_difference(
    signal: Scores, background: Scores, other_signal: Scores, other_background: Scores
) -> tuple[float, float]:
    """Area under the curve of one score less that of another on the same events, and its paired standard error.

    What both scores have in common cancels event by event, so that the error is far below those of the two areas
    (DeLong, DeLong, Clarke-Pearson 1988, doi:10.2307/2531595).

    Args:
        signal, background: One score.
        other_signal, other_background: The other score of the same events in the same order.

    Raises:
        InputError: Fewer than two events of a kind, numbers of events that differ, or scores that are not finite.
    """
    first = scores(background, "background", least=2), scores(signal, "signal", least=2)
    second = scores(other_background, "background", least=2), scores(other_signal, "signal", least=2)
    if [len(each) for each in first] != [len(each) for each in second]:
        raise InputError(
            f"expected both scores of the same events, got {len(first[1])} and {len(second[1])} signal, "
            f"{len(first[0])} and {len(second[0])} background events"
        )
    gains = [one - two for one, two in zip(placements(*first), placements(*second), strict=True)]
    error = math.sqrt(sum(gain.var(ddof=1) / len(gain) for gain in gains))
    return float(gains[1].mean()), error


def accuracy(signal: Scores, background: Scores, *, cut: float = 0.0) -> tuple[float, float]:
    """Share of all events on the right side of the cut, and its binomial error; a score at the cut is background.

    Raises:
        InputError: As `roc_curve`.
    """
    signal, background = scores(signal, "signal"), scores(background, "background")
    n = len(signal) + len(background)
    value = float(((signal > cut).sum() + (background <= cut).sum()) / n)
    return value, float(np.sqrt(value * (1 - value) / n))
