"""Samples split so that what belongs together stays together."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from femtobarn.errors import InputError


def split_by_group(
    group: Int[np.ndarray, " n"], *, fractions: Sequence[float], seed: int
) -> tuple[np.ndarray, ...]:
    """Row numbers of each part, in order; rows with the same group (shower, event) are in the same part.

    The part of a group follows from a hash of its number and the seed, so it depends neither on the order of
    the rows nor on which other groups there are. The fractions hold on average over the groups.

    Args:
        group: What each row belongs to.
        fractions: Shares of the groups; they add up to 1.
        seed: Another seed gives another split.
    """
    if min(fractions, default=-1) < 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise InputError(f"expected fractions of 0 or more that add up to 1, got {tuple(fractions)}")
    u = _hash(group.astype(np.int64).view(np.uint64), seed) / 2.0**64
    part = np.searchsorted(np.cumsum(fractions)[:-1], u, side="right")
    return tuple(np.flatnonzero(part == index) for index in range(len(fractions)))


def _hash(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Finalizer of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195), seeded."""
    start = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15) + start
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return result
