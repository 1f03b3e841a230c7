"""How features of different units are made comparable: one number per feature, from the reference alone."""

import numpy as np
from jaxtyping import Float64

from femtobarn.metrics._samples import Rows, rows


def max_scale(real: Rows) -> Float64[np.ndarray, " feature"]:
    """Largest absolute value of each feature, 1 where all are 0: the normalisation of arXiv:2211.10295.

    One outlier of the reference changes it, and with it all scores; see `robust_scale`.
    """
    return positive(np.abs(rows(real, "real")).max(axis=0))


def robust_scale(real: Rows) -> Float64[np.ndarray, " feature"]:
    """Half the width of the central 68 % of each feature; its largest absolute value where that is 0.

    Scores with this scale are other metrics, not comparable with published ones.
    """
    x = rows(real, "real")
    low, high = np.quantile(x, (0.16, 0.84), axis=0)
    return np.where(high > low, (high - low) / 2, max_scale(x))


def positive(largest: Float64[np.ndarray, " feature"]) -> Float64[np.ndarray, " feature"]:
    """1 in place of 0: a feature that is always 0 stays as it is."""
    return np.where(largest > 0, largest, 1.0)
