"""Simulated stacks: their classes, counts and shifts, and occupancy maps with the faults that they are said to have."""

import numpy as np
import pytest
from scipy import ndimage

from femtobarn.errors import InputError
from femtobarn.simulate.ion_images import CLASS_SIZES, Ions, drawn_templates, ion_images, smooth_field
from femtobarn.simulate.occupancy import FAULTS, occupancy_maps


def templates(classes: int = 4, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    return drawn_templates(classes, side, generator=np.random.default_rng(17))


def test_a_stack_has_the_classes_asked_for_and_follows_from_its_seed() -> None:
    given, inside = templates()
    made = [
        ion_images(given, inside, Ions(), sizes=[3, 5, 2, 4], generator=np.random.default_rng(s))
        for s in (1, 1, 2)
    ]
    assert made[0].label is not None
    np.testing.assert_array_equal(np.bincount(made[0].label), [3, 5, 2, 4])
    np.testing.assert_array_equal(made[0].counts, made[1].counts)
    assert (made[0].counts != made[2].counts).any()
    assert sum(CLASS_SIZES) == 367
    assert len(CLASS_SIZES) == 13


def test_the_mean_of_many_images_is_the_template_through_its_exponent() -> None:
    given, inside = templates(2)
    stack = ion_images(given, inside, Ions(1.0, 1.0), sizes=[300, 300], generator=np.random.default_rng(1))
    assert stack.label is not None
    for label in (0, 1):
        mean = stack.counts[stack.label == label].mean(axis=0)
        expected = np.mean([given[label] ** g for g in np.linspace(0.7, 1.3, 31)], axis=0)
        expected = 0.95 * 10 * (np.exp(0.35**2 / 2) * expected + 0.075 * given[1 - label] + 0.03)
        np.testing.assert_allclose(mean[inside], expected[inside], atol=0.4, rtol=0.12)
    assert not stack.counts[:, ~inside].any()


def test_counts_are_uniform_in_the_logarithm_between_their_ends() -> None:
    flat = np.ones((2, 24, 24), np.float32)
    inside = np.ones((24, 24), bool)
    stack = ion_images(flat, inside, Ions(0.0, 2.0), sizes=[200, 200], generator=np.random.default_rng(1))
    level = np.log10(stack.counts.mean(axis=(1, 2)) / (0.95 * (np.exp(0.35**2 / 2) + 0.105)))
    np.testing.assert_allclose(np.quantile(level, [0.02, 0.5, 0.98]), [0.04, 1.0, 1.96], atol=0.15)


def test_shifted_images_are_those_rolled_and_the_mask_covers_them() -> None:
    given, inside = templates()
    still, rolled = (
        ion_images(given, inside, Ions(1, 1, shift=n), sizes=[9] * 4, generator=np.random.default_rng(1))
        for n in (0, 3)
    )
    assert rolled.shift is not None
    assert np.abs(rolled.shift).max() == 3
    for image, shift, other in zip(rolled.counts, rolled.shift.tolist(), still.counts, strict=True):
        np.testing.assert_array_equal(np.roll(other, shift, (0, 1)), image)
        assert not image[~rolled.inside].any()
    np.testing.assert_array_equal(rolled.inside, ndimage.binary_dilation(inside, np.ones((7, 7))))


def test_a_smooth_field_has_unit_variance_and_its_width() -> None:
    field = smooth_field((400, 400), 6.0, np.random.default_rng(1))
    assert field.std() == pytest.approx(1)
    wave = np.abs(np.fft.fft2(field)) ** 2
    near = np.fft.ifft2(wave).real[6, 0] / wave.mean()
    assert near == pytest.approx(np.exp(-(6**2) / (4 * 6**2)), abs=0.05)


def test_sizes_that_do_not_fit_the_templates() -> None:
    with pytest.raises(InputError, match="a size for each of 4"):
        ion_images(*templates(), Ions(), sizes=[3, 3], generator=np.random.default_rng(1))


def test_each_fault_shows_where_it_is() -> None:
    stack = occupancy_maps([6] * 6, side=32, generator=np.random.default_rng(1))
    assert stack.label is not None
    total = stack.counts.sum(axis=(1, 2), keepdims=True)
    mean = {
        fault: (stack.counts / total)[stack.label == place].mean(axis=0) for place, fault in enumerate(FAULTS)
    }
    fine = mean["none"]
    assert mean["dead board"][16:24, 8:16].sum() < 0.3 * fine[16:24, 8:16].sum()
    assert mean["dead board at the rim"][4:12, 24:].sum() < 0.3 * fine[4:12, 24:].sum()
    assert np.sort(mean["hot towers"].ravel())[-6:].min() > 2 * fine.max()
    radius = np.hypot(*(np.indices((32, 32)) - 15.5))
    ring = np.abs(radius - 0.36 * 32) < 1.5
    assert mean["ring noise"][ring].sum() > 1.5 * fine[ring].sum()
    centre = [ndimage.center_of_mass(mean[fault]) for fault in ("none", "beam beside")]
    assert centre[1][1] - centre[0][1] > 2
    assert centre[0][0] - centre[1][0] > 1


def test_runs_of_every_fault_are_asked_for() -> None:
    with pytest.raises(InputError, match="runs for each of 6"):
        occupancy_maps([3, 3], generator=np.random.default_rng(1))
