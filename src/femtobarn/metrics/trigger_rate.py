"""How often a trigger fires, in Hz: from zero-bias events, from a simulated process, and beyond the other triggers."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, numpy
from femtobarn.metrics.working_point import LEVEL, clopper_pearson

#: Revolutions of a proton in the LHC per second (LHC Machine, JINST 3 S08001).
ORBIT_FREQUENCY = 11_245.0
_PICOBARN = 1e-36  # cm^2


class Rate(NamedTuple):
    """Accepted events per second, with its interval."""

    value: float
    """Hz."""
    error: float
    """One standard deviation, 0 where no event passed."""
    low: float
    high: float
    """Clopper-Pearson; of weighted events for the number of equal events that would fluctuate as much."""
    passed: int
    n: int


def trigger_rate(
    passed: Bool[Array, " event"],
    *,
    bunches: int,
    weight: Real[Array, " event"] | None = None,
    orbit_frequency: float = ORBIT_FREQUENCY,
    level: float = LEVEL,
) -> Rate:
    """Rate of a trigger that accepts these of the events that were taken without any bias.

    It is the share of the events times the crossings of filled bunches per second. The smallest rate that n events
    can tell is that of about ten of them: 20,000 events and 2500 bunches measure nothing below 14 kHz.

    Args:
        passed: Whether the trigger accepts each zero-bias event.
        bunches: Colliding bunches; 2340 to 2750 in recent years. (40 MHz is the clock, not the rate of crossings.)
        weight: Of the events, such as those that undo a biased choice of their pile-up; default: all alike.
        orbit_frequency: Of a bunch, Hz.
        level: Coverage of the interval.

    Raises:
        InputError: No events, weights that do not fit, or numbers that are not above 0.
    """
    if not bunches >= 1 or not 0 < orbit_frequency < math.inf:
        raise InputError(f"expected bunches and their frequency above 0, got {bunches} and {orbit_frequency}")
    return _rate(_flags(passed), weight, bunches * orbit_frequency, level)


def process_rate(
    passed: Bool[Array, " event"],
    *,
    cross_section: float,
    luminosity: float,
    weight: Real[Array, " event"] | None = None,
    level: float = LEVEL,
) -> Rate:
    """Rate at which a trigger accepts events of one process: cross section x luminosity x share accepted.

    The error is that of the number of events; it holds no uncertainty of the cross section.

    Args:
        passed: Whether the trigger accepts each simulated event.
        cross_section: Of the process as it was generated, pb.
        luminosity: Instantaneous, cm^-2 s^-1, such as 2e34.
        weight: Of the events, needed where the generator prefers some of them (a biased pT-hat); default: all alike.
        level: Coverage of the interval.

    Raises:
        InputError: As `trigger_rate`.
    """
    if not 0 < cross_section < math.inf or not 0 < luminosity < math.inf:
        raise InputError(
            f"expected a cross section and a luminosity above 0, got {cross_section} and {luminosity}"
        )
    return _rate(_flags(passed), weight, cross_section * _PICOBARN * luminosity, level)


def pure_rate(
    passed: Bool[Array, " event"],
    others: Bool[Array, "event trigger"],
    *,
    bunches: int,
    weight: Real[Array, " event"] | None = None,
    orbit_frequency: float = ORBIT_FREQUENCY,
    level: float = LEVEL,
) -> Rate:
    """Rate of events that a trigger accepts and none of the others does: what it adds to the menu.

    Args:
        passed: Whether the trigger accepts each zero-bias event.
        others: The same of every other trigger, a column each.
        bunches, weight, orbit_frequency, level: As in `trigger_rate`.

    Raises:
        InputError: As `trigger_rate`, or other triggers that are not those of the same events.
    """
    mine, theirs = _flags(passed), numpy(others)
    if theirs.ndim != 2 or len(theirs) != len(mine) or theirs.dtype != np.bool_:
        raise InputError(
            f"expected for {len(mine)} events true or false of each other trigger, got {theirs.dtype} {theirs.shape}"
        )
    alone = mine & ~theirs.any(axis=1)
    return trigger_rate(alone, bunches=bunches, weight=weight, orbit_frequency=orbit_frequency, level=level)


def _flags(passed: Bool[Array, " event"]) -> Bool[np.ndarray, " event"]:
    flags = numpy(passed)
    if flags.ndim != 1 or not len(flags) or flags.dtype != np.bool_:
        raise InputError(f"expected true or false for each of some events, got {flags.dtype} {flags.shape}")
    return flags


def _rate(
    passed: Bool[np.ndarray, " event"], weight: Real[Array, " event"] | None, whole: float, level: float
) -> Rate:
    """Of the share of the events that passed, in units of the rate of all of them."""
    share = _shares(weight, len(passed))
    value = float(share[passed].sum())
    # Of a ratio of weighted sums, in which the events that passed are in both.
    error = math.sqrt(float(np.square(share * (passed - value)).sum()))
    equal = 1 / float(np.square(share).sum())
    low, high = _interval(value, error, len(passed) if weight is None else equal, int(passed.sum()), level)
    return Rate(whole * value, whole * error, whole * low, whole * high, int(passed.sum()), len(passed))


def _interval(value: float, error: float, n: float, passed: int, level: float) -> tuple[float, float]:
    """Clopper-Pearson for as many equal events as have the spread that was found; for n of them if none passed."""
    if 0 < value < 1 and error > 0:
        n = value * (1 - value) / error**2
    n = max(round(n), 1)
    return clopper_pearson(round(value * n) if passed else 0, n, level=level)


def _shares(weight: Real[Array, " event"] | None, n: int) -> Float64[np.ndarray, " event"]:
    if weight is None:
        return np.full(n, 1 / n)
    table = numpy(weight).astype(np.float64)
    if table.shape != (n,) or not (np.isfinite(table) & (table >= 0)).all() or not table.any():
        raise InputError(f"expected a weight of 0 or more for each of {n} events, got shape {table.shape}")
    return table / table.sum()
