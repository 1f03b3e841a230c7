"""The published recipes of FPD and KPD, kept for comparison with published numbers only.

They draw batches with replacement from the samples. So they converge to the plain values of the two finite
samples, whose bias grows as features^2 / rows, and their errors are not sampling errors: of the fit for FPD,
of a single batch for KPD. `fpd` and `kpd` are the estimators to use.
"""

import numpy as np
from jaxtyping import Float64

from femtobarn.errors import InputError
from femtobarn.metrics._block_gram import kernel_sum
from femtobarn.metrics._samples import Rows, check_seed, two_samples
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.frechet import frechet_distance
from femtobarn.metrics.scaling import max_scale


def fpd_literature(
    real: Rows,
    generated: Rows,
    *,
    min_batch: int = 20_000,
    max_batch: int = 50_000,
    batches: int = 20,
    points: int = 10,
    scale: Float64[np.ndarray, " feature"] | None = None,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """FPD as arXiv:2211.10295 describes it: a straight line through batches of several sizes, by least squares.

    The value is the intercept at 1 / size = 0, the error that of the intercept. CaloChallenge takes
    `min_batch=10_000`.

    Args:
        real, generated: Features (row, feature).
        min_batch, max_batch: Smallest and largest batch, drawn with replacement.
        batches: Batches of each size, whose mean is a point of the line.
        points: Sizes, equally spaced in 1 / size.
        scale: Each feature of both samples is divided by this; default: `max_scale(real)`.
        generator: Of the draws; default: one of seed 42, as published.
    """
    inverse, values, unit = _batch_means(
        real, generated, scale, min_batch, max_batch, batches, points, generator
    )
    line, covariance = np.polyfit(inverse, values, 1, cov=True)
    return Estimate(
        value=float(line[1]),
        error=float(np.sqrt(covariance[1, 1])),
        n_real=len(real),
        n_generated=len(generated),
        method=f"FPD as published, least squares, {_recipe(min_batch, max_batch, batches, points, unit)}",
    )


def fpd_jetnet(
    real: Rows,
    generated: Rows,
    *,
    min_batch: int = 20_000,
    max_batch: int = 50_000,
    batches: int = 20,
    points: int = 10,
    scale: Float64[np.ndarray, " feature"] | None = None,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """FPD as the package JetNet 0.2.5 computes it, to be compared with numbers made by it.

    As `fpd_literature`, but the line is fitted by a bounded nonlinear optimiser that starts at (1, 1). Where the
    slope is of order 1, as for jets, it may stop early, and the value is then nearer to the mean of the points
    than to the intercept.
    """
    inverse, values, unit = _batch_means(
        real, generated, scale, min_batch, max_batch, batches, points, generator
    )
    intercept, error = bounded_line(inverse, values)
    return Estimate(
        value=intercept,
        error=error,
        n_real=len(real),
        n_generated=len(generated),
        method=f"FPD of JetNet 0.2.5, bounded fit, {_recipe(min_batch, max_batch, batches, points, unit)}",
    )


def kpd_jetnet(
    real: Rows,
    generated: Rows,
    *,
    batches: int = 10,
    batch: int = 5_000,
    scale: Float64[np.ndarray, " feature"] | None = None,
    seed: int = 42,
) -> Estimate:
    """KPD as published and as JetNet 0.2.5 computes it: the median over batches drawn with replacement.

    The error is half the range of the central 67.45 % of the batches. Batch number i has its own generator,
    of seed `seed + 1000 i`, hence an integer here, 0 or more. CaloChallenge takes `batch=10_000`.
    """
    check_seed(seed)
    x, y = two_samples(real, generated)
    unit = max_scale(x) if scale is None else scale
    values = []
    for i in range(batches):
        draw = np.random.default_rng(seed + 1000 * i)
        a, b = (table[draw.choice(len(table), size=batch)] / (unit * np.sqrt(x.shape[1])) for table in (x, y))
        within = [(kernel_sum(s, s, 4) - _own(s)) / (batch * (batch - 1)) for s in (a, b)]
        values.append(sum(within) - 2 * kernel_sum(a, b, 4) / batch**2)
    low, high = np.percentile(values, (16.275, 83.725))
    return Estimate(
        value=float(np.median(values)),
        error=float(high - low) / 2,
        n_real=len(x),
        n_generated=len(y),
        method=f"KPD of JetNet 0.2.5, degree 4, median of {batches} batches of {batch}, {_unit(scale)}",
    )


def bounded_line(x: Float64[np.ndarray, " point"], y: Float64[np.ndarray, " point"]) -> tuple[float, float]:
    """Intercept and its error of a line with neither intercept nor slope below 0, as JetNet fits it."""
    from scipy.optimize import curve_fit

    line, covariance = curve_fit(lambda x, a, b: a + b * x, x, y, bounds=(0, np.inf))
    return float(line[0]), float(np.sqrt(covariance[0, 0]))


def _own(x: Float64[np.ndarray, "row feature"]) -> float:
    return float(((np.square(x).sum(axis=1) + 1) ** 4).sum())


def _batch_means(
    real: Rows,
    generated: Rows,
    scale: Float64[np.ndarray, " feature"] | None,
    min_batch: int,
    max_batch: int,
    batches: int,
    points: int,
    generator: np.random.Generator | None,
) -> tuple[Float64[np.ndarray, " point"], Float64[np.ndarray, " point"], str]:
    """1 / size of the batches, and their mean Fréchet distances."""
    if points < 3 or not 1 < min_batch < max_batch:
        raise InputError(
            f"expected at least 3 points and 1 < min_batch < max_batch, got {points}, {min_batch}, {max_batch}"
        )
    x, y = two_samples(real, generated)
    unit = max_scale(x) if scale is None else scale
    draw = generator or np.random.default_rng(42)
    sizes = (1 / np.linspace(1 / min_batch, 1 / max_batch, points)).astype("int32")
    means = np.empty(points)
    for k, size in enumerate(sizes):
        values = []
        for _ in range(batches):
            drawn = [table[draw.choice(len(table), size=size)] / unit for table in (x, y)]
            gaussians = [(s.mean(axis=0), np.atleast_2d(np.cov(s, rowvar=False))) for s in drawn]
            values.append(frechet_distance(*gaussians[0], *gaussians[1]))
        means[k] = np.mean(values)
    return 1 / sizes, means, _unit(scale)


def _recipe(min_batch: int, max_batch: int, batches: int, points: int, unit: str) -> str:
    return f"{points} points of {batches} batches of {min_batch} to {max_batch} with replacement, {unit}"


def _unit(scale: Float64[np.ndarray, " feature"] | None) -> str:
    return "features over " + ("max |real|" if scale is None else "a given scale")
