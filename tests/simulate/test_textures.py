"""Textures: grey images of four kinds, none like another, the same again from the same seed."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.simulate.textures import textures


def test_images_are_grey_and_different() -> None:
    images = textures(80, generator=np.random.default_rng(1))
    assert images.shape == (80, 28, 28)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert len({image.tobytes() for image in images}) == 80
    assert (images.std(axis=(1, 2)) > 0.02).mean() > 0.9, "hardly any is empty"
    np.testing.assert_array_equal(images, textures(80, generator=np.random.default_rng(1)))


def test_sizes_that_make_no_sense_are_refused() -> None:
    assert textures(5, side=16, generator=np.random.default_rng(1)).shape == (5, 16, 16)
    with pytest.raises(InputError, match="at least one image"):
        textures(0, generator=np.random.default_rng(1))
