"""Events that a camera would see of an image moved by three saccades, as in N-MNIST (arXiv:1507.07629).

The image moves on straight lines along a triangle, as the camera's own movements did. A pixel gives an event for each
step of its logarithmic brightness by its own threshold (Lichtsteiner et al. 2008, doi:10.1109/JSSC.2007.914337).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from femtobarn.data.events import Events
from femtobarn.errors import InputError

SIDE = 34  #: pixels of the sensor, rows and columns
SACCADE = 105  #: ms of each
#: Place (row, column) of the image in px at the start of each saccade, and at the end of the last.
PATH = ((0.0, 0.0), (7.0, 3.5), (0.0, 7.0), (0.0, 0.0))
_DARK = 0.15  # brightness without any ink
_THRESHOLD, _SPREAD = 0.42, 0.1  # of the logarithm; relative, from pixel to pixel
_NOISE = 1e-4  # events a pixel and ms
_WIDTH, _ROOM = 7, 12  # px: extent of the path, and of what is around the sensor


def saccade_events(
    image: Float[np.ndarray, "row column"], *, generator: np.random.Generator, saccades: int = 3
) -> Events:
    """Events of an image, sorted by time.

    Args:
        image: Brightness from 0 to 1, at most 34 pixels a side; MNIST has 28.
        generator: Of thresholds, noise, and times within a ms.
        saccades: How many of the three are made.

    Raises:
        InputError: An image that is too large or not from 0 to 1, or another number of saccades.
    """
    if (
        max(image.shape) > SIDE
        or not 1 <= saccades < len(PATH)
        or not (image.min() >= 0 and image.max() <= 1)
    ):
        got = f"{image.shape}, {image.min():g} to {image.max():g}, {saccades}"
        raise InputError(f"expected at most {SIDE} pixels a side from 0 to 1 and 1 to 3 saccades, got {got}")
    field = np.zeros((SIDE + 2 * _ROOM, SIDE + 2 * _ROOM))
    first = [(SIDE - _WIDTH - side) // 2 + _ROOM for side in image.shape]
    field[first[0] : first[0] + image.shape[0], first[1] : first[1] + image.shape[1]] = image
    threshold = _THRESHOLD * np.clip(1 + _SPREAD * generator.normal(size=(SIDE, SIDE)), 0.5, None)
    reference = np.log(_DARK + _seen(field, PATH[0]))
    found = []
    for ms, place in enumerate(_places(saccades)):
        steps = np.trunc((np.log(_DARK + _seen(field, place)) - reference) / threshold)
        reference += steps * threshold
        found.append(_fired(ms, steps))
    step, y, x, p = (
        np.concatenate(column) for column in zip(*found, _noise(saccades, generator), strict=True)
    )
    t = 1000 * step + generator.integers(0, 1000, len(step))
    return Events(t, x, y, p).take(np.argsort(t, kind="stable"))


def _places(saccades: int) -> np.ndarray:
    """Where the image is after each ms."""
    share = np.arange(1, SACCADE + 1)[:, None] / SACCADE
    ends = np.array(PATH)
    return np.concatenate([ends[i] + (ends[i + 1] - ends[i]) * share for i in range(saccades)])


def _seen(field: np.ndarray, place: Sequence[float] | np.ndarray) -> np.ndarray:
    """What the sensor sees of the field with the image moved down and right, bilinear."""
    whole = [int(each) for each in place]
    (a, b), (row, column) = (place[i] - whole[i] for i in (0, 1)), (_ROOM - each for each in whole)
    window = field[row - 1 : row + SIDE, column - 1 : column + SIDE]
    across = (1 - b) * window[:, 1:] + b * window[:, :-1]
    return (1 - a) * across[1:] + a * across[:-1]


def _fired(ms: int, steps: np.ndarray) -> tuple[np.ndarray, ...]:
    """ms, row, column and polarity of an event for each step of each pixel."""
    rows, columns = np.nonzero(steps)
    change = steps[rows, columns]
    often = np.abs(change).astype(np.int64)
    y, x, p = (np.repeat(each, often) for each in (rows, columns, (change > 0).astype(np.int64)))
    return np.full(len(x), ms), y, x, p


def _noise(saccades: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """The same of events without a cause."""
    count = generator.poisson(_NOISE * SIDE * SIDE * SACCADE * saccades)
    return tuple(generator.integers(0, most, count) for most in (SACCADE * saccades, SIDE, SIDE, 2))
