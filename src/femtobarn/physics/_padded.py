"""The checks at the public edge of all functions on padded jets and on the particles of many events."""

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.errors import InputError


def zero_padded(
    particles: Float[np.ndarray, "jet particle 3"], mask: Bool[np.ndarray, "jet particle"]
) -> Float64[np.ndarray, "jet particle 3"]:
    """The particles as float64 with zeros wherever the mask is false, whatever stood there.

    Raises:
        InputError: Shapes or a kind of mask that do not fit, or a particle that the mask calls real is not
            finite.
    """
    if particles.ndim != 3 or particles.shape[2] != 3:
        raise InputError(f"expected particles (jet, particle, 3) of (eta, phi, pt), got {particles.shape}")
    check_mask(mask, particles.shape[:2])
    refuse_masked(particles)
    clean = np.where(mask[..., None], particles, 0).astype(np.float64, copy=False)
    if not np.isfinite(clean).all():
        jet, particle, feature = np.argwhere(~np.isfinite(clean))[0]
        name = ("eta", "phi", "pt")[feature]
        raise InputError(
            f"jet {jet}, particle {particle}: {name} is {clean[jet, particle, feature]}, expected finite numbers"
        )
    return clean


def refuse_masked(numbers: np.ndarray) -> None:
    """Refuse a masked array, such as Awkward makes of jets of different lengths: NumPy would drop its mask.

    Raises:
        InputError: Some of the numbers are masked.
    """
    if np.ma.is_masked(numbers):
        raise InputError("expected all numbers of the particles, got a masked array: fill it, say with zeros")


def check_mask(mask: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse what is no mask of these jets, before compiled code reads beyond its end.

    Raises:
        InputError: Another shape, or not true and false.
    """
    if mask.shape != shape or mask.dtype != np.bool_:
        raise InputError(f"expected a mask of true and false of shape {shape}, got {mask.dtype} {mask.shape}")


def check_boundaries(offset: np.ndarray, count: int) -> None:
    """Refuse what does not cut so many particles, one event after the other.

    Raises:
        InputError: Boundaries that do not rise from 0 to the number of particles.
    """
    if not len(offset) or offset[0] != 0 or offset[-1] != count or (offset[1:] < offset[:-1]).any():
        raise InputError(f"expected boundaries of events that rise from 0 to {count}, got {offset}")
