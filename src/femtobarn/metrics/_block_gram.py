"""Unbiased squared distance of two kernel means, for any choice of blocks, from sums of the kernel over blocks."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

AT_ONCE = 2048  # rows on each side, so that a piece of the kernel stays within 34 MB


class BlockGram(NamedTuple):
    """Sums of a kernel over all pairs of rows of two blocks."""

    sums: Float64[np.ndarray, "block block"]
    own: Float64[np.ndarray, " block"]  # the sum over each row with itself
    rows: Int64[np.ndarray, " block"]


def squared_distances(
    gram: BlockGram, first: Bool[np.ndarray, "case block"], second: Bool[np.ndarray, "case block"]
) -> Float64[np.ndarray, " case"]:
    """Unbiased MMD^2 of the rows in the `first` blocks to those in the `second`, in each case.

    mean k(x, x') over different rows + mean k(y, y') over different rows - 2 mean k(x, y).
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    n, m = a @ gram.rows, b @ gram.rows
    within_a = (((a @ gram.sums) * a).sum(axis=1) - a @ gram.own) / (n * (n - 1))
    within_b = (((b @ gram.sums) * b).sum(axis=1) - b @ gram.own) / (m * (m - 1))
    return within_a + within_b - 2 * ((a @ gram.sums) * b).sum(axis=1) / (n * m)


def deviations(gram: BlockGram) -> Float64[np.ndarray, "block block"]:
    """Inner products of the blocks' mean embeddings, each less the mean embedding of all rows."""
    means = gram.sums / np.outer(gram.rows, gram.rows)
    weight = gram.rows / gram.rows.sum()
    line = means @ weight
    return means - line[:, None] - line + weight @ line


def kernel_sum(
    a: Float64[np.ndarray, "n feature"], b: Float64[np.ndarray, "m feature"], degree: int
) -> float:
    """Sum over all pairs of rows of (x.y + 1)^degree, without holding all pairs."""
    total = 0.0
    for i in range(0, len(a), AT_ONCE):
        for j in range(0, len(b), AT_ONCE):
            kernel = a[i : i + AT_ONCE] @ b[j : j + AT_ONCE].T
            kernel += 1
            half = kernel**2 if degree > 2 else kernel
            other = {4: half, 3: kernel, 2: kernel, 1: np.ones_like(kernel)}[degree]
            total += float(np.vdot(half, other))
    return total
