"""Stacks of images: clipping, sizes, stabilised noise, and views that keep what they must."""

import numpy as np
import pytest
import torch
from scipy import stats

from femtobarn.data.image_stack import ImageStack, resized, scaled, stabilised
from femtobarn.data.image_views import Counting, counting_view, photographic_view, rolled
from femtobarn.errors import InputError


def stack(side: int = 24, images: int = 5) -> ImageStack:
    counts = np.random.default_rng(1).poisson(4, (images, side, side)).astype(np.float32)
    inside = np.ones((side, side), bool)
    inside[:4] = False
    return ImageStack(counts, inside, [str(i) for i in range(images)], np.arange(images))


def test_a_spike_does_not_set_the_scale() -> None:
    counts, inside = stack(48).counts, np.ones((48, 48), bool)
    spiky = counts.copy()
    spiky[:, 20, 20] = 1e6
    np.testing.assert_allclose(np.delete(scaled(spiky, inside), 20, axis=1).max(), 1, atol=1e-6)
    assert np.corrcoef(scaled(spiky, inside).ravel(), scaled(counts, inside).ravel())[0, 1] > 0.98


def test_scaling_knows_no_unit_and_leaves_empty_images_empty() -> None:
    one = stack()
    np.testing.assert_allclose(scaled(7 * one.counts, one.inside), scaled(one.counts, one.inside), rtol=1e-6)
    assert not scaled(np.zeros_like(one.counts), one.inside).any()
    faint = np.zeros((1, 48, 48))
    faint[0, 5, 5] = 3.0  # fewer pixels than the quantile leaves out
    assert scaled(faint, np.ones((48, 48), bool)).max() == 1


@pytest.mark.parametrize("use", [scaled, stabilised])
def test_pixels_outside_have_no_influence(use: object) -> None:
    one = stack()
    other = np.where(one.inside, one.counts, 1e4)
    assert callable(use)
    np.testing.assert_allclose(use(other, one.inside), use(one.counts, one.inside), atol=1e-6)


def test_the_noise_of_stabilised_counts_does_not_grow_with_them() -> None:
    draw, inside = np.random.default_rng(2), np.ones((24, 24), bool)
    spread = [
        stabilised(draw.poisson(mean, (40, 24, 24)).astype(float), inside)[:, 4:-4, 4:-4].std()
        for mean in (10, 40, 160)
    ]
    assert max(spread) < 1.1 * min(spread)


def test_areas_are_averaged_and_means_survive_both_ways() -> None:
    one = stack(24)
    half = resized(one, 12)
    np.testing.assert_allclose(half.counts, one.counts.reshape(5, 12, 2, 12, 2).mean(axis=(2, 4)), rtol=1e-6)
    assert half.inside.sum() == one.inside.sum() / 4
    twice = resized(one, 48)
    np.testing.assert_allclose(twice.counts.mean(axis=(1, 2)), one.counts.mean(axis=(1, 2)), rtol=0.02)
    assert resized(one, 24) is one
    assert twice.label is one.label


def test_rows_are_taken_with_all_that_belongs_to_them() -> None:
    some = stack().take(np.array([3, 1]))
    assert some.name == ["3", "1"]
    assert some.label is not None
    np.testing.assert_array_equal(some.label, [3, 1])


@pytest.mark.parametrize(("value", "words"), [(-1.0, "1 images"), (np.nan, "1 images"), (np.inf, "1 images")])
def test_numbers_that_are_no_counts(value: float, words: str) -> None:
    one = stack()
    one.counts[2, 6, 6] = value
    with pytest.raises(InputError, match=words):
        ImageStack(one.counts, one.inside, one.name)


def test_a_mask_of_another_size() -> None:
    with pytest.raises((InputError, TypeError), match=r"of one size|inside"):
        ImageStack(stack().counts, np.ones((3, 3), bool), stack().name)


# Views


def picture(images: int = 64, side: int = 24) -> torch.Tensor:
    return torch.full((images, side, side), 0.8)


def test_a_view_by_counts_has_the_noise_of_counts() -> None:
    settings = Counting(kept=(1.0, 1.0), field=0.0, counts=(0.5, 0.5))
    seen = counting_view(picture(), settings, generator=torch.Generator().manual_seed(1))
    one = torch.where(seen > 0, seen, 1).amin(dim=(1, 2), keepdim=True)
    values = (seen / one).round()  # counts are whole again
    spread = values.var(dim=(1, 2)) / values.mean(dim=(1, 2))
    assert 0.85 < float(spread.median()) < 1.15  # dispersion of Poisson counts is 1


def test_a_share_of_the_pixels_is_kept() -> None:
    settings = Counting(kept=(0.4, 0.4), field=0.0, counts=(2.0, 2.0))
    seen = counting_view(picture(), settings, generator=torch.Generator().manual_seed(1))
    assert float((seen > 0).float().mean()) == pytest.approx(0.4, abs=0.01)
    assert torch.equal(seen.amax(dim=(1, 2)), torch.ones(64))


def test_images_roll_by_all_shifts_alike_and_lose_nothing() -> None:
    place = torch.zeros(3000, 9, 9)
    place[:, 4, 4] = 1
    found = rolled(place, 1, generator=torch.Generator().manual_seed(1))
    count = found.sum(dim=0)
    assert float(count.sum()) == 3000
    assert count[3:6, 3:6].sum() == 3000
    assert stats.chisquare(count[3:6, 3:6].flatten().numpy()).pvalue > 1e-3


@pytest.mark.parametrize("strength", ["weak", "medium", "strong"])
def test_published_views(strength: str) -> None:
    inside = torch.zeros(24, 24, dtype=torch.bool)
    inside[4:, 4:] = True
    made = [
        photographic_view(picture(), strength, inside, generator=torch.Generator().manual_seed(s))
        for s in (1, 1, 2)
    ]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert 0 <= float(made[0].min()) <= float(made[0].max()) <= 1
    assert bool((made[0][:, ~inside] == 0).all()) == (strength != "medium")


def test_a_view_draws_for_each_image_by_itself() -> None:
    seen = counting_view(picture(2), Counting(), generator=torch.Generator().manual_seed(1))
    assert not torch.equal(seen[0], seen[1])


def test_shares_above_one() -> None:
    with pytest.raises(InputError, match="shares"):
        Counting(kept=(0.5, 1.5))
