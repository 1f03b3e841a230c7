"""Electron showers in an array of crystals, seen from the front: images that a short code describes."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError

CELLS, CELL = 16, 10.0  #: along a side; mm
_FINE = 4  # points a cell and side at which the profile is taken
_CORE, _TAIL = (4.0, 7.0), 22.0  # mm
_STOCHASTIC = 0.05  # of the energy of a cell, times the root of GeV


def cell_images(
    count: int, *, generator: np.random.Generator, off: float = 25.0
) -> Float[Tensor, "shower 16 16"]:
    """Energies of the cells in GeV, of electrons of 20 to 100 GeV that hit the middle of the array.

    The lateral profile is that of GFLASH, core and tail of 2 r R^2 / (r^2 + R^2)^2 (Grindhammer and Peters,
    hep-ex/0001020, equation 23), with a core of 4 to 7 mm that holds 75 to 90 %; each cell fluctuates by 5 % / sqrt(E).

    Args:
        count: Number of showers.
        generator: Of all that is random.
        off: Showers are centred within so many mm of the middle along each axis.

    Raises:
        InputError: No showers.
    """
    if count < 1:
        raise InputError(f"expected one shower or more, got {count}")
    energy, share = generator.uniform(20, 100, count), generator.uniform(0.75, 0.9, count)
    core, centre = generator.uniform(*_CORE, count), generator.uniform(-off, off, (count, 2))
    axis = CELL / _FINE * (np.arange(CELLS * _FINE) + 0.5) - CELL * CELLS / 2
    square = (axis[:, None] - centre[:, 1, None, None]) ** 2 + (axis - centre[:, 0, None, None]) ** 2
    density = sum(
        (weight * radius**2 / np.pi)[:, None, None] / (square + (radius**2)[:, None, None]) ** 2
        for weight, radius in ((share, core), (1 - share, np.full(count, _TAIL)))
    )
    fine = np.asarray(density).reshape(count, CELLS, _FINE, CELLS, _FINE).mean(axis=(2, 4)) * CELL**2
    mean = energy[:, None, None] * fine
    read = mean + _STOCHASTIC * np.sqrt(mean) * generator.normal(size=mean.shape)
    return torch.from_numpy(read.clip(min=0)).float()
