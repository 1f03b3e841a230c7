"""How well a score tells signal from background: ROC curve, accuracy, background rejection, with errors.

The area under the curve with its DeLong error is `femtobarn.metrics.auc(background, signal)`.
"""

import math

import numpy as np
from jaxtyping import Float64, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, scores

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


def accuracy(signal: Scores, background: Scores, *, cut: float = 0.0) -> tuple[float, float]:
    """Share of all events on the right side of the cut, and its binomial error; a score at the cut is background.

    Raises:
        InputError: As `roc_curve`.
    """
    signal, background = scores(signal, "signal"), scores(background, "background")
    n = len(signal) + len(background)
    value = float(((signal > cut).sum() + (background <= cut).sum()) / n)
    return value, float(np.sqrt(value * (1 - value) / n))
