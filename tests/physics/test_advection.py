"""Motion between two images by phase correlation, and images moved on: known displacements, edges, unknown pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from femtobarn.errors import InputError
from femtobarn.physics.advection import advected, block_motion


def texture(*shape: int, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return np.maximum(20 * ndimage.gaussian_filter(noise, 2), 0).astype(np.float32)


@given(down=st.integers(-8, 8), right=st.integers(-8, 8), seed=st.integers(0, 99))
def test_a_known_displacement_is_found(down: int, right: int, seed: int) -> None:
    large = texture(120, 120, seed=seed)
    earlier = large[20:100, 20:100]
    later = large[20 - down : 100 - down, 20 - right : 100 - right]
    motion = block_motion(earlier, later, block=64, step=16)
    np.testing.assert_allclose(motion[0], down)
    np.testing.assert_allclose(motion[1], right)


def test_two_currents_are_told_apart() -> None:
    """The left half moves up, the right half down."""
    large = texture(200, 256)
    earlier = large[40:168]
    later = np.concatenate((large[45:173, :128], large[35:163, 128:]), axis=1)
    motion = block_motion(earlier, later, block=64, step=32)
    np.testing.assert_allclose(motion[0][:, 40], -5, atol=0.1)
    np.testing.assert_allclose(motion[0][:, 216], 5, atol=0.1)
    assert (np.diff(motion[0][64, 100:156]) >= 0).all(), "bilinear in between"


def test_nothing_does_not_move() -> None:
    empty = np.zeros((64, 64), np.float32)
    assert not block_motion(empty, empty, block=32, step=16, fastest=4).any()
    assert not block_motion(np.full_like(empty, np.nan), empty, block=32, step=16, fastest=4).any()


def test_an_image_moved_on_is_where_it_goes() -> None:
    image = texture(40, 50)
    motion = np.stack((np.full(image.shape, 2.0), np.full(image.shape, -3.0)))
    moved = advected(image, motion, times=2)
    np.testing.assert_allclose(moved[4:, :-6], image[:-4, 6:], atol=1e-5)
    assert np.isnan(moved[:4]).all(), "what comes from outside is not known"
    assert np.isnan(moved[:, -6:]).all()
    half = advected(image, motion, times=0.25)
    expected = 0.5 * (image[1:-1, 1:-1] + image[:-2, 1:-1])
    np.testing.assert_allclose(
        half[1:-1, 1:-1], 0.25 * expected + 0.75 * 0.5 * (image[1:-1, 2:] + image[:-2, 2:]), atol=1e-4
    )


def test_unknown_pixels_move_along() -> None:
    image = texture(30, 30)
    image[10:14, 10:14] = np.nan
    moved = advected(image, np.full((2, 30, 30), 5.0))
    assert np.isnan(moved[15:19, 15:19]).all()
    assert np.isfinite(moved[20:, 20:]).all()


def test_images_that_cannot_be() -> None:
    with pytest.raises((InputError, TypeError), match=r"one shape|row"):
        block_motion(texture(30, 30), texture(30, 31))
    with pytest.raises(InputError, match="fastest"):
        block_motion(texture(16, 16), texture(16, 16))


def test_the_last_frame_moved_on_beats_persistence_in_real_rain(real_data: object) -> None:
    """Checked at three scales in `tests/systems/test_spatial_losses.py`; here that motion is not noise."""
    from femtobarn.datasets.mrms import FILE, NAME, read_rain

    rate = read_rain(f"{real_data}/{NAME}/{FILE}", coarse=2).rate[[6, 12, 17]]
    motion = block_motion(rate[0], rate[1])
    assert np.abs(motion).max() < 12
    moved = np.nan_to_num(advected(rate[1], motion, times=5 / 6))
    errors = [np.abs(np.log1p(each) - np.log1p(rate[2])).mean() for each in (moved, rate[1])]
    assert errors[0] < 0.9 * errors[1]
