"""Wasserstein distances along single features: jet mass (W1-M), particles (W1-P), energy flow (W1-EFP)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, Jets, Rows, jets, numpy, two_samples
from femtobarn.metrics.estimate import Estimate

#: The polynomials of W1-EFP: connected, four vertices, four edges (arXiv:2106.11535).
FOUR_POINT_GRAPHS = ("star 2+1+1", "path 2+1+1", "path 1+2+1", "triangle and tail", "square")

_NULLS = 12  # pairs of resamples; their scatter is then known to a fifth

_Columns = list[tuple[Float64[np.ndarray, " real"], Float64[np.ndarray, " generated"]]]


class ParticleDistances(NamedTuple):
    """W1 of each particle feature, and their mean, the headline number of W1-P."""

    mean: Estimate
    eta: Estimate
    phi: Estimate
    pt: Estimate


def wasserstein_1d(
    x: Real[Array, "_"],
    y: Real[Array, "_"],
    x_weight: Real[Array, "_"] | None = None,
    y_weight: Real[Array, "_"] | None = None,
) -> float:
    """Exact Wasserstein-1 distance of two samples on a line: the area between their distributions.

    Args:
        x, y: Positions.
        x_weight, y_weight: Weights >= 0, scaled to unit sum; default: all alike.

    Raises:
        InputError: An empty or weightless sample, a number that is not finite, a negative weight, or not one of each
            point.
    """
    samples = [numpy(each).astype(np.float64, copy=False) for each in (x, y)]
    weights = [
        np.ones(points.shape) if weight is None else numpy(weight).astype(np.float64, copy=False)
        for points, weight in zip(samples, (x_weight, y_weight), strict=True)
    ]
    for points, weight, name in zip(samples, weights, "xy", strict=True):
        if points.ndim != 1 or weight.shape != points.shape:
            raise InputError(f"expected one weight for each {name}, got {weight.shape} for {points.shape}")
        if not np.isfinite(points).all() or not np.isfinite(weight).all() or (weight < 0).any():
            raise InputError(f"expected finite positions and weights >= 0, {name} has others")
        if not weight.sum() > 0:
            raise InputError(f"expected a sample with at least one point of weight above 0, {name} has none")
    return _Line(*samples).distance(*weights)


def w1m(
    real: Jets,
    generated: Jets,
    *,
    batch: int = 50_000,
    batches: int = 5,
    null: bool = True,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """W1-M: Wasserstein distance of the relative jet masses (arXiv:2106.11535).

    As published: the mean over batches of `batch` jets drawn with replacement from each sample; `error` is
    their standard deviation. For two samples of the same thing it is not 0 but the floor in `null`: both
    samples replaced by resamples of the real one, of the same sizes, twelve times; `null_error` is the standard
    deviation of these. A jet without particles has mass 0.

    Args:
        real, generated: Padded jets (particles, mask).
        batch: Jets drawn from each sample; the published papers used 10 000 or 50 000.
        batches: Number of draws.
        null: Compute the floor, which takes twelve times as long as the value.
        generator: Of the draws; default: one of seed 0.

    Raises:
        InputError: Shapes that do not match, no jet, a particle that is not finite.
    """
    from femtobarn.physics.jets import relative_mass

    columns = [(relative_mass(*jets(real, "real")), relative_mass(*jets(generated, "generated")))]
    return _bootstrap(columns, "W1-M", batch, batches, null, generator)[0]


def w1efp(
    real: Jets,
    generated: Jets,
    *,
    batch: int = 50_000,
    batches: int = 5,
    null: bool = True,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """W1-EFP: mean Wasserstein distance of the five energy flow polynomials of `FOUR_POINT_GRAPHS`.

    Arguments, error and null as in `w1m`. A jet without particles has polynomials of 0.
    """
    from femtobarn.physics.energy_flow import EFP_NAMES, energy_flow_polynomials

    chosen = [list(EFP_NAMES).index(name) for name in FOUR_POINT_GRAPHS]
    x, y = (
        energy_flow_polynomials(*jets(sample, name))[:, chosen]
        for sample, name in ((real, "real"), (generated, "generated"))
    )
    return _bootstrap(list(zip(x.T, y.T, strict=True)), "W1-EFP", batch, batches, null, generator)[0]


def w1p(
    real: Jets,
    generated: Jets,
    *,
    exclude_padding: bool = True,
    batch: int = 50_000,
    batches: int = 5,
    null: bool = True,
    generator: np.random.Generator | None = None,
) -> ParticleDistances:
    """W1-P: Wasserstein distance of (eta, phi, pt) of all particles, each and on average.

    Whole jets are drawn, with all their particles; the rest as in `w1m`.

    Args:
        real, generated: Padded jets (particles, mask).
        exclude_padding: Leave out places without a particle. Table III of arXiv:2211.10295 was made with
            these counted as particles at zero.
        batch, batches, null, generator: As in `w1m`.

    Raises:
        InputError: As in `w1m`, or a sample without any particle.
    """
    tables, owners, sizes = [], [], list[int]()
    for sample, name in ((real, "real"), (generated, "generated")):
        particles, mask = jets(sample, name)
        sizes.append(len(mask))
        chosen = mask if exclude_padding else np.ones_like(mask)
        if not chosen.any():
            raise InputError(f"expected at least one particle in the {name} sample, got none")
        tables.append(particles[chosen])
        owners.append(np.nonzero(chosen)[0])
    columns = list(zip(tables[0].T, tables[1].T, strict=True))
    name = f"W1-P, padding {'excluded' if exclude_padding else 'included'}"
    mean, eta, phi, pt = _bootstrap(
        columns, name, batch, batches, null, generator, owners, (sizes[0], sizes[1])
    )
    return ParticleDistances(mean, eta, phi, pt)


def w2_squared(
    real: Rows,
    generated: Rows,
    *,
    batch: int = 1000,
    batches: int = 5,
    null: bool = True,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """Squared Wasserstein-2 distance of rows of features: least mean squared distance of an assignment.

    The rows called "Wasserstein" in Tables I and II of arXiv:2211.10295 are this cost, not W1. Mean over
    batches drawn without replacement, each assigned exactly; the value depends strongly on `batch`. `null`: the
    same for disjoint batches of the real sample. Time grows as batch^3.

    Raises:
        InputError: Not a table, not finite, different features, fewer rows than a batch (two for `null`).
    """
    x, y = two_samples(real, generated)
    if min(len(x) // (1 + null), len(y)) < batch:
        raise InputError(
            f"expected at least {batch * (1 + null)} real and {batch} generated rows, got {len(x)} and {len(y)}"
        )
    draw = generator or np.random.default_rng(0)
    values = [_assignment_cost(_rows(x, batch, draw), _rows(y, batch, draw)) for _ in range(batches)]
    floor = [_assignment_cost(*np.split(_rows(x, 2 * batch, draw), 2)) for _ in range(batches if null else 0)]
    return Estimate(
        value=float(np.mean(values)),
        error=float(np.std(values, ddof=1) / np.sqrt(batches)),
        n_real=len(x),
        n_generated=len(y),
        null=float(np.mean(floor)) if null else np.nan,
        null_error=float(np.std(floor, ddof=1) / np.sqrt(batches)) if null else np.nan,
        method=f"W2^2, exact, mean over {batches} batches of {batch}, features as given",
    )


def _rows(
    x: Float64[np.ndarray, "row feature"], n: int, draw: np.random.Generator
) -> Float64[np.ndarray, "n feature"]:
    return x[draw.choice(len(x), size=n, replace=False)]


def _assignment_cost(x: Float64[np.ndarray, "n feature"], y: Float64[np.ndarray, "n feature"]) -> float:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    cost = cdist(x, y, "sqeuclidean")
    return float(cost[linear_sum_assignment(cost)].mean())


class _Line:
    """Two samples sorted once, so that each resample only changes the weights."""

    def __init__(self, x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " m"]) -> None:
        both = np.concatenate((x, y))
        self.order = np.argsort(both)
        self.gaps = np.diff(both[self.order])

    def distance(self, x_weight: np.ndarray, y_weight: np.ndarray) -> float:
        share = np.concatenate((x_weight / x_weight.sum(), -(y_weight / y_weight.sum())))
        return float(np.abs(np.cumsum(share[self.order])[:-1]) @ self.gaps)


def _bootstrap(
    columns: _Columns,
    name: str,
    batch: int,
    batches: int,
    null: bool,
    generator: np.random.Generator | None,
    owners: list[Int[np.ndarray, " _"]] | None = None,
    sizes: tuple[int, int] | None = None,
) -> list[Estimate]:
    """Estimates of the mean over the columns and of each; `owners` are the jets that the entries belong to."""
    if batch < 1 or batches < 2:
        raise InputError(f"expected batches of at least 1 jet and two of them, got {batch} and {batches}")
    draw = generator or np.random.default_rng(0)
    n_real, n_generated = sizes or (len(columns[0][0]), len(columns[0][1]))
    of_real, of_generated = owners or [np.arange(n_real), np.arange(n_generated)]
    lines = [_Line(x, y) for x, y in columns]
    values = np.array(
        [
            _weighted(
                lines, _drawn(n_real, batch, draw)[of_real], _drawn(n_generated, batch, draw)[of_generated]
            )
            for _ in range(batches)
        ]
    )
    nulls = np.full((2, len(lines) + 1), np.nan)
    if null:
        lines = [_Line(x, x) for x, _ in columns]
        floor = []
        for _ in range(_NULLS):
            ours, theirs = _drawn(n_real, n_real, draw), _drawn(n_real, n_generated, draw)
            floor.append(
                np.mean(
                    [
                        _weighted(
                            lines,
                            _redrawn(ours, batch, draw)[of_real],
                            _redrawn(theirs, batch, draw)[of_real],
                        )
                        for _ in range(batches)
                    ],
                    axis=0,
                )
            )
        nulls = np.array((np.mean(floor, axis=0), np.std(floor, axis=0, ddof=1)))
    method = f"{name}, {batches} batches of {batch} jets with replacement"
    method += ", null of resampled real jets" if null else ""
    return [
        Estimate(float(v), float(e), n_real, n_generated, float(z), float(s), method)
        for v, e, z, s in zip(values.mean(axis=0), values.std(axis=0), *nulls, strict=True)
    ]


def _weighted(lines: list[_Line], x_weight: np.ndarray, y_weight: np.ndarray) -> Float64[np.ndarray, " _"]:
    each = [line.distance(x_weight, y_weight) for line in lines]
    return np.array([np.mean(each), *each])


def _drawn(n: int, size: int, draw: np.random.Generator) -> Int[np.ndarray, " n"]:
    """How often each of n jets is drawn."""
    return np.bincount(draw.integers(n, size=size), minlength=n)


def _redrawn(counts: Int[np.ndarray, " n"], size: int, draw: np.random.Generator) -> Int[np.ndarray, " n"]:
    """How often each jet is drawn from a sample in which it stands `counts` times."""
    return np.bincount(
        draw.choice(np.repeat(np.arange(len(counts)), counts), size=size), minlength=len(counts)
    )
