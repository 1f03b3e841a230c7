"""Scores of maps from sums over blocks: the losses and scikit-learn, adding up, unknown pixels, sharpness."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from sklearn import metrics as sklearn

from femtobarn.errors import InputError
from femtobarn.losses import spatial
from femtobarn.metrics import reliability_curve, spatial_scores, spatial_sums

DRAW = np.random.default_rng(1)


def maps(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    return DRAW.random(shape), (DRAW.random(shape) < 0.2).astype(float)


def test_scores_are_those_of_the_losses_and_of_scikit_learn() -> None:
    p, y = maps(3, 40, 30)
    known = DRAW.random(p.shape) < 0.97
    found = spatial_scores(spatial_sums(p, y, known, radii=(0, 1, 2), block=16))
    tensors = [torch.from_numpy(each) for each in (p, y, known)]
    for radius in (0, 1, 2):
        assert found[f"FSS {radius}"] == pytest.approx(float(spatial.fss(*tensors, radius=radius)))
    assert found["CSI"] == pytest.approx(float(spatial.csi(*tensors)))
    assert found["bias"] == pytest.approx(float(spatial.bias(*tensors)))
    true, said = y[known], p[known]
    assert found["Brier score"] == pytest.approx(sklearn.brier_score_loss(true, said))
    assert found["Brier skill"] == pytest.approx(1 - found["Brier score"] / true.var())
    assert found["CSI at threshold"] == pytest.approx(sklearn.jaccard_score(true, said >= 0.5))


@pytest.mark.parametrize("circular", [(), (-1,), (-2, -1)])
def test_windows_around_a_circular_axis(circular: tuple[int, ...]) -> None:
    p, y = maps(2, 20, 24)
    found = spatial_scores(spatial_sums(p, y, radii=(3,), circular=circular))
    tensors = [torch.from_numpy(each) for each in (p, y)]
    assert found["FSS 3"] == pytest.approx(float(spatial.fss(*tensors, radius=3, circular=circular)))


def test_blocks_of_any_size_add_up_to_the_same() -> None:
    p, y = maps(2, 50, 33)
    whole, cut = (spatial_scores(spatial_sums(p, y, block=block)) for block in (64, 8))
    for name in set(whole) - {"sharpness"}:
        assert cut[name] == pytest.approx(whole[name]), name


def test_a_choice_of_blocks_is_a_choice_of_maps() -> None:
    p, y = maps(4, 16, 16)
    sums = spatial_sums(p, y, block=8)
    assert len(sums.squared) == 16
    alone = spatial_scores(spatial_sums(p[2:3], y[2:3], block=8))
    taken = spatial_scores(sums.take(np.arange(8, 12)))
    assert taken == pytest.approx(alone)
    twice = spatial_scores(sums.take(np.repeat(np.arange(16), 2)))
    assert twice == pytest.approx(spatial_scores(sums))


def test_unknown_pixels_do_not_count() -> None:
    p, y = maps(2, 20, 20)
    known = DRAW.random(p.shape) < 0.9
    told = [
        spatial_scores(spatial_sums(np.where(known, p, j), np.where(known, y, j), known))
        for j in (0.0, np.nan)
    ]
    assert told[0] == pytest.approx(told[1], nan_ok=True)


def test_blurring_takes_sharpness_and_the_same_map_has_all_of_it() -> None:
    _, y = maps(2, 64, 64)
    assert spatial_scores(spatial_sums(y, y))["sharpness"] == pytest.approx(1)
    blurred = gaussian_filter(y, (0, 2, 2))
    assert spatial_scores(spatial_sums(blurred, y))["sharpness"] < 0.2


def test_right_probabilities_are_calibrated_and_wrong_ones_are_not() -> None:
    p = DRAW.random((1, 300, 300)) ** 3
    y = (DRAW.random(p.shape) < p).astype(float)
    right, wrong = (spatial_sums(each, y) for each in (p, np.sqrt(p)))
    assert spatial_scores(right)["calibration error"] < 0.01
    assert spatial_scores(wrong)["calibration error"] == pytest.approx((np.sqrt(p) - p).mean(), rel=0.05)
    predicted, frequency, pixels = reliability_curve(right)
    assert pixels.sum() == p.size
    pull = (frequency - predicted) / np.sqrt(np.maximum(predicted * (1 - predicted), 1e-3) / pixels)
    assert np.abs(pull).max() < 5


def test_maps_without_events_have_no_csi() -> None:
    zero = np.zeros((1, 16, 16))
    with np.errstate(all="raise"):
        found = spatial_scores(spatial_sums(zero, zero))
    assert np.isnan(found["CSI"])
    assert np.isnan(found["FSS 0"])
    assert found["Brier score"] == 0


def test_maps_that_cannot_be() -> None:
    p, y = maps(1, 8, 8)
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        spatial_sums(p + 1, y)
    with pytest.raises((InputError, TypeError), match=r"one shape|row"):
        spatial_sums(p, y[:, :4])
    with pytest.raises(InputError, match="blocks of a pixel"):
        spatial_sums(p, y, block=0)
