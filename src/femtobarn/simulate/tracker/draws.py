"""Random numbers inside compiled loops: the n-th of a key, as in `femtobarn.simulate.detector.draws`."""

from math import cos, log, pi, sqrt
from typing import no_type_check

import numpy as np

from femtobarn.compiled import njit

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_12, _27, _30, _31 = np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)
_ONE = np.uint64(1)


@njit(inline="always")
@no_type_check
def mixed(key, number):
    """The key of thing number `number` of the thing with this key; SplitMix64."""
    state = key + (np.uint64(number) + _ONE) * _STEP
    state = (state ^ (state >> _30)) * _FIRST
    state = (state ^ (state >> _27)) * _SECOND
    return state ^ (state >> _31)


@njit(inline="always")
@no_type_check
def uniform(key, number):
    """Uniform in (0, 1), both ends excluded."""
    return (np.float64(mixed(key, number) >> _12) + 0.5) * 2.0**-52


@njit(inline="always")
@no_type_check
def normal(key, number):
    """Normal with mean 0 and deviation 1, from the numbers `number` and `number + 1` (Box, Muller 1958)."""
    return sqrt(-2.0 * log(uniform(key, number))) * cos(2.0 * pi * uniform(key, number + 1))
