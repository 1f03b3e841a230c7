"""Hits that lie on no helix: they must not stop the fit of the tracks beside them."""

import numpy as np

from femtobarn.physics.tracks import Hits, fit_helix

#: Four hits at one place across the beam and one elsewhere: a step of the fit has no inverse.
NOWHERE = np.array(
    [[8.0, -13.0, 33.0], [-9.0, 28.0, 165.0], [8.0, -13.0, -27.0], [8.0, -13.0, 69.0], [8.0, -13.0, 81.0]]
)


def _hits(position: np.ndarray) -> Hits:
    count = len(position)
    layer = np.tile([2, 4, 6, 8, 2], count // 5 + 1)[:count]
    return Hits(
        np.array([0, count]),
        position,
        np.full(count, 8),
        layer,
        np.ones(count, np.int64),
        np.arange(count) + 1,
    )


def test_a_track_on_no_helix_has_no_parameters_and_leaves_the_others_alone() -> None:
    radius = np.array([32.0, 72.0, 116.0, 172.0, 260.0])
    straight = np.column_stack((radius, 0.1 * radius, 0.5 * radius))
    alone = fit_helix(_hits(straight), np.zeros(5, np.int64))
    both = fit_helix(_hits(np.concatenate((straight, NOWHERE))), np.repeat([0, 1], 5))
    np.testing.assert_allclose(both.parameter[0], alone.parameter[0])
    assert np.isfinite(alone.parameter).all()
    assert not np.isfinite(both.parameter[1]).all()
