"""Scores by their compact names, which way is better, targets filtered once, channels of which nothing is known."""

import math

import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.losses import FourierBand, HaarBand, Neighbourhood, SpatialScore, spatial, spatial_score


def maps(seed: int = 1) -> torch.Tensor:
    return torch.rand(4, 2, 16, 16, generator=torch.Generator().manual_seed(seed))


def test_names_of_the_authors() -> None:
    assert spatial_score("fss_neigh4") == SpatialScore("fss", Neighbourhood(4))
    assert spatial_score("all-class-iou_neigh0").score == "all_class_iou"
    band = spatial_score("brier_0.0500d_0.2000d", pitch=0.0125).filter
    assert band == FourierBand(0.1, 0.4, 0.0125), "a resolution is half a wavelength"
    assert spatial_score("xentropy_0.1000d_infd_wavelets1", pitch=0.0125) == SpatialScore(
        "cross_entropy", HaarBand(0.2, math.inf, 0.0125)
    )
    assert spatial_score("brier_0d_0.1d_wavelets0").filter == FourierBand(0, 0.2)


def test_their_dice_is_not_the_dice_coefficient() -> None:
    assert spatial_score("dice_neigh0").score == "dice_ref"
    assert spatial_score("f1_neigh0").score == "dice"


@pytest.mark.parametrize(
    "name", ["fss", "fss_neigh", "fss_4", "brier_1d_2", "brier_1d_2d_wavelets2", "best_neigh1"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        spatial_score(name)


def test_titles_are_words() -> None:
    named = {name: spatial_score(name).title for name in ("fss_neigh4", "brier_neigh0", "brier_0.08d_infd")}
    assert list(named.values()) == ["FSS 9 px", "brier", "brier Fourier over 0.16"]


def test_a_better_prediction_has_the_lesser_loss() -> None:
    y = (maps() > 0.7).float()
    near, far = 0.8 * y + 0.1, 0.5 * y + 0.25
    for name in ("brier", "cross_entropy", "fss", "csi", "iou", "dice", "dice_ref", "heidke", "peirce"):
        score = SpatialScore(name)
        assert float(score.loss(near, y)) < float(score.loss(far, y)), name
    with pytest.raises(InputError, match="not a loss"):
        SpatialScore("bias").loss(near, y)


def test_a_target_filtered_before_gives_the_same() -> None:
    p, y = maps(), (maps(2) > 0.7).float()
    for score in (spatial_score("brier_2d_8d"), spatial_score("fss_neigh2")):
        torch.testing.assert_close(score.of_filtered(p, score.filtered(y)), score.value(p, y))


def test_filtering_both_is_another_loss() -> None:
    p, y, band = maps(), (maps(2) > 0.7).float(), HaarBand(4, 16)
    both = SpatialScore("brier", band, apply_to="both").loss(p, y)
    score = SpatialScore("brier", band)
    torch.testing.assert_close(both, spatial.brier(score.filtered(p), score.filtered(y)))
    assert float(both) < float(score.loss(p, y)), "the prediction need not be the band itself"


def test_maps_of_which_nothing_is_known_are_left_out() -> None:
    p, y, known = maps(), (maps(2) > 0.7).float(), torch.ones(4, 2, 16, 16, dtype=torch.bool)
    score = SpatialScore("brier")
    torch.testing.assert_close(score.mean_loss(p, y, known), score.loss(p, y))
    known[2:, 1] = False
    expected = (score.loss(p[:, :1], y[:, :1]) + score.loss(p[:2, 1:], y[:2, 1:])) / 2
    torch.testing.assert_close(score.mean_loss(p, y, known), expected)
    assert float(score.mean_loss(p, y, torch.zeros_like(known))) == 0


def test_scores_that_cannot_be() -> None:
    with pytest.raises(InputError, match="there is no score"):
        SpatialScore("fsss")
    with pytest.raises(InputError, match="the target or both"):
        SpatialScore("fss", HaarBand(), apply_to="prediction")
    with pytest.raises(InputError, match="fixed places"):
        SpatialScore("fss", HaarBand(), circular=(-1,))
