"""SoftKiller: what it leaves, what it does not see, and that regions do not know each other."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.soft_killer import soft_killer
from femtobarn.physics.vectors import cartesian


def _crossing(generator: np.random.Generator, soft: int, *, scale: float = 1.0) -> np.ndarray:
    """Soft particles all over the plane, exponential in pT."""
    pt = scale * generator.exponential(0.7, soft)
    place = generator.uniform((-3.0, -np.pi), (3.0, np.pi), (soft, 2))
    return cartesian(np.column_stack((pt, place, np.zeros(soft))))


def test_half_of_the_patches_are_left_empty() -> None:
    momentum = _crossing(np.random.default_rng(1), 2000)
    kept = soft_killer(momentum, np.array([0, 2000]), edges=(-3.0, 3.0))
    eta, phi = (
        np.arcsinh(momentum[:, 3] / np.hypot(*momentum[:, 1:3].T)),
        np.arctan2(momentum[:, 2], momentum[:, 1]),
    )
    patch = np.floor((eta + 3) / 0.5) * 13 + np.floor((phi / (2 * np.pi) + 0.5) * 13)
    occupied = len(np.unique(patch[kept]))
    assert occupied == pytest.approx(12 * 13 / 2, abs=1)


def test_a_hard_particle_stays_and_a_lonely_one_too() -> None:
    generator = np.random.default_rng(2)
    hard = cartesian(np.array([[50.0, 0.3, 1.0, 0.0]]))
    crossing = np.concatenate((_crossing(generator, 1500), hard))
    assert soft_killer(crossing, np.array([0, 1501]))[-1]
    assert soft_killer(hard * 1e-3, np.array([0, 1])).all(), "an empty detector has no pile-up"


def test_each_event_and_region_has_a_cut_of_its_own() -> None:
    generator = np.random.default_rng(3)
    one, other = _crossing(generator, 1000), _crossing(generator, 1000, scale=5.0)
    both = soft_killer(np.concatenate((one, other)), np.array([0, 1000, 2000]))
    np.testing.assert_array_equal(both[:1000], soft_killer(one, np.array([0, 1000])))
    np.testing.assert_array_equal(both[1000:], both[1000:] & soft_killer(other, np.array([0, 1000])))
    forward = one.copy()
    forward[one[:, 3] > 2.2 * np.hypot(*one[:, 1:3].T)] *= 10.0  # beyond eta = 1.5 only
    barrel = np.abs(one[:, 3]) < np.sinh(1.5) * np.hypot(*one[:, 1:3].T)
    np.testing.assert_array_equal(
        soft_killer(forward, np.array([0, 1000]))[barrel], soft_killer(one, np.array([0, 1000]))[barrel]
    )


def test_nothing_is_kept_beyond_the_edges() -> None:
    far = cartesian(np.array([[40.0, 3.4, 0.0, 0.0], [40.0, 2.9, 0.0, 0.0]]))
    np.testing.assert_array_equal(soft_killer(far, np.array([0, 2])), [False, True])


def test_edges_that_do_not_rise_are_refused() -> None:
    with pytest.raises(InputError, match="rising edges"):
        soft_killer(np.ones((1, 4)), np.array([0, 1]), edges=(1.0, -1.0))
