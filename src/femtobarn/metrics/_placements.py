"""Where each score lies among those of the other sample: what the area under a ROC curve is a mean of."""

import numpy as np
from jaxtyping import Float64


def placements(
    background: Float64[np.ndarray, " background"], signal: Float64[np.ndarray, " signal"]
) -> tuple[Float64[np.ndarray, " background"], Float64[np.ndarray, " signal"]]:
    """Of each background event the share of signal above it, of each signal event that of background below it.

    Ties count half. Either has the mean AUC; their variances over their numbers of events add up to that of the AUC
    (DeLong, DeLong, Clarke-Pearson 1988, doi:10.2307/2531595).
    """
    return 1 - _share_below(signal, background), _share_below(background, signal)


def _share_below(line: Float64[np.ndarray, " _"], x: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    ordered = np.sort(line)
    sides = np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")
    return np.asarray(sides / (2 * len(line)))
