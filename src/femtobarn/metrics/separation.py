"""Separation power of two histograms, with its value for two samples of the same thing.

S = 1/2 sum_i (h_i - g_i)^2 / (h_i + g_i) with shares h and g (arXiv:2009.03796, eq. 15;
arXiv:2410.21611): 0 for equal histograms, 1 for disjoint ones. Two samples of n entries of the same
thing do not give 0 but (bins - 1) / (2 n), which must stand beside every value.
"""

import numpy as np
from jaxtyping import Float, Float64, Shaped
from scipy.special import gammaincc

from femtobarn.errors import InputError
from femtobarn.metrics.estimate import Estimate


def separation_power(real: Shaped[np.ndarray, " bin"], generated: Shaped[np.ndarray, " bin"]) -> float:
    """Separation power of two histograms, of counts or shares; each is divided by its sum.

    If one of them is empty there is nothing they share: 1. If both are: 0.

    Raises:
        InputError: Histograms of different length, or bins that are negative or not finite.
    """
    _check(real, generated)
    h, g = (_shares(np.asarray(x, dtype=np.float64)) for x in (real, generated))
    if not h.any() or not g.any():
        return float(h.any() or g.any())
    return _distance(h, g)


def separation(
    real: Shaped[np.ndarray, " bin"],
    generated: Shaped[np.ndarray, " bin"],
    *,
    events: tuple[int, int] | None = None,
) -> Estimate:
    """Separation power of two histograms of independent entries, with error and null.

    `null` is (k - 1) / 4 (1 / n + 1 / m) for k bins with any entry, which is (bins - 1) / (2 n) for equal samples
    that fill all bins. `null_error` is the root of the variance that goes with it, of a chi-squared variable
    save that a bin of one entry does not scatter. `p_value`: of a Gamma distribution with this mean and
    variance.

    Args:
        real, generated: Counts.
        events: Events behind each, of which some may have no entry: the sizes of the result. A histogram without
            any entry then has the null of one with as many as the other makes expect; else it has none.

    Raises:
        InputError: As `separation_power`.
    """
    value = separation_power(real, generated)
    real, generated = (np.asarray(x, dtype=np.float64) for x in (real, generated))
    n, m = float(real.sum()), float(generated.sum())
    if events is not None and (n == 0) != (m == 0):
        n, m = (n or m * events[0] / events[1]), (m or n * events[1] / events[0])
    pooled = real + generated
    filled = pooled[pooled > 0]
    unit = (1 / n + 1 / m) / 4 if n and m else np.nan
    mean = unit * (len(filled) - 1)
    variance = unit**2 * float((2 * (1 - 1 / filled)).sum()) * (1 - 1 / max(len(filled), 1))
    sizes = events or (int(real.sum()), int(generated.sum()))
    return _estimate(value, mean, variance, *sizes, f"separation power, {len(real)} bins")


class Spectrum:
    """Histogram of many entries of each shower, such as its voxels, with their correlations.

    Entries of one shower go up and down together, so that the null for independent entries does not hold. Kept
    is the sum over showers of the products of their counts, from which the covariance of the shares follows.
    Updates and merges in any order give the same.
    """

    def __init__(self, bins: int) -> None:
        self.showers = 0
        self.counts = np.zeros(bins)
        self.products = np.zeros((bins, bins))

    def update(self, counts: Float[np.ndarray, "shower bin"]) -> None:
        """Add the counts of each of some showers."""
        table = counts.astype(np.float64, copy=False)
        if table.ndim != 2 or table.shape[1] != len(self.counts):
            raise InputError(f"expected counts (shower, {len(self.counts)} bins), got {table.shape}")
        self.showers += len(table)
        self.counts += table.sum(axis=0)
        self.products += table.T @ table

    def merge(self, other: "Spectrum") -> None:
        """Add all showers that another one has seen."""
        if other.counts.shape != self.counts.shape:
            raise InputError(f"expected {len(self.counts)} bins in both, got {len(other.counts)}")
        self.showers += other.showers
        self.counts += other.counts
        self.products += other.products

    def covariance(self) -> Float64[np.ndarray, "bin bin"]:
        """Of the shares of entries per bin, showers being independent of each other."""
        total = self.counts.sum()
        share = self.counts / total
        of_total = self.products.sum(axis=1)  # sum over showers of (entries in bin) (entries in all bins)
        residual = self.products - np.outer(share, of_total) - np.outer(of_total, share)
        return np.asarray((residual + of_total.sum() * np.outer(share, share)) / total**2)

    def separation(self, generated: "Spectrum") -> Estimate:
        """Separation power of a generated spectrum, this being the real one.

        `null` and `null_error` are mean and spread of the quadratic form sum_i d_i^2 / (4 h_i) of the difference
        d of two spectra with the covariances of these. Sample sizes are numbers of showers.
        """
        value = separation_power(self.counts, generated.counts)
        mean = variance = float("nan")
        if self.counts.any() and generated.counts.any():
            pooled = _shares(self.counts + generated.counts)
            weight = np.where(pooled > 0, 1 / np.sqrt(np.where(pooled > 0, pooled, 1)), 0)
            form = (self.covariance() + generated.covariance()) * np.outer(weight, weight) / 4
            mean, variance = float(np.trace(form)), float(2 * np.square(form).sum())
        method = f"separation power, {len(self.counts)} bins, entries of a shower correlated"
        return _estimate(value, mean, variance, self.showers, generated.showers, method)


def _estimate(value: float, mean: float, variance: float, n: int, m: int, method: str) -> Estimate:
    """With the error of a value that a true difference has moved: that of a non-central chi-squared variable."""
    known = variance > 0
    unit = variance / (2 * mean) if known and mean > 0 else 0.0
    error = float(np.sqrt(variance + 4 * unit * max(value - mean, 0))) if known else float("nan")
    return Estimate(
        value=value,
        error=error,
        n_real=n,
        n_generated=m,
        null=mean if known else float("nan"),
        null_error=float(np.sqrt(variance)) if known else float("nan"),
        method=method,
        p_value=float(gammaincc(mean**2 / variance, value * mean / variance)) if known else float("nan"),
    )


def _distance(h: Float64[np.ndarray, " bin"], g: Float64[np.ndarray, " bin"]) -> float:
    both = h + g
    return float(np.sum(np.square(h - g) / np.where(both > 0, both, 1)) / 2)


def _shares(x: Float64[np.ndarray, " bin"]) -> Float64[np.ndarray, " bin"]:
    total = x.sum()
    return x / total if total > 0 else x


def _check(real: np.ndarray, generated: np.ndarray) -> None:
    if real.shape != generated.shape or not len(real):
        raise InputError(f"expected two histograms of the same bins, got {real.shape} and {generated.shape}")
    for name, x in (("real", real), ("generated", generated)):
        if not (np.isfinite(x) & (x >= 0)).all():
            raise InputError(f"expected bins of 0 or more, got {x.min()} in the {name} histogram")
