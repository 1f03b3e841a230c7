"""Registration: known shifts come back, aligned images stay, and empty ones do not move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.data.image_stack import stabilised
from femtobarn.errors import InputError
from femtobarn.physics.registration import moved, registered, shifts_onto
from femtobarn.simulate.ion_images import Ions, drawn_templates, ion_images


def test_shifts_of_rings_are_found_exactly_in_nine_of_ten() -> None:
    """Of images with 1000 counts or more; a pattern without edges has no exact place."""
    templates, inside = drawn_templates(6, 48, generator=np.random.default_rng(17))
    stack = ion_images(
        templates[1::4], inside, Ions(0.6, 0.9, shift=3), sizes=[80, 1], generator=np.random.default_rng(1)
    )
    assert stack.shift is not None
    assert stack.label is not None
    some = (stack.counts.sum(axis=(1, 2)) >= 1000) & (stack.label == 0)
    images = stabilised(stack.counts, stack.inside)[some]
    left = registered(images).shift + stack.shift[some]
    values, count = np.unique(left, axis=0, return_counts=True)
    assert count.max() / len(images) >= 0.9, dict(zip(map(tuple, values), count, strict=True))


@given(seed=st.integers(0, 1000), largest=st.integers(1, 4))
def test_a_known_reference_brings_every_shift_back(seed: int, largest: int) -> None:
    generator = np.random.default_rng(seed)
    reference = generator.random((20, 24))
    shift = generator.integers(-largest, largest + 1, (5, 2))
    images = moved(np.repeat(reference[None], 5, axis=0), shift)
    np.testing.assert_array_equal(shifts_onto(reference[None], images, largest=largest), -shift)
    np.testing.assert_allclose(moved(images, -shift), np.repeat(reference[None], 5, axis=0))


def test_of_several_references_the_most_alike_counts() -> None:
    generator = np.random.default_rng(1)
    references = generator.random((3, 16, 16))
    shift = np.array([[1, -2], [0, 3], [-1, 0]])
    np.testing.assert_array_equal(shifts_onto(references, moved(references, shift)), -shift)


def test_images_that_agree_and_images_without_structure_do_not_move() -> None:
    one = np.random.default_rng(1).random((16, 16))
    assert not registered(np.repeat(one[None], 6, axis=0)).shift.any()
    assert not registered(np.ones((4, 16, 16))).shift.any()
    assert not shifts_onto(one[None], np.zeros((2, 16, 16))).any()


def test_what_is_refused() -> None:
    images = np.ones((3, 8, 8))
    with pytest.raises(InputError, match="half a side"):
        registered(images, largest=4)
    with pytest.raises((InputError, TypeError), match=r"as the references|references"):
        shifts_onto(np.ones((1, 8, 9)), images)
    with pytest.raises(InputError, match="at least one pass"):
        registered(images, passes=0)
