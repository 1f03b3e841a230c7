"""A bounded random part of a sample of any length, the same whoever reads which rows in which order."""

import numpy as np
from jaxtyping import Shaped, UInt64

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, check_seed, numpy


class Subsample:
    """The rows with the smallest hash of (seed, row number): a simple random sample without replacement.

    It is the accumulator of the metrics that have no sufficient statistics: `value()` gives the arrays to call
    them with. As long as each row keeps its number (`start` is that of the first row given) updates and
    merges in any order keep the very same rows, in the same order. A sample of up to `size` rows is kept
    whole. Can be pickled.

        real.update(particles, mask, start=row); real.merge(other); w1m(real.value(), generated.value())
    """

    def __init__(self, size: int, *, seed: int = 0) -> None:
        if size < 1:
            raise InputError(f"expected a size of at least 1, got {size}")
        check_seed(seed)
        self.size, self.seed, self.rows = size, seed, 0
        self._hash = np.zeros(0, dtype=np.uint64)
        self._kept: tuple[np.ndarray, ...] = ()

    def update(self, *arrays: Array, start: int | None = None) -> None:
        """Offer rows, each of one or several arrays such as particles and mask."""
        tables = tuple(numpy(array) for array in arrays)
        if not tables or len({table.shape[:1] for table in tables}) != 1 or not tables[0].ndim:
            raise InputError(f"expected arrays of equally many rows, got {[table.shape for table in tables]}")
        first, n = self.rows if start is None else start, len(tables[0])
        self._keep(_hash(np.arange(first, first + n, dtype=np.uint64), self.seed), tables)
        self.rows += n

    def merge(self, other: "Subsample") -> None:
        """Add the rows that another accumulator of the same size and seed has seen."""
        if (self.size, self.seed) != (other.size, other.seed):
            raise InputError("expected the same size and seed in both accumulators")
        if other.rows:
            self._keep(other._hash, other._kept)
            self.rows += other.rows

    def value(self) -> tuple[np.ndarray, ...]:
        """The arrays of the rows kept, in random order."""
        return self._kept

    def _keep(
        self, keys: UInt64[np.ndarray, " row"], tables: tuple[Shaped[np.ndarray, "row ..."], ...]
    ) -> None:
        best = np.argsort(keys)[: self.size]
        keys, tables = keys[best], tuple(table[best] for table in tables)
        if self._kept:
            if [t.shape[1:] for t in tables] != [t.shape[1:] for t in self._kept]:
                shapes = [t.shape[1:] for t in self._kept], [t.shape[1:] for t in tables]
                raise InputError(
                    f"expected rows of the same shape in each update, got {shapes[0]} and {shapes[1]}"
                )
            keys = np.concatenate((self._hash, keys))
            best = np.argsort(keys)[: self.size]
            keys = keys[best]
            tables = tuple(np.concatenate(pair)[best] for pair in zip(self._kept, tables, strict=True))
        self._hash, self._kept = keys, tables


def _hash(row: UInt64[np.ndarray, " row"], seed: int) -> UInt64[np.ndarray, " row"]:
    """SplitMix64 (Steele, Lea, Flood 2014): a permutation of the 64-bit numbers, so that no two rows tie."""
    golden, a, b = (np.uint64(k) for k in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
    x = row
    for salt in (np.uint64(seed), np.uint64(0)):
        x = (x + salt + np.uint64(1)) * golden
        x = (x ^ (x >> np.uint64(30))) * a
        x = (x ^ (x >> np.uint64(27))) * b
        x = x ^ (x >> np.uint64(31))
    return x
