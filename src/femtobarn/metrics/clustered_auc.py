"""Area under the ROC curve of rows that belong together, such as the patches of an image."""

import math

import numpy as np
from jaxtyping import Real, Shaped

from femtobarn.errors import InputError
from femtobarn.metrics._placements import placements
from femtobarn.metrics._samples import Array, Labels, labels, numpy, scores


def clustered_auc(
    score: Real[Array, "_"], is_signal: Labels, unit: Shaped[Array, "_"]
) -> tuple[float, float]:
    """The area, and its standard error where units, not rows, are independent (Obuchowski 1997, doi:10.2307/2533958).

    Args:
        score: Of each row; larger is more like signal.
        is_signal: Which rows are signal.
        unit: What each row belongs to; it may hold both signal and background.

    Raises:
        InputError: No signal or no background, fewer than two units, or scores that are not finite.
    """
    values = scores(score, "score")
    if not len(values) == len(is_signal) == len(unit):
        raise InputError(
            f"expected a class and a unit for each score, got {len(values)}, {len(is_signal)}, {len(unit)}"
        )
    is_signal = labels(is_signal, "signal", count=len(values))
    _, index = np.unique(numpy(unit), return_inverse=True)
    units = int(index.max(initial=-1)) + 1
    if units < 2 or is_signal.all() or not is_signal.any():
        raise InputError(f"expected signal and background in two units or more, got {units} units")
    of_background, of_signal = placements(values[~is_signal], values[is_signal])
    area = float(of_signal.mean())
    influence = np.empty(len(values))
    influence[is_signal] = (of_signal - area) / is_signal.sum()
    influence[~is_signal] = (of_background - area) / (~is_signal).sum()
    total = np.bincount(index, influence, units)
    return area, math.sqrt(float(np.square(total).sum()) * units / (units - 1))
