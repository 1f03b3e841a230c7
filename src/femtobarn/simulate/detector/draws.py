"""Random numbers that belong to a thing, not to a moment: each is a function of a key and a number.

The key is one for each event, the number tells track or cell. Hence the result for an event does not depend
on the events beside it, and no array has to be drawn in one order. The function is the output of SplitMix64
(Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195) at step `number` from state `key`.
"""

import numpy as np
from jaxtyping import Float, Integer, UInt64
from scipy.special import ndtri

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def event_keys(generator: np.random.Generator, events: int) -> UInt64[np.ndarray, "event"]:
    """One key for each event; to draw them in two portions gives the same as all at once."""
    return generator.integers(0, 2**64, size=events, dtype=np.uint64)


def derived(keys: UInt64[np.ndarray, "*n"], purpose: int) -> UInt64[np.ndarray, "*n"]:
    """Keys for another purpose, unrelated to the given ones."""
    return _hash(keys, np.full_like(keys, purpose))


def numbered(keys: UInt64[np.ndarray, "*n"], number: Integer[np.ndarray, "*n"]) -> UInt64[np.ndarray, "*n"]:
    """A key for each numbered thing of those that have the given keys."""
    return _hash(keys, number)


def uniform(keys: UInt64[np.ndarray, "*n"], number: Integer[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Uniform in (0, 1), both ends excluded."""
    high = _hash(keys, number) >> np.uint64(12)
    return (high.astype(np.float64) + 0.5) * 2.0**-52


def normal(keys: UInt64[np.ndarray, "*n"], number: Integer[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Normal with mean 0 and standard deviation 1."""
    deviate: np.ndarray = ndtri(uniform(keys, number))
    return deviate


def log_normal(
    mean: Float[np.ndarray, "*n"], sigma: Float[np.ndarray, "*n"], normal: Float[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n"]:
    """Log-normal of this mean and standard deviation from a standard normal; 0 where the mean is 0."""
    relative = np.divide(sigma, mean, out=np.zeros_like(mean), where=mean > 0)
    width = np.sqrt(np.log1p(relative**2))
    return mean * np.exp(width * normal - width**2 / 2)


def _hash(keys: np.ndarray, number: np.ndarray) -> np.ndarray:
    state = keys + (number.astype(np.uint64) + np.uint64(1)) * _STEP
    state = (state ^ (state >> np.uint64(30))) * _MIX[0]
    state = (state ^ (state >> np.uint64(27))) * _MIX[1]
    return state ^ (state >> np.uint64(31))
