"""The hardest particles of each jet, whatever the order in a file."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Shaped


def hardest(
    pt: Shaped[np.ndarray, "jet particle"], mask: Bool[np.ndarray, "jet particle"], number: int
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that takes the hardest particles out of an array (jet, particle, ...), hardest first.

    Particles of equal pT stay in their order, padding comes last; an array that is cut nowhere stays as it is.

    Args:
        pt: By which they are compared.
        mask: True where there is a particle.
        number: How many of each jet.
    """
    if number >= pt.shape[1]:
        return lambda array: array
    key = np.where(
        mask, np.where(np.isnan(pt), np.inf, pt), -np.inf
    )  # what is no number is kept, to be reported
    if (key[:, :-1] >= key[:, 1:]).all():  # as in the published files
        return lambda array: array[:, :number]
    order = np.argsort(-key, axis=1, kind="stable")[:, :number]

    def take(array: np.ndarray) -> np.ndarray:
        return np.take_along_axis(array, order.reshape(*order.shape, *[1] * (array.ndim - 2)), axis=1)

    return take
