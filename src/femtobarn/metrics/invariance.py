"""How little a classifier minds that its events are seen from a moving frame."""

import numpy as np
from jaxtyping import Float


def invariance_score(accuracies: Float[np.ndarray, "speed"]) -> float:
    """Mean over the largest of 2 accuracy - 1, over equally spaced speeds (arXiv:2311.14160).

    It is 1 if nothing changes, and NaN for accuracies that are nowhere above one half.
    """
    above_chance = 2 * np.asarray(accuracies, np.float64) - 1
    largest = above_chance.max()
    return float(above_chance.mean() / largest) if largest > 0 else float("nan")
