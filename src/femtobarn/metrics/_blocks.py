"""Blocks of rows, and what the scatter from block to block says about an estimate.

Row number r of a sample belongs to block r modulo the number of blocks, whoever reads it. Rows of one sample
must be exchangeable: shuffle files that are ordered by class or energy.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from femtobarn.errors import InputError


def by_block(
    x: Float64[np.ndarray, "row feature"], start: int, blocks: int
) -> Iterator[tuple[int, Float64[np.ndarray, "part feature"]]]:
    """Each block that the rows `start`, `start + 1`, ... touch, with its rows."""
    for first in range(min(blocks, len(x))):
        yield (start + first) % blocks, np.ascontiguousarray(x[first::blocks])


def check_blocks(rows: Int64[np.ndarray, " block"], name: str, *, features: int = 1) -> None:
    """Refuse a sample with an empty block, or too few rows for a covariance of full rank.

    Raises:
        InputError: Says how many rows are needed.
    """
    n, needed = int(rows.sum()), max(2 * len(rows), features + 2)
    if n < needed:
        raise InputError(
            f"expected at least {needed} rows in the {name} sample, got {n}: take fewer blocks or more rows"
        )
    if rows.min() == 0:
        raise InputError(
            f"block {int(rows.argmin())} of the {name} sample is empty: count `start` over all files"
        )


class Jackknife(NamedTuple):
    """What leaving out one block at a time says."""

    bias: float
    variance: float


def jackknife(value: float, left_out: Float64[np.ndarray, " block"]) -> Jackknife:
    """Bias and variance of a value, from the values without each of the blocks."""
    blocks = len(left_out)
    mean = left_out.mean()
    spread = np.square(left_out - mean).sum()
    return Jackknife(float((blocks - 1) * (mean - value)), float(spread * (blocks - 1) / blocks))


def null_spread(
    products: Float64[np.ndarray, "block block"], rows: Int64[np.ndarray, " block"], n_other: int
) -> float:
    """Spread of an unbiased squared distance of means between two samples of the same thing.

    `products` are the inner products of the deviations of a sample's block means from its mean. Each way to
    cut the blocks in two halves gives one such distance. Their mean is exactly 0; their variance is twice the
    mean squared product of two blocks, times a factor for the size of halves, which is replaced here by that
    for two samples of `sum(rows)` and `n_other`.
    """
    blocks, n = len(rows), int(rows.sum())
    squares = np.square(products).sum() - np.square(np.diagonal(products)).sum()
    per_row = n / blocks * np.sqrt(2 * squares / (blocks * (blocks - 1)))
    return float(per_row * (1 / n + 1 / n_other))
