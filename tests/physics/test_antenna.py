"""Antenna patterns: LAL where it is installed, geometry, and what is known of H1 and L1."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.antenna import (
    INTERFEROMETERS,
    antenna_pattern,
    arrival,
    interferometer,
    light_travel,
)

DRAW = np.random.default_rng(1)
N = 2000
LONGITUDE, LATITUDE = DRAW.uniform(0, 2 * np.pi, N), np.arcsin(DRAW.uniform(-1, 1, N))
PSI = DRAW.uniform(0, np.pi, N)


@pytest.mark.parametrize("name", INTERFEROMETERS)
def test_patterns_are_those_of_lal(name: str) -> None:
    lal = pytest.importorskip("lal")
    place = {"H1": lal.LHO_4K_DETECTOR, "L1": lal.LLO_4K_DETECTOR, "V1": lal.VIRGO_DETECTOR}[name]
    detector, sidereal = lal.CachedDetectors[place], 0.7
    plus, cross = antenna_pattern(name, LONGITUDE[:50], LATITUDE[:50], PSI[:50])
    late = arrival(name, LONGITUDE[:50], LATITUDE[:50])
    for row in range(50):
        angles = LONGITUDE[row] + sidereal, LATITUDE[row], PSI[row], sidereal
        assert (plus[row], cross[row]) == pytest.approx(
            lal.ComputeDetAMResponse(detector.response, *angles), abs=1e-6
        )
        source = [np.cos(LATITUDE[row]) * f(LONGITUDE[row]) for f in (np.cos, np.sin)] + [
            np.sin(LATITUDE[row])
        ]
        assert late[row] == pytest.approx(-np.dot(detector.location, source) / lal.C_SI, abs=1e-8)


@pytest.mark.parametrize("name", INTERFEROMETERS)
def test_the_mean_square_over_the_sky_is_one_fifth(name: str) -> None:
    """Of each polarisation, for arms at a right angle."""
    plus, cross = antenna_pattern(name, LONGITUDE, LATITUDE, PSI)
    assert np.square(plus).mean() == pytest.approx(0.2, abs=0.02)
    assert np.square(cross).mean() == pytest.approx(0.2, abs=0.02)
    assert np.hypot(plus, cross).max() <= 1 + 1e-6


def test_turning_the_wave_by_an_eighth_swaps_its_polarisations() -> None:
    plus, cross = antenna_pattern("H1", LONGITUDE, LATITUDE, PSI)
    turned, _ = antenna_pattern("H1", LONGITUDE, LATITUDE, PSI + np.pi / 4)
    np.testing.assert_allclose(turned, cross, atol=1e-12)
    half, other = antenna_pattern("H1", LONGITUDE, LATITUDE, PSI + np.pi / 2)
    np.testing.assert_allclose((half, other), (-plus, -cross), atol=1e-12)


def test_the_arms_of_h1_and_l1_swing_with_opposite_sign() -> None:
    pairs = [np.concatenate(antenna_pattern(name, LONGITUDE, LATITUDE, PSI)) for name in ("H1", "L1")]
    assert np.corrcoef(*pairs)[0, 1] < -0.8


def test_light_takes_ten_milliseconds() -> None:
    assert light_travel("H1", "L1") == pytest.approx(0.010, abs=2e-5)
    apart = np.abs(arrival("H1", LONGITUDE, LATITUDE) - arrival("L1", LONGITUDE, LATITUDE))
    assert 0.9 * light_travel("H1", "L1") < apart.max() <= light_travel("H1", "L1")
    assert np.abs(np.linalg.norm(interferometer("V1").x_arm) - 1) < 1e-9


def test_an_unknown_detector_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="'H2'"):
        interferometer("H2")
