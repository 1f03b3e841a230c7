"""The 48 trigger cells of an 8-inch HGCAL silicon wafer: where they are and how they are laid out.

Cell ``c = 16 R + 4 r + k`` lies in rhombus ``R`` (0, 1, 2), row ``r`` and column ``k`` (0 to 3). The
length unit of this module is the pitch of a *sensor* cell; a trigger cell joins four of them, so
neighbouring trigger cells are 2 apart. The rule below reproduces the hard-coded points of the code
published with arXiv:2306.04712 to 1.42e-5 cm, and the offsets of the three rhombi are exact
multiples of the pitch.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Int

CELLS = 48
ADC_PER_MIP = 35.0  #: CALQ counts per transverse minimum-ionising particle (arXiv:2306.04712, code)

PATH = (
    0, 31, 30, 27, 1, 4, 8, 12, 13, 9, 5, 2, 6, 10, 14, 15, 11, 32, 36, 33, 7, 3, 34, 37,
    40, 44, 41, 45, 46, 47, 16, 20, 24, 28, 29, 25, 26, 23, 19, 22, 21, 17, 18, 35, 38, 39, 42, 43,
)  # fmt: skip
"""An order of the cells in which each touches the next."""

_RHOMBUS, _ROW, _COLUMN = (index.ravel() for index in np.indices((3, 4, 4)))


@cache
def positions() -> Float[np.ndarray, "48 2"]:
    """Centres (x, y) of the trigger cells, in units of the sensor-cell pitch."""
    r, k = _ROW, _COLUMN
    x = np.sqrt(3) * np.choose(_RHOMBUS, [r + 0.0, k - 4.0, 2.25 - r - k])
    y = np.choose(_RHOMBUS, [-2.0 * k - r, -8.5 + 2 * r + k, -10.25 + k - r])
    return _frozen(np.stack((x, y), axis=1))


@cache
def distances() -> Float[np.ndarray, "48 48"]:
    """Euclidean distances between trigger cells, the ground cost of the wafer's Earth mover's distance."""
    x = positions()
    return _frozen(np.linalg.norm(x[:, None] - x[None, :], axis=-1))


@cache
def hexagonal_coordinates() -> Int[np.ndarray, "48 2"]:
    """CMS trigger-cell coordinates (u, v) on the 8x8 grid with 16 empty corners."""
    r, k = _ROW, _COLUMN
    u = np.choose(_RHOMBUS, [7 - k, 1 + r + k, 3 - r])
    v = np.choose(_RHOMBUS, [4 + r, k, 6 - r - k])
    return _frozen(np.stack((u, v), axis=1))


@cache
def neighbours() -> tuple[tuple[int, ...], ...]:
    """For each cell the cells that touch it: at most one hexagonal step away in (u, v)."""
    step = hexagonal_distance()
    return tuple(tuple(int(j) for j in np.flatnonzero(row == 1)) for row in step)


@cache
def hexagonal_distance() -> Int[np.ndarray, "48 48"]:
    """Number of steps between cells on the hexagonal grid of (u, v)."""
    u, v = (axis[:, None] - axis[None, :] for axis in hexagonal_coordinates().T)
    return _frozen(np.maximum.reduce([np.abs(u), np.abs(v), np.abs(u - v)]))


@cache
def image_8x8() -> Int[np.ndarray, "8 8"]:
    """Faithful 8x8 layout (CMSSW's): the cell at row u, column v; -1 in the 16 empty corners."""
    image = np.full((8, 8), -1)
    image[tuple(hexagonal_coordinates().T)] = np.arange(CELLS)
    return _frozen(image)


@cache
def image_8x8_published() -> Int[np.ndarray, "8 8"]:
    """8x8 layout of arXiv:2306.04712 ("arrange"): an L of three 4x4 rhombi, -1 in the fourth quadrant."""
    image = np.full((8, 8), -1)
    i, j = np.indices((4, 4))
    image[:4, :4] = 28 - 4 * i + j
    image[:4, 4:] = 4 * j + i
    image[4:, :4] = 47 - 4 * j - i
    return _frozen(image)


@cache
def image_4x4x3() -> Int[np.ndarray, "4 4 3"]:
    """Layout with one 4x4 channel per rhombus, as the EMD network and the 2021 ASIC encoder use it."""
    return _frozen(np.arange(CELLS).reshape(3, 4, 4).transpose(1, 2, 0).copy())


def _frozen(array: np.ndarray) -> np.ndarray:
    """The cached arrays are shared by all callers: forbid writing to them."""
    array.setflags(write=False)
    return array
