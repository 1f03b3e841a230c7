import numpy as np
import pytest
from _samples import ONES, gaussian, heavy_tails
from scipy.linalg import sqrtm
from scipy.optimize import curve_fit
from scipy.stats import iqr

from femtobarn.errors import InputError
from femtobarn.metrics import fpd, fpd_jetnet, fpd_literature, kpd_jetnet
from femtobarn.metrics.compatibility import bounded_line


def recipe_fpd(real, generated, min_samples, max_samples, num_batches, num_points, seed):
    """The recipe of JetNet 0.2.5 from its definition, with a matrix square root; and its points."""
    largest = np.abs(real).max(axis=0)
    x, y = real / largest, generated / largest
    sizes = (1 / np.linspace(1 / min_samples, 1 / max_samples, num_points)).astype("int32")
    rng = np.random.default_rng(seed)
    points = []
    for size in sizes:
        distances = []
        for _ in range(num_batches):
            a, b = x[rng.choice(len(x), size=size)], y[rng.choice(len(y), size=size)]
            s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
            shift = a.mean(axis=0) - b.mean(axis=0)
            distances.append(shift @ shift + np.trace(s) + np.trace(t) - 2 * np.trace(sqrtm(s @ t)).real)
        points.append(np.mean(distances))
    fit, covariance = curve_fit(
        lambda x, a, b: a + b * x, 1 / sizes, points, bounds=([0, 0], [np.inf, np.inf])
    )
    return fit[0], np.sqrt(covariance[0, 0]), 1 / sizes, np.array(points)


def recipe_kpd(real, generated, num_batches, batch_size, seed):
    largest = np.abs(real).max(axis=0)
    x, y = real / largest, generated / largest
    values = []
    for i in range(num_batches):
        rng = np.random.default_rng(seed + i * 1000)
        a, b = x[rng.choice(len(x), size=batch_size)], y[rng.choice(len(y), size=batch_size)]
        aa, bb, ab = ((p @ q.T / x.shape[1] + 1.0) ** 4 for p, q in ((a, a), (b, b), (a, b)))
        pairs = batch_size * (batch_size - 1)
        values.append((aa.sum() - np.trace(aa)) / pairs + (bb.sum() - np.trace(bb)) / pairs - 2 * ab.mean())
    return np.median(values), iqr(values, rng=(16.275, 83.725)) / 2


def test_fpd_is_the_recipe() -> None:
    r = np.random.default_rng(0)
    x, y = heavy_tails(6000, 6, r), heavy_tails(6000, 6, r) * 1.02
    value, error, inverse, points = recipe_fpd(x, y, 1000, 5000, 5, 6, 42)
    ours = fpd_jetnet(x, y, min_batch=1000, max_batch=5000, batches=5, points=6)
    np.testing.assert_allclose(ours[:2], (value, error), rtol=0, atol=1e-9)
    _, intercept = np.polyfit(inverse, points, 1)
    line = fpd_literature(x, y, min_batch=1000, max_batch=5000, batches=5, points=6)
    assert line.value == pytest.approx(intercept, abs=1e-9)


def test_bounded_fit_stops_early_where_distances_are_as_small_as_those_of_jets() -> None:
    """Published numbers contain this: 1.2e-4 for points that lie on a line to 5e-5."""
    inverse = np.linspace(1 / 20_000, 1 / 50_000, 10)
    assert bounded_line(inverse, 5e-5 + 2 * inverse)[0] == pytest.approx(1.22e-4, rel=0.01)
    assert bounded_line(inverse, 5e-2 + 2000 * inverse)[0] == pytest.approx(5e-2, rel=0.01)


def test_error_of_the_line_is_that_of_the_fit() -> None:
    r = np.random.default_rng(2)
    x, y = gaussian("truth", 3000, r), gaussian("shift 1", 3000, r)
    draws = [
        fpd_literature(
            x,
            y,
            min_batch=300,
            max_batch=3000,
            batches=4,
            scale=ONES,
            generator=np.random.default_rng(seed),
        )
        for seed in range(40)
    ]
    spread = np.std([d.value for d in draws])
    assert np.median([d.error for d in draws]) == pytest.approx(spread, rel=0.4)
    assert spread < fpd(x, y, scale=ONES).error  # the sampling error is larger


def test_kpd_is_the_recipe() -> None:
    r = np.random.default_rng(3)
    x, y = heavy_tails(3000, 7, r), heavy_tails(3000, 7, r) * 1.05
    ours = kpd_jetnet(x, y, batches=6, batch=400)
    np.testing.assert_allclose(ours[:2], recipe_kpd(x, y, 6, 400, 42), rtol=0, atol=1e-9)
    assert "6 batches of 400" in ours.method


def test_batches_that_make_no_line_are_refused() -> None:
    x = gaussian("truth", 300, np.random.default_rng(4))
    with pytest.raises(InputError, match="min_batch < max_batch"):
        fpd_literature(x, x, min_batch=300, max_batch=300)
