"""Hits that lie on no helix: they must not stop the fit of the tracks beside them."""

import numpy as np

from femtobarn.physics.tracks import Hits, fit_helix

#: Four hits at one place and one opposite: no step of the fit has an inverse.
NOWHERE = np.array(
    [
        [285.04, 156.38, 1295.3], [-52.12, 18.01, -183.1], [285.033, 156.366, 1295.306], [285.03, 156.376, 1295.31],
        [285.033, 156.369, 1295.261],
    ]
)  # fmt: skip


def _hits(position: np.ndarray) -> Hits:
    count = len(position)
    layer = np.tile([2, 4, 6, 8, 2], count // 5 + 1)[:count]
    volume = np.tile([8, 8, 8, 8, 13], count // 5 + 1)[:count]
    return Hits(np.array([0, count]), position, volume, layer, np.ones(count, np.int64), np.arange(count) + 1)


def test_a_track_on_no_helix_has_no_parameters_and_leaves_the_others_alone() -> None:
    radius = np.array([32.0, 72.0, 116.0, 172.0, 260.0])
    straight = np.column_stack((radius, 0.1 * radius, 0.5 * radius))
    alone = fit_helix(_hits(straight), np.zeros(5, np.int64))
    both = fit_helix(_hits(np.concatenate((straight, NOWHERE))), np.repeat([0, 1], 5))
    np.testing.assert_allclose(both.parameter[0], alone.parameter[0])
    assert np.isfinite(alone.parameter).all()
    assert not np.isfinite(both.parameter[1]).all()
