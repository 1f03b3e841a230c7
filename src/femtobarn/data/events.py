"""Events of cameras and pixel detectors with time stamps (time, place, polarity), and their counts in bins of time."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer, UInt16

from femtobarn.errors import InputError


class Events(NamedTuple):
    """A stream of events in the order of their times."""

    t: Int[np.ndarray, " _"]
    """Microseconds."""
    x: Integer[np.ndarray, " _"]
    """Column of the pixel."""
    y: Integer[np.ndarray, " _"]
    """Row of the pixel, from the top."""
    p: Integer[np.ndarray, " _"]
    """Polarity: 1 where it became brighter, 0 where darker."""

    def take(self, rows: np.ndarray | slice) -> "Events":
        """Some of the events."""
        return Events(*(column[rows] for column in self))


class Binning(NamedTuple):
    """How events become counts (step, polarity, row, column)."""

    steps: int = 100
    """Bins of time."""
    bin: int = 1000
    """Microseconds of each."""
    rows: int = 32
    """Rows that are kept, before pixels are joined."""
    columns: int = 32
    """Columns that are kept."""
    join: int = 2
    """Pixels a side that become one."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the counts."""
        return self.steps, 2, self.rows // self.join, self.columns // self.join

    def check(self) -> None:
        """Refuse bins without extent.

        Raises:
            InputError: The message names all numbers.
        """
        if min(self) < 1 or min(self.shape) < 1:
            raise InputError(f"expected bins, rows and columns of at least one unit each, got {self}")


def check_events(
    events: Events, place: str, *, rows: int | None = None, columns: int | None = None, after: int = 0
) -> None:
    """Refuse a stream that is no stream of events.

    Args:
        events: What was read.
        place: File and recording, for the message.
        rows, columns: Of the sensor; any if not given.
        after: Time of the event before these, in microseconds.

    Raises:
        InputError: Columns of different length, times that go backwards or below 0, pixels off the sensor, or
            polarities other than 0 and 1 (such as -1 for darker).
    """
    if len({len(column) for column in events}) != 1:
        raise InputError(
            f"{place}: expected t, x, y, p of one length, got {[len(column) for column in events]}"
        )
    for name, column in zip(events._fields, events, strict=True):
        if column.dtype.kind not in "iu":
            raise InputError(f"{place}: expected whole numbers in {name}, got {column.dtype}")
    t, x, y, p = (column.astype(np.int64) for column in events)
    back = np.flatnonzero(np.diff(t, prepend=after) < 0)
    if len(back):
        row = int(back[0])
        before = after if row == 0 else int(t[row - 1])
        raise InputError(
            f"{place}: event {row} is out of order, {t[row]} us after {before} us: sort the events by time"
        )
    for name, column, most in (("x", x, columns), ("y", y, rows), ("p", p, 2)):
        wrong = np.flatnonzero((column < 0) | (column >= (most or 2**31)))
        if len(wrong):
            row = int(wrong[0])
            words = f"0 to {most - 1}" if most else "0 or more"
            raise InputError(f"{place}: event {row} has {name} = {column[row]}, expected {words}")


def event_counts(
    events: Events | Iterable[Events], binning: Binning, *, start: int = 0
) -> UInt16[np.ndarray, "step 2 row column"]:
    """Events counted in bins of time and joined pixels; those beyond the last bin or off the crop are left out.

    Args:
        events: A stream, or its pieces one after the other where it is larger than memory.
        binning: See `Binning`; rows and columns are counted from the upper left corner.
        start: Microseconds at which the first bin begins.

    Raises:
        InputError: More than 65,535 events in a bin.
    """
    binning.check()
    counts = np.zeros(int(np.prod(binning.shape)), np.int64)
    for t, x, y, p in (events,) if isinstance(events, Events) else events:
        step = (t.astype(np.int64) - start) // binning.bin
        inside = (step >= 0) & (step < binning.steps) & (x < binning.columns // binning.join * binning.join)
        inside &= y < binning.rows // binning.join * binning.join
        place = (step[inside], p[inside], y[inside] // binning.join, x[inside] // binning.join)
        flat = np.ravel_multi_index(tuple(each.astype(np.int64) for each in place), binning.shape)
        counts += np.bincount(flat, minlength=len(counts))
    if counts.max(initial=0) > np.iinfo(np.uint16).max:
        raise InputError(
            f"{counts.max()} events in one bin are more than 65,535: choose shorter bins than {binning}"
        )
    return counts.astype(np.uint16).reshape(binning.shape)
