import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression

from femtobarn.errors import InputError
from femtobarn.metrics.separability import calibrated, separability
from femtobarn.metrics.training import Training, deep_network

QUICK = Training(epochs=12, batch=200, learning_rate=2e-3)


def _normal(n: int, mean: float, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, 3))
    x[:, 0] += mean
    return x.astype(np.float32)


def _small() -> torch.nn.Module:
    return deep_network(3, width=16)


def test_two_shifted_gaussians_give_the_best_possible_auc_and_jsd() -> None:
    """The likelihood ratio of two normals is known, and so is its AUC: Phi(d / sqrt 2)."""
    found = separability(_normal(6000, 0, 1), _normal(6000, 1.5, 2), network=_small, training=QUICK)
    assert found.auc.value == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=3.5 * found.auc.error)
    x = np.linspace(-9, 11, 20_001)
    p, q = norm.pdf(x), norm.pdf(x - 1.5)
    exact = np.trapezoid((p * np.log2(2 * p / (p + q)) + q * np.log2(2 * q / (p + q))) / 2, x)
    assert found.jsd.value == pytest.approx(exact, abs=3.5 * found.jsd.error + 0.005)
    assert found.auc.significance > 20


def test_the_same_thing_twice_is_not_told_apart() -> None:
    found = separability(_normal(4000, 0, 3), _normal(4000, 0, 4), network=_small, training=QUICK, repeats=2)
    assert abs(found.auc.value - 0.5) < 0.02
    assert abs(found.auc.significance) < 3
    assert abs(found.jsd.value) < 0.02
    assert found.auc.null_error == pytest.approx(np.sqrt(2 / 800 / 12))


def test_the_same_seed_gives_the_same_numbers_whatever_torch_did_before() -> None:
    pair = _normal(300, 0, 1), _normal(200, 1, 2)
    first = separability(*pair, network=_small, training=QUICK._replace(epochs=2))
    torch.rand(7)
    assert separability(*pair, network=_small, training=QUICK._replace(epochs=2)) == first


def test_the_calibration_is_that_of_scikit_learn() -> None:
    g = np.random.default_rng(0)
    score = np.round(g.random(500), 2)
    label = (g.random(500) < score**2).astype(float)
    weight = g.random(500) + 0.5
    new = g.random(100) * 1.4 - 0.2
    expected = IsotonicRegression(out_of_bounds="clip").fit(score, label, sample_weight=weight).predict(new)
    np.testing.assert_allclose(
        calibrated(score, label, weight)(new), np.clip(expected, 1e-6, 1 - 1e-6), atol=1e-9
    )


def test_the_published_network_has_its_size() -> None:
    """Three layers of 2048 on the 6481 inputs of data set 2: 21.7 million weights (arXiv:2410.21611)."""
    weights = sum(p.numel() for p in deep_network(6481).parameters())
    assert weights == pytest.approx(21.7e6, rel=0.002)


def test_bad_samples_are_refused() -> None:
    good = _normal(50, 0, 1)
    with pytest.raises(InputError, match="at least 20 rows"):
        separability(good, good[:5])
    with pytest.raises(InputError, match="the same features"):
        separability(good, good[:, :2])
    with pytest.raises(InputError, match="generated has others"):
        separability(good, np.where(good > 1, np.nan, good))
    with pytest.raises(InputError, match="at least one training"):
        separability(good, good, repeats=0)
