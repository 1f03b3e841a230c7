"""Images of events: pooling, counts, softness, and what they cannot depend on."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.event_images import (
    COARSE,
    FEATURES,
    FINE,
    event_features,
    occupied,
    pooled,
    softness,
    transverse_sphericity,
)


def _sparse(shape: tuple[int, ...], seed: int = 1, count: int = 3) -> np.ndarray:
    draw = np.random.default_rng(seed)
    image = draw.exponential(20.0, (count, *shape)) * (draw.random((count, *shape)) < 0.01)
    return image.astype(np.float32)


def test_pooling_keeps_the_sum_of_each_channel_and_follows_a_turn() -> None:
    fine = _sparse(FINE)
    coarse = pooled(fine)
    assert coarse.shape == (3, *COARSE)
    np.testing.assert_allclose(coarse.sum(axis=(1, 2)), fine.sum(axis=(1, 2)), rtol=1e-5)
    turned = pooled(np.roll(fine, 5 * 7, axis=2))
    np.testing.assert_allclose(turned, np.roll(coarse, 7, axis=1), rtol=1e-6)


def test_the_outermost_blocks_hold_three_rows() -> None:
    rows = pooled(np.ones((1, *FINE), np.float32))[0, 0, :, 0]
    assert rows.tolist() == [15.0, *[25.0] * 56, 15.0]


def test_soft_energy_beside_hard_energy_survives_float16() -> None:
    fine = np.zeros((1, *FINE), np.float16)
    fine[0, 3:8, :5] = 0.3
    fine[0, 3, 0] = 4000.0
    assert pooled(fine)[0, 0, 1, 0] == pytest.approx(4000 + 24 * 0.3, abs=0.01)


def test_softness_is_the_share_of_the_hardest_pixels() -> None:
    images = np.zeros((4, *COARSE))
    images[0, 0, :10, 0] = 1.0
    images[1, 0, :10, 0] = [91, *[1] * 9]
    images[2, 0, :3, 0] = 1.0
    assert softness(images, leading=5) == pytest.approx([-np.log(0.5), -np.log(0.95), 0.0, 0.0])
    assert occupied(images).tolist() == [10, 10, 3, 0]
    with pytest.raises(InputError, match="expected some of 4176 pixels, got 0"):
        softness(images, leading=0)


def test_sphericity_is_zero_for_two_jets_and_one_for_a_ring() -> None:
    images = np.zeros((4, *COARSE))
    images[0, [10, 46], 20, 0] = 50.0
    images[1, :, 30, 0] = 1.0
    images[2, ::18, 30, 0] = 1.0
    assert transverse_sphericity(images) == pytest.approx([0.0, 1.0, 1.0, 0.0], abs=1e-9)


def test_features_do_not_know_where_phi_begins_and_stay_finite_for_empty_events() -> None:
    images = _sparse(COARSE)
    images[2] = 0
    found = event_features(images)
    assert found.shape == (3, len(FEATURES))
    assert np.isfinite(found).all()
    assert not found[2].any()
    np.testing.assert_allclose(event_features(np.roll(images, 11, axis=1)), found, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(event_features(images[:, :, ::-1]), found, rtol=1e-6, atol=1e-6)
