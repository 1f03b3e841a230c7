"""Probabilities made to agree with frequencies by the best curve that rises."""

import numpy as np
from jaxtyping import Float, Real, Shaped
from scipy.optimize import isotonic_regression

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, scores


def isotonic_curve(
    prediction: Real[Array, "_"], target: Shaped[Array, "_"]
) -> tuple[Float[np.ndarray, "knot"], Float[np.ndarray, "knot"]]:
    """Knots (prediction, frequency) of the rising curve that is nearest to the targets, for `np.interp`.

    The order of predictions stays, up to ties. Fit it to events that are not those of the result.

    Args:
        prediction: Any score that rises with the probability.
        target: 0 or 1, or in between.

    Raises:
        InputError: No predictions, not one target for each, or a number that is not finite.
    """
    if len(prediction) != len(target) or not len(prediction):
        raise InputError(f"expected a target for each prediction, got {len(target)} for {len(prediction)}")
    x, y = scores(prediction, "predicted"), scores(target, "target")
    values, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    mean = np.bincount(place, y) / counts
    return values, isotonic_regression(mean, weights=counts).x
