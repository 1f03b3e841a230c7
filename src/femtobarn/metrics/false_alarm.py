"""Rate of false alarms of several detectors from their own data, shifted in time against each other."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, flags

YEAR = 31_557_600.0  #: s, Julian
_LIMIT = -math.log(0.05)  # expected events of which none is seen in 5 % of all cases


class FalseAlarms(NamedTuple):
    """False alarms per year."""

    value: float
    error: float
    """One standard deviation; where no event passed, the upper limit at 95 %."""
    passed: int
    time: float
    """Of all shifted data, s."""


def false_alarm_rate(passed: Shaped[Array, "slide event"], *, duration: float) -> FalseAlarms:
    """Rate at which noise alone passes, from time slides.

    Slide s holds event i of the first detector with event (i + k_s) mod n of the second, k_s = s + 1. One loud event of
    a detector meets many of the other, so that counts fluctuate more than a Poisson variable: the variance is that of
    the sums over the events of the first detector, plus that over those of the second, less the counts, which are in
    both (two-way clustering, doi:10.1198/jbes.2010.07136, eq. 2.8), and never less than the counts. A limit takes the
    slid events as independent, which the few events of a short stretch are not.

    Args:
        passed: Whether each slid event passes.
        duration: Of an event, s.

    Raises:
        InputError: No slides, or more than there are different pairs.

    Example:
        >>> rate = false_alarm_rate(np.zeros((3, 10), bool), duration=1.0)
        >>> rate.value, round(rate.error * rate.time / YEAR, 2)
        (0.0, 3.0)
    """
    passed = flags(passed, "slid events")
    if passed.ndim != 2:
        raise InputError(f"expected true or false of each slide and event, got shape {passed.shape}")
    slides, events = passed.shape
    if not 1 <= slides < events or not duration > 0:
        raise InputError(
            f"expected 1 to {events - 1} slides of {events} events of some duration, got {slides}, {duration:g} s"
        )
    time, count = slides * events * duration, int(passed.sum())
    if not count:
        return FalseAlarms(0.0, _LIMIT * YEAR / time, 0, time)
    other = np.stack([np.roll(row, place + 1) for place, row in enumerate(passed)])
    sums = passed.sum(axis=0), other.sum(axis=0)
    variance = sum(float(np.square(each - each.mean()).sum()) for each in sums) - count
    return FalseAlarms(count * YEAR / time, math.sqrt(max(variance, count)) * YEAR / time, count, time)
