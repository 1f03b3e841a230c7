"""Samples drawn with replacement are told apart from those whose rows repeat by themselves."""

import warnings

import numpy as np
import pytest

from femtobarn.metrics import RepeatedRowsWarning, fpd, kpd
from femtobarn.metrics.repeated import warn_of_repeated_rows


def _gaussians(n: int = 3000, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 6))


@pytest.mark.parametrize("metric", [fpd, kpd])
def test_a_sample_drawn_with_replacement_is_told(metric) -> None:
    x, y = _gaussians(), _gaussians(seed=2)
    drawn = y[np.random.default_rng(3).integers(len(y), size=len(y))]
    with pytest.warns(RepeatedRowsWarning, match="generated rows are repeated") as told:
        found = metric(x, drawn)
    assert len(told) == 1
    assert "\n" not in str(told[0].message)
    with pytest.warns(RepeatedRowsWarning, match="real rows"):
        metric(drawn, x)
    honest = metric(x, y)
    assert abs(honest.significance) < 4
    assert found.value > honest.value, "repeated rows look like a difference"


def _halves_joined(x: np.ndarray) -> np.ndarray:
    return np.concatenate((x, x[: len(x) // 20]))


@pytest.mark.parametrize(
    "again", [_halves_joined, lambda x: np.repeat(x, 2, axis=0), lambda x: x[::-1].repeat(5, 0)]
)
def test_overlapping_parts_are_told(again) -> None:
    with pytest.warns(RepeatedRowsWarning):
        warn_of_repeated_rows(again(_gaussians()), "real")


@pytest.mark.parametrize(
    "sample",
    [
        _gaussians(),
        _gaussians().astype(np.float32).astype(float),
        np.random.default_rng(1).integers(0, 5, (3000, 2)).astype(float),
        np.where(np.random.default_rng(1).random((3000, 1)) < 0.3, 0.0, _gaussians()),  # empty showers
        np.column_stack((np.round(_gaussians()[:, 0], 1), _gaussians()[:, 1])),
        np.where(np.random.default_rng(1).random((3000, 6)) < 0.5, 0.0, _gaussians()),
        _gaussians(5),
    ],
)
def test_samples_whose_rows_may_repeat_are_left_alone(sample: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_repeated_rows(sample, "real")
