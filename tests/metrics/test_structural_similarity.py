"""Structural similarity: of equal images, against a brute-force sum, and refusals."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from femtobarn.metrics import structural_similarity


def _brute_force(a: np.ndarray, b: np.ndarray) -> float:
    """By SciPy's filter, cut to where the window lies inside."""
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    line /= line.sum()

    def blurred(x: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(x, line, axis=0), line, axis=1)[5:-5, 5:-5]

    mean_a, mean_b = blurred(a), blurred(b)
    covariance = blurred(a * b) - mean_a * mean_b
    spread = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    c1, c2 = 1e-4, 9e-4
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))).mean())


def test_it_agrees_with_a_filter_of_scipy() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.random((2, 3, 1, 20, 30))
    found = structural_similarity(torch.from_numpy(a), torch.from_numpy(b))
    expected = [_brute_force(x[0], y[0]) for x, y in zip(a, b, strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_equal_images_have_one_and_others_less() -> None:
    x = (torch.rand(5, 1, 72, 58) < 0.02).double()
    x[0] = 0
    torch.testing.assert_close(structural_similarity(x, x), torch.ones(5, dtype=torch.float64))
    blank = torch.zeros_like(x)
    assert (structural_similarity(x, blank)[1:] < 0.9).all()
    torch.testing.assert_close(structural_similarity(x, blank), structural_similarity(blank, x))


def test_images_that_cannot_be_compared() -> None:
    with pytest.raises((ValueError, TypeError), match=r"one shape|Type-check"):
        structural_similarity(torch.zeros(2, 1, 20, 20), torch.zeros(2, 1, 20, 21))
    with pytest.raises(ValueError, match="11 by 11"):
        structural_similarity(torch.zeros(2, 1, 10, 20), torch.zeros(2, 1, 10, 20))
