"""Showers of rain that are born, drift and die: rates, lives, and what cannot be predicted."""

import itertools

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.advection import block_motion
from femtobarn.simulate.convection import Convection, convection, unpredictable


def made(frames: int = 31, side: int = 160, seed: int = 1, **more: float) -> Convection:
    return convection(frames, (side, side), generator=np.random.default_rng(seed), **more)


def test_heavy_rain_is_rare_and_looks_like_showers() -> None:
    rates = [made(seed=seed).rate[::10] for seed in range(4)]
    share = np.mean([(rate >= 10).mean() for rate in rates])
    assert 0.003 < share < 0.04
    assert 0.05 < np.mean([(rate > 0.1).mean() for rate in rates]) < 0.5
    assert all((rate >= 0).all() for rate in rates)


def test_as_many_showers_as_births() -> None:
    """Twice the births, twice the rain, within what a Poisson number of showers spreads."""
    few, many = (np.mean([made(2, seed=s, births=b).rate.mean() for s in range(8)]) for b in (2.5e-6, 5e-6))
    assert many / few == pytest.approx(2, rel=0.35)


def test_what_is_born_within_the_lead_cannot_be_known() -> None:
    found = made()
    event = found.rate[-1] >= 10
    shares = [unpredictable(found.age[-1], event, lead=lead) for lead in (0, 10, 30, 60, 61)]
    assert shares[0] == 0
    assert shares[-1] == 1, "no shower lives longer than an hour"
    assert all(a <= b for a, b in itertools.pairwise(shares))
    assert np.isnan(unpredictable(found.age[-1], np.zeros_like(event), lead=10))


def test_the_age_of_a_shower_is_the_time_that_passes() -> None:
    """Ten minutes later nearly every shower that is older than that has an age of ten minutes more."""
    found = made(6, seed=3)
    earlier, later = (np.unique(age[np.isfinite(age)]) for age in (found.age[0], found.age[5]))
    before = later[later > 12] - 10
    known = np.abs(earlier[:, None] - before).min(axis=0) < 1e-3
    assert len(before) > 5
    assert known.mean() > 0.8, "the others have drifted in"


def test_showers_drift_with_the_wind() -> None:
    rate = made(7, 192, seed=4, births=1e-5).rate
    motion = block_motion(rate[0], rate[6])
    assert 0.3 < np.abs(motion).max() <= 12


def test_wishes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="above 0"):
        made(0)
    with pytest.raises(InputError, match="above 0"):
        made(2, births=0.0)
