"""The Fréchet distance of two samples of features (FPD on hand-made ones), free of its bias, with an error."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from femtobarn.errors import InputError
from femtobarn.metrics._blocks import by_block, check_blocks, jackknife, null_spread
from femtobarn.metrics._samples import Rows, rows, two_samples
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.repeated import warn_of_repeated_rows
from femtobarn.metrics.scaling import positive, robust_scale

Vector = Float64[np.ndarray, " feature"]
Matrix = Float64[np.ndarray, "feature feature"]

_AT_ONCE = 4_000_000  # numbers in a batch of matrices


def fpd(
    real: Rows, generated: Rows, *, scale: Float64[np.ndarray, " feature"] | None = None, blocks: int = 100
) -> Estimate:
    """Fréchet distance of two samples, corrected for its bias, with its sampling error.

    The plain value for two finite samples of the same thing is not 0 but grows as features^2 / rows. Here
    each of `blocks` blocks of each sample is left out in turn: the jackknife gives the bias, which is
    subtracted, and the error. So the value may be slightly negative where the samples agree. Published values
    (arXiv:2211.10295) come from another estimator: `fpd_jetnet`, `fpd_literature`.

    `null` is 0 (the mean over all ways to halve the real sample, exactly), and `null_error` the spread for
    two samples of these sizes, both from the expansion of the distance to second order around the real
    sample, block by block. It is blind beyond means and covariances: see `kpd` and the W1s beside it.

    Args:
        real, generated: Features (row, feature), in exchangeable order: the blocks take every 100th row.
        scale: Each feature of both samples is divided by this; default: `max_scale(real)`. Ones: as it is.
        blocks: Parts of each sample.

    Raises:
        InputError: Not a table, not finite, different features, fewer than two rows per block or than features.

    Warns:
        RepeatedRowsWarning: A sample of continuous features was drawn with replacement.
    """
    moments = feature_moments(real, blocks=blocks), feature_moments(generated, blocks=blocks)
    for sample, name in ((real, "real"), (generated, "generated")):
        warn_of_repeated_rows(rows(sample, name, least=0), name)
    return moments[0].value(moments[1], scale=scale)


def fpd_robust(real: Rows, generated: Rows, *, blocks: int = 100) -> Estimate:
    """As `fpd`, with features in units of `robust_scale(real)`: no single outlier sets the scale.

    Another metric than the published one, not to be compared with it.
    """
    x, y = two_samples(real, generated)
    estimate = fpd(x, y, scale=robust_scale(x), blocks=blocks)
    return estimate._replace(
        method=estimate.method.replace("FPD", "robust FPD", 1) + " = half its central 68 %"
    )


def frechet_distance(mean: Vector, covariance: Matrix, other_mean: Vector, other_covariance: Matrix) -> float:
    """Squared Fréchet distance of two Gaussians: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).

    The last trace is the sum of the singular values of A1^T A2 with S = A A^T, which is exact for singular
    covariances too and needs neither a complex root nor a number added to the diagonal.
    """
    cross = factor(covariance).T @ factor(other_covariance)
    trace = np.trace(covariance) + np.trace(other_covariance)
    return float(np.square(mean - other_mean).sum() + trace - 2 * _sum_of_singular_values(cross))


def feature_moments(x: Rows, *, blocks: int = 100) -> "FeatureMoments":
    """The `FeatureMoments` of one array."""
    moments = FeatureMoments(x.shape[-1] if x.ndim else 0, blocks=blocks)
    moments.update(x)
    return moments


class FeatureMoments:
    """Count, mean and scatter of the rows in each block: all that the Fréchet distance needs of a sample.

    Updates and merges in any order give the same value, to rounding, as long as each row keeps its number:
    `start` is that of the first row given. Can be pickled; memory: 8 blocks features^2 bytes.
    """

    def __init__(self, features: int, *, blocks: int = 100) -> None:
        if blocks < 2:
            raise InputError(f"expected at least two blocks, got {blocks}")
        self.rows = np.zeros(blocks, dtype=np.int64)
        self.mean = np.zeros((blocks, features))
        self.scatter = np.zeros((blocks, features, features))
        self.largest = np.zeros(features)

    @property
    def scale(self) -> Float64[np.ndarray, " feature"]:
        """`max_scale` of the rows seen so far."""
        return positive(self.largest)

    def update(self, x: Rows, *, start: int | None = None) -> None:
        """Add rows; the first has number `start` in the whole sample (default: follows those seen)."""
        table = rows(x, "x", features=len(self.largest), least=0)
        for block, part in by_block(table, int(self.rows.sum()) if start is None else start, len(self.rows)):
            mean = part.mean(axis=0)
            centred = part - mean
            self._join(block, len(part), mean, centred.T @ centred)
            self.largest = np.maximum(self.largest, np.abs(part).max(axis=0))

    def merge(self, other: "FeatureMoments") -> None:
        """Add all rows that another accumulator has seen."""
        if self.mean.shape != other.mean.shape:
            shapes = f"{self.mean.shape} and {other.mean.shape}"
            raise InputError(f"expected the same blocks and features in both accumulators, got {shapes}")
        for block in np.flatnonzero(other.rows):
            self._join(int(block), int(other.rows[block]), other.mean[block], other.scatter[block])
        self.largest = np.maximum(self.largest, other.largest)

    def _join(self, block: int, n: int, mean: Vector, scatter: Matrix) -> None:
        """Moments about the common mean, from those about two means (Chan, Golub, LeVeque 1979)."""
        before = self.rows[block]
        step = mean - self.mean[block]
        self.rows[block] += n
        self.mean[block] += step * (n / (before + n))
        self.scatter[block] += scatter + np.outer(step, step) * (before * n / (before + n))

    def pooled(self) -> tuple[Float64[np.ndarray, " feature"], Float64[np.ndarray, "feature feature"]]:
        """Mean and covariance (divided by n - 1) of all rows."""
        n, mean, scatter, _ = _pool(_Blocks(self.rows, self.mean, self.scatter))
        return mean, scatter / (n - 1)

    def value(
        self, generated: "FeatureMoments", *, scale: Float64[np.ndarray, " feature"] | None = None
    ) -> Estimate:
        """`fpd` of a generated sample, this being the real one."""
        check_blocks(self.rows, "real", features=len(self.largest))
        check_blocks(generated.rows, "generated", features=len(self.largest))
        if self.mean.shape[1] != generated.mean.shape[1]:
            features = f"{self.mean.shape[1]} and {generated.mean.shape[1]}"
            raise InputError(f"expected the same features in both samples, got {features}")
        unit = self.scale if scale is None else _checked(scale, len(self.largest))
        x, y = self._over(unit), generated._over(unit)
        plain = frechet_distance(*_gaussian(x), *_gaussian(y))
        first = jackknife(plain, _left_out(x, *_gaussian(y)))
        second = jackknife(plain, _left_out(y, *_gaussian(x)))
        n_real, n_generated = int(self.rows.sum()), int(generated.rows.sum())
        return Estimate(
            value=plain - first.bias - second.bias,
            error=float(np.sqrt(first.variance + second.variance)),
            n_real=n_real,
            n_generated=n_generated,
            null=0.0,
            null_error=null_spread(_expansion(x), self.rows, n_generated),
            method=f"FPD, block jackknife ({len(self.rows)} and {len(generated.rows)} blocks), "
            f"{len(unit)} features over {'max |real|' if scale is None else 'a given scale'}",
        )

    def _over(self, unit: Vector) -> "_Blocks":
        return _Blocks(self.rows, self.mean / unit, self.scatter / np.outer(unit, unit))


class _Blocks(NamedTuple):
    rows: Int64[np.ndarray, " block"]
    mean: Float64[np.ndarray, "block feature"]
    scatter: Float64[np.ndarray, "block feature feature"]


def left_out_distances(
    sample: FeatureMoments, mean: Vector, covariance: Matrix
) -> Float64[np.ndarray, " block"]:
    """Plain Fréchet distances to a Gaussian, with each block of the sample left out in turn."""
    return _left_out(_Blocks(sample.rows, sample.mean, sample.scatter), mean, covariance)


def _pool(sample: _Blocks) -> tuple[int, Vector, Matrix, Float64[np.ndarray, "block feature"]]:
    """Rows, mean and scatter of all blocks together, and how far each block's mean is off."""
    n = int(sample.rows.sum())
    mean = sample.rows @ sample.mean / n
    off = sample.mean - mean
    return n, mean, sample.scatter.sum(axis=0) + (off * sample.rows[:, None]).T @ off, off


def _gaussian(sample: _Blocks) -> tuple[Vector, Matrix]:
    n, mean, scatter, _ = _pool(sample)
    return mean, scatter / (n - 1)


def _left_out(sample: _Blocks, other_mean: Vector, other_covariance: Matrix) -> Float64[np.ndarray, " block"]:
    """Fréchet distances to the other Gaussian without each of the blocks."""
    n, mean, scatter, off = _pool(sample)
    other = factor(other_covariance)
    values = np.empty(len(sample.rows))
    step = max(1, _AT_ONCE // scatter.size)
    for k in range(0, len(values), step):
        part = slice(k, k + step)
        rest = (n - sample.rows[part])[:, None, None]
        weight = sample.rows[part, None, None] * n / rest
        outer = off[part, :, None] * off[part, None, :]
        covariance = (scatter - sample.scatter[part] - weight * outer) / (rest - 1)
        shift = mean - off[part] * (sample.rows[part] / rest[:, 0, 0])[:, None] - other_mean
        trace = np.trace(covariance, axis1=1, axis2=2) + np.trace(other_covariance)
        cross = np.swapaxes(factor(covariance), 1, 2) @ other
        values[part] = np.square(shift).sum(axis=1) + trace - 2 * _sum_of_singular_values(cross)
    return values


def factor(
    covariance: Float64[np.ndarray, "*batch feature feature"],
) -> Float64[np.ndarray, "*batch feature feature"]:
    """A with A A^T = the covariance; what rounding made negative counts as 0."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(min=0))[..., None, :]


def _sum_of_singular_values(x: Float64[np.ndarray, "*batch n m"]) -> Float64[np.ndarray, "*batch"]:
    return np.asarray(np.linalg.svd(x, compute_uv=False).sum(axis=-1))


def _expansion(sample: _Blocks) -> Float64[np.ndarray, "block block"]:
    """Inner products of the blocks in coordinates whose squared distance is the Fréchet one, for small steps.

    For means and covariances that differ by d and E it is d^2 + 1/2 sum_ij E_ij^2 / (s_i + s_j), in the basis
    in which the covariance has the eigenvalues s (the Bures metric).
    """
    n, _, scatter, off = _pool(sample)
    s, basis = np.linalg.eigh(scatter / n)
    pairs = s[:, None] + s
    weight = np.where(pairs > len(s) * np.finfo(float).eps * s[-1], 1, 0) / np.sqrt(
        2 * np.abs(pairs) + 1e-300
    )
    moved = np.empty_like(sample.scatter)
    for block, (rows_, matrix, step) in enumerate(zip(sample.rows, sample.scatter, off, strict=True)):
        second = matrix / rows_ + np.outer(step, step) - scatter / n
        moved[block] = (basis.T @ second @ basis) * weight
    flat = moved.reshape(len(moved), -1)
    return off @ off.T + flat @ flat.T


def _checked(scale: Vector, features: int) -> Vector:
    if scale.shape != (features,) or not (scale > 0).all() or not np.isfinite(scale).all():
        raise InputError(f"expected a scale above 0 for each of {features} features, got {scale}")
    return scale
