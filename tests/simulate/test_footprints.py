"""Hadron showers behind tracks: energy, radius, displacement, towers, and the mean footprint."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.simulate.footprints import CELL, Footprints, expected, footprints, known_maps, mean_footprint


def made(events: int = 300, seed: int = 1, **more: float) -> Footprints:
    return footprints(events, generator=np.random.default_rng(seed), **more)


def test_a_shower_has_nearly_the_energy_of_its_track() -> None:
    found = made()
    share = found.shower.sum(axis=(1, 2)) / found.track.sum(axis=(1, 2))
    assert 0.85 < share.mean() < 1.01, "some spots fall outside"
    assert ((found.track > 0).sum(axis=(1, 2)) == 1).all()


def test_half_the_energy_of_the_core_is_within_its_radius() -> None:
    """R^2 / (r^2 + R^2) of the profile is outside r: without displacement and for the middle of both radii."""
    found = made(800, off=0.0)
    row, column = np.unravel_index(found.track.reshape(800, -1).argmax(axis=1), (64, 64))
    rows, columns = np.indices((64, 64))
    distance = CELL * np.hypot(rows - row[:, None, None], columns - column[:, None, None])
    total = found.shower.sum(axis=(1, 2))
    for radius in (40.0, 80.0):
        inside = (found.shower * (distance < radius)).sum(axis=(1, 2)).sum() / total.sum()
        within = np.mean([radius**2 / (radius**2 + r**2) for r in (8.0, 40.0)])
        assert inside == pytest.approx(within, abs=0.05)


def test_towers_keep_the_energy_of_both_hadrons() -> None:
    found = made()
    blocks = found.towers.reshape(-1, 8, 8, 8, 8)
    assert (blocks == blocks[:, :, :1, :, :1]).all()
    both, own = found.towers.sum(axis=(1, 2)), found.shower.sum(axis=(1, 2))
    assert (both > own - 1e-3).all()
    assert both.mean() == pytest.approx(2 * own.mean(), rel=0.1)


def test_a_track_points_beside_its_shower() -> None:
    found = made(600)
    rows, columns = np.indices((64, 64))
    off = []
    for axis in (rows, columns):
        middle = (found.shower * axis).sum(axis=(1, 2)) / found.shower.sum(axis=(1, 2))
        aim = (found.track * axis).sum(axis=(1, 2)) / found.track.sum(axis=(1, 2))
        off.append(middle - aim)
    assert np.abs(np.mean(off)) < 0.3
    assert np.median(np.abs(off)) == pytest.approx(0.67 * 2, abs=0.6), "two cells, and the spread of the halo"


def test_the_mean_footprint_gives_back_the_mean() -> None:
    found = made(400)
    mean = mean_footprint(found)
    assert mean.sum() == pytest.approx((found.shower.sum(axis=(1, 2)) / found.track.sum(axis=(1, 2))).mean())
    assert np.unravel_index(mean.argmax(), mean.shape) in [(r, c) for r in (0, 1, 63) for c in (0, 1, 63)]
    told = expected(found.track, mean)
    assert told.sum() == pytest.approx(found.shower.sum(), rel=0.03)
    alone = np.zeros((1, 64, 64), np.float32)
    alone[0, 20, 30] = 2.0
    np.testing.assert_allclose(
        np.roll(expected(alone, mean)[0], (-20, -30), (0, 1)), 2 * mean.clip(min=0), atol=1e-4
    )


def test_events_that_cannot_be_seen() -> None:
    found = made(20)
    mean = mean_footprint(found)
    past, guess = known_maps(found._asdict(), mean)
    np.testing.assert_array_equal(past[:, 0], found.track)
    np.testing.assert_array_equal(guess[:, 0], expected(found.track, mean))
    with pytest.raises(InputError, match="towers"):
        known_maps({"track": found.track}, mean)
    with pytest.raises(InputError, match=r"expected images \(64, 64\)"):
        known_maps({"track": found.track[:, :32, :32], "towers": found.towers}, mean)
    with pytest.raises(InputError, match="0 GeV or more"):
        known_maps({"track": found.track, "towers": -found.towers}, mean)


def test_wishes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="multiples of 8"):
        made(2, cells=60)
    with pytest.raises(InputError, match="events"):
        made(0)
