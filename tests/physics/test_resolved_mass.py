"""Masses are real or zero."""

import numpy as np

from femtobarn.physics.resolved_mass import resolved_mass
from femtobarn.simulate.toy_prongs import toy_prongs


def test_masses_are_real_or_zero() -> None:
    momentum, _, _ = toy_prongs(40, particles=16, generator=np.random.default_rng(0))
    assert not resolved_mass(momentum).any(), "massless particles have no mass, whatever rounding says"
    heavy = np.array([[5.0, 3.0, 0.0, 0.0], [100.0, 0.0, 99.9, 0.0]], np.float32)
    np.testing.assert_allclose(resolved_mass(heavy), [4.0, np.sqrt(100**2 - 99.9**2)], rtol=1e-3)
