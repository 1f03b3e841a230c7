"""Toy jets of prongs."""

import numpy as np

from femtobarn.simulate.toy_prongs import toy_prongs


def test_toys_are_massless_jets_of_the_window() -> None:
    momentum, mask, is_signal = toy_prongs(300, particles=60, generator=np.random.default_rng(1))
    pt = np.hypot(momentum[..., 1], momentum[..., 2])
    assert np.all(np.diff(pt, axis=1) <= 0)
    assert np.all((pt.sum(axis=1) > 540) & (pt.sum(axis=1) < 660))
    assert np.array_equal(mask, pt > 0)
    assert is_signal.mean() == 0.5
    same = toy_prongs(300, particles=60, generator=np.random.default_rng(1))[0]
    np.testing.assert_array_equal(same, momentum)
