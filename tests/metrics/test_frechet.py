import pickle

import numpy as np
import pytest
import torch
from _samples import EXACT, ONES, TRUTH, gaussian, heavy_tails
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from femtobarn.errors import InputError
from femtobarn.metrics import FeatureMoments, feature_moments, fpd, fpd_robust, frechet_distance, robust_scale
from femtobarn.metrics.frechet import factor


def plain(x: np.ndarray, y: np.ndarray) -> float:
    """From the definition, with a matrix square root."""
    a, b = np.cov(x.T), np.cov(y.T)
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    return shift + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b)).real


@pytest.mark.parametrize("name", EXACT)
def test_gaussian_table(name: str) -> None:
    for seed in range(10):
        r = np.random.default_rng(seed)
        estimate = fpd(gaussian("truth", 50_000, r), gaussian(name, 50_000, r), scale=ONES)
        assert abs(estimate.value - EXACT[name][0]) < 4 * estimate.error
        assert estimate.error < 0.02 * EXACT[name][0] + 2e-3


def test_error_covers_the_truth_as_often_as_it_should() -> None:
    r = np.random.default_rng(0)
    repeats = [fpd(gaussian("truth", 5000, r), gaussian("truth", 5000, r), scale=ONES) for _ in range(200)]
    values = np.array([e.value for e in repeats])
    covered = np.mean([abs(e.value) < e.error for e in repeats])
    assert 0.55 < covered < 0.80
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert np.mean([e.null_error for e in repeats]) == pytest.approx(values.std(), rel=0.2)


@pytest.mark.parametrize(
    ("features", "rows"), [(36, 50_000), pytest.param(362, 50_000, marks=pytest.mark.slow)]
)
def test_two_samples_of_the_same_thing_differ_by_nothing(features: int, rows: int) -> None:
    r = np.random.default_rng(1)
    x, y = (r.normal(size=(rows, features)) @ np.diag(np.geomspace(1, 1e-3, features)) for _ in range(2))
    estimate = fpd(x, y)
    s = np.abs(x).max(axis=0)
    uncorrected = frechet_distance(*feature_moments(x / s).pooled(), *feature_moments(y / s).pooled())
    assert abs(estimate.value) < 3 * estimate.error
    assert abs(estimate.value) < uncorrected / 10


def test_significance_of_nothing_is_about_one_also_with_heavy_tails_and_different_sizes() -> None:
    """In the bulk: a single outlier in one of the samples makes a tail of large values."""
    r = np.random.default_rng(2)
    repeats = [fpd(heavy_tails(4000, 12, r), heavy_tails(2000, 12, r)) for _ in range(80)]
    low, middle, high = np.quantile([e.significance for e in repeats], (0.16, 0.5, 0.84))
    assert (high - low) / 2 == pytest.approx(1, abs=0.4)
    assert abs(middle) < 0.5


@given(seed=st.integers(0, 2**31), features=st.integers(1, 6))
def test_distance_agrees_with_the_matrix_square_root(seed: int, features: int) -> None:
    r = np.random.default_rng(seed)
    x, y = (r.normal(size=(50, features)) @ r.normal(size=(features, features)) for _ in range(2))
    first, second = ((z.mean(axis=0), np.atleast_2d(np.cov(z.T))) for z in (x, y))
    root = np.atleast_2d(sqrtm(first[1] @ second[1]))
    expected = np.square(first[0] - second[0]).sum() + np.trace(first[1] + second[1] - 2 * root.real)
    assert frechet_distance(*first, *second) == pytest.approx(expected, abs=1e-7)


def test_distance_of_singular_covariances_is_exact() -> None:
    """Rank 1 against rank 1 at a right angle: nothing in common."""
    a, b = np.outer([1, 0, 0], [1, 0, 0]) * 4.0, np.outer([0, 1, 0], [0, 1, 0]) * 9.0
    zero = np.zeros(3)
    assert frechet_distance(zero, a, zero, b) == pytest.approx(13, abs=1e-12)
    assert frechet_distance(zero, a, zero, 4 * a) == pytest.approx(4, abs=1e-12)


@pytest.mark.parametrize("features", [2, 36])
def test_sample_to_itself_is_zero(features: int) -> None:
    mean, covariance = feature_moments(heavy_tails(2000, features, np.random.default_rng(0))).pooled()
    covariance /= np.trace(covariance)
    assert abs(frechet_distance(mean, covariance, mean, covariance)) < 1e-12


def test_rotation_of_both_samples_changes_nothing() -> None:
    r = np.random.default_rng(3)
    x, y = heavy_tails(2000, 5, r), heavy_tails(2000, 5, r) + 0.1
    turn = ortho_group.rvs(5, random_state=1)
    a, b = (fpd(*pair, scale=np.ones(5)) for pair in ((x, y), (x @ turn, y @ turn)))
    np.testing.assert_allclose(a[:2], b[:2], rtol=1e-7)
    assert a.null_error == pytest.approx(b.null_error, rel=1e-7)


def test_jackknife_is_the_one_of_the_definition() -> None:
    r = np.random.default_rng(4)
    x, y = gaussian("truth", 203, r), gaussian("shift 1", 171, r)
    value, variance = plain(x, y), 0.0
    for k, sample in enumerate((x, y)):
        rest = [np.delete(sample, np.s_[b::7], axis=0) for b in range(7)]
        left_out = np.array([plain(z, y) if k == 0 else plain(x, z) for z in rest])
        value -= 6 * (left_out.mean() - plain(x, y))
        variance += 6 / 7 * np.square(left_out - left_out.mean()).sum()
    estimate = fpd(x, y, scale=ONES, blocks=7)
    np.testing.assert_allclose(estimate[:2], (value, np.sqrt(variance)), rtol=1e-8)


def test_parts_in_any_order_give_the_same_value() -> None:
    r = np.random.default_rng(5)
    x, y = heavy_tails(3000, 6, r) + 1e4, heavy_tails(2500, 6, r) + 1e4
    cuts = [0, 13, 700, 701, 2000, 3000]
    parts = []
    for k in r.permutation(len(cuts) - 1):
        part = FeatureMoments(6, blocks=40)
        part.update(torch.from_numpy(x[cuts[k] : cuts[k + 1]]), start=cuts[k])
        parts.append(pickle.loads(pickle.dumps(part)))
    whole = parts.pop()
    for part in parts:
        whole.merge(part)
    generated = FeatureMoments(6, blocks=40)
    for k in range(0, 2500, 37):
        generated.update(y[k : k + 37])
    estimate, expected = whole.value(generated), fpd(x, y, blocks=40)
    np.testing.assert_allclose(estimate[:6], expected[:6], rtol=1e-6, atol=1e-12)
    assert estimate.method == expected.method
    assert "100" in fpd(x, y).method


def test_single_precision_is_summed_in_double() -> None:
    r = np.random.default_rng(6)
    x, y = (heavy_tails(2000, 3, r).astype(np.float32) for _ in range(2))
    assert fpd(x, y) == fpd(torch.from_numpy(x).double(), y.astype(np.float64))


def test_a_constant_feature_adds_nothing() -> None:
    r = np.random.default_rng(7)
    x, y = gaussian("truth", 1000, r), gaussian("shift 0.1", 1000, r)
    wide = [np.column_stack((z, np.zeros(1000), np.full(1000, 3.0))) for z in (x, y)]
    np.testing.assert_allclose(fpd(*wide)[:2], fpd(x, y)[:2], rtol=1e-9)


def test_robust_scale_does_not_hang_on_an_outlier() -> None:
    r = np.random.default_rng(8)
    x, y = gaussian("truth", 2000, r), gaussian("shift 1", 2000, r)
    spoilt = np.vstack((x, [[1e3, 0]]))
    assert fpd(spoilt, y).value < 0.01 * fpd(x, y).value
    np.testing.assert_allclose(robust_scale(spoilt), robust_scale(x), rtol=0.01)
    np.testing.assert_allclose(robust_scale(x), np.sqrt(np.diag(TRUTH)), rtol=0.1)
    assert fpd_robust(x, y).method.startswith("robust FPD")


def test_factor_of_a_covariance() -> None:
    a = factor(np.stack((TRUTH, 2 * TRUTH)))
    np.testing.assert_allclose(a @ np.swapaxes(a, 1, 2), np.stack((TRUTH, 2 * TRUTH)), atol=1e-14)


@pytest.mark.parametrize(
    ("real", "generated", "message"),
    [
        (np.zeros((0, 2)), np.ones((300, 2)), "at least 200 rows in the real sample, got 0"),
        (np.ones((300, 2)), np.full((300, 2), np.nan), "finite"),
        (np.ones((300, 2)), np.ones((300, 3)), "same features"),
        (np.ones((300, 2)), np.ones((150, 2)), "at least 200 rows in the generated sample"),
        (np.ones((300, 2)), np.ones(300), "of shape"),
        (np.ones((250, 300)), np.ones((400, 300)), "at least 302 rows in the real"),
    ],
)
def test_bad_samples_are_refused_in_one_line(real: np.ndarray, generated: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        fpd(real, generated)
    assert "\n" not in str(error.value)


def test_rows_counted_wrong_are_noticed() -> None:
    r = np.random.default_rng(9)
    moments = FeatureMoments(2, blocks=10)
    for _ in range(20):
        moments.update(r.normal(size=(5, 2)), start=0)
    with pytest.raises(InputError, match="empty: count"):
        moments.value(feature_moments(r.normal(size=(100, 2)), blocks=10))
    with pytest.raises(InputError, match="same blocks"):
        moments.merge(FeatureMoments(2, blocks=20))
    with pytest.raises(InputError, match="scale above 0"):
        fpd(r.normal(size=(300, 2)), r.normal(size=(300, 2)), scale=np.array([1.0, 0.0]))
