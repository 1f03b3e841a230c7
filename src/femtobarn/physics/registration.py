"""Images of a stack shifted onto their common mean by whole pixels."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError

_TOGETHER = 500  # images whose correlations with all others are held at a time


class Registered(NamedTuple):
    """Shifts of the images of a stack, and the mean that they end on."""

    shift: Int[np.ndarray, "image 2"]
    """Pixels down and to the right that each image has to be moved by."""
    reference: Float[np.ndarray, "row column"]


def registered(
    images: Float[np.ndarray, "image row column"], *, largest: int = 3, passes: int = 3, alike: int = 15
) -> Registered:
    """The shifts that bring the images onto each other, each at the peak of its cross-correlation with a mean.

    The mean is that of all images, taken again after each pass; then, as often, that of the images that each is most
    alike, because images of different patterns pull each other to slightly different places. Images count with
    their mean removed and unit length; one without any structure does not move.

    Args:
        images: Best smoothed and of stabilised variance, see `femtobarn.data.image_stack.stabilised`.
        largest: Shift along each axis, in pixels.
        passes: Of either kind.
        alike: Images in the second kind of mean; 0 leaves it out.

    Raises:
        InputError: No pass, or a shift of half an image or more.
    """
    _check(images.shape[1:], largest)
    if passes < 1 or alike < 0:
        raise InputError(f"expected at least one pass and images in a mean, got {passes}, {alike}")
    unit = _unit(images)
    shift, wave = np.zeros((len(images), 2), int), np.fft.rfft2(unit)
    for turn in range(2 * passes if alike else passes):
        there = moved(unit, shift)
        reference = there.mean(axis=0)[None] if turn < passes else _means_of_alike(there, alike)
        shift = _peaks(wave, reference, largest)[0]
    return Registered(shift, moved(unit, shift).mean(axis=0))


def shifts_onto(
    references: Float[np.ndarray, "reference row column"],
    images: Float[np.ndarray, "image row column"],
    *,
    largest: int = 3,
) -> Int[np.ndarray, "image 2"]:
    """The whole shift of each image at which its circular cross-correlation with any of the references is largest.

    Raises:
        InputError: Images of another size, or a shift of half of it or more.
    """
    _check(images.shape[1:], largest)
    if references.shape[1:] != images.shape[1:]:
        raise InputError(f"expected images {references.shape[1:]} as the references, got {images.shape[1:]}")
    wave = np.fft.rfft2(_unit(images))
    found, height = zip(*(_peaks(wave, each[None], largest) for each in references), strict=True)
    best = np.argmax(height, axis=0)
    return np.stack(found)[best, np.arange(len(images))]


def _means_of_alike(images: np.ndarray, alike: int) -> np.ndarray:
    """For each image the mean of the others that correlate best with it."""
    flat = images.reshape(len(images), -1)
    found = np.empty_like(images)
    for start in range(0, len(images), _TOGETHER):
        correlation = flat[start : start + _TOGETHER] @ flat.T
        rows = np.arange(len(correlation))
        correlation[rows, start + rows] = -np.inf
        nearest = np.argsort(-correlation, axis=1, kind="stable")[:, :alike]
        found[start : start + _TOGETHER] = images[nearest].mean(axis=1)
    return found


def _peaks(
    wave: np.ndarray, references: np.ndarray, largest: int
) -> tuple[Int[np.ndarray, "image 2"], Float[np.ndarray, "image"]]:
    """Place and height of the highest correlation within the largest shift."""
    peak = np.fft.irfft2(np.conj(wave) * np.fft.rfft2(_unit(references)), s=references.shape[1:])
    window = np.arange(-largest, largest + 1)
    near = peak[:, window[:, None], window]
    near[:, largest, largest] += 1e-9  # where nothing is better, an image stays
    flat = near.reshape(len(near), -1)
    return np.stack(np.divmod(flat.argmax(axis=1), len(window)), axis=1) - largest, flat.max(axis=1)


def moved(
    images: Float[np.ndarray, "image row column"], shift: Int[np.ndarray, "image 2"]
) -> Float[np.ndarray, "image row column"]:
    """Each image moved down and to the right by its shift; what leaves at one side comes in at the other."""
    rows, columns = (
        (np.arange(size) - each[:, None]) % size for size, each in zip(images.shape[1:], shift.T, strict=True)
    )
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _unit(images: np.ndarray) -> np.ndarray:
    centred = images - images.mean(axis=(-2, -1), keepdims=True)
    length = np.sqrt((centred**2).sum(axis=(-2, -1), keepdims=True))
    return centred / np.where(length > 0, length, 1.0)


def _check(shape: tuple[int, ...], largest: int) -> None:
    if not 0 <= largest < min(shape) / 2:
        raise InputError(f"expected a largest shift from 0 to half a side of {shape}, got {largest}")
