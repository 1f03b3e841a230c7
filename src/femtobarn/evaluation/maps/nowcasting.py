"""Times of issue of a stretch of rain: the frames known then, the last one moved on with the wind, and what came."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from femtobarn.data.source import Arrays, check_columns
from femtobarn.datasets.mrms import Rain, read_rain
from femtobarn.errors import InputError
from femtobarn.physics.advection import advected, block_motion


class Issues:
    """Source of times of issue, a row each, made when they are read.

    Columns: "minutes"; "past", the frames of the lags, mm/h; "guess", the last frame moved on to each lead by the
    motion between the first and the last lag, mm/h. Unknown rain is 0 in both.

    Args:
        rain: Frames.
        lags: Minutes before the time of issue, falling to 0; two or more.
        leads: Minutes after it.
        place: What the frames are, for messages.

    Raises:
        InputError: Fewer frames than the lags take, or none at these minutes.
    """

    columns = ("minutes", "past", "guess")

    def __init__(self, rain: Rain, *, lags: Sequence[float], leads: Sequence[float], place: str) -> None:
        self.rain, self.place = rain, place
        self.lags, self.leads = (_frames(rain, each, place) for each in (lags, leads))
        self.times = np.arange(self.lags[0], len(rain.rate))
        if not len(self.times):
            raise InputError(f"{place}: expected {self.lags[0] + 1} frames or more, got {len(rain.rate)}")

    def __len__(self) -> int:
        return len(self.times)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The columns of some times of issue."""
        check_columns(columns, self.columns, self.place)
        times = self.times[start:stop]
        found: Arrays = {"minutes": self.rain.minutes[times]}
        if "past" in columns:
            found["past"] = np.nan_to_num(self.rain.rate[times[:, None] - np.array(self.lags)])
        if "guess" in columns:
            shape = (0, len(self.leads), *self.rain.rate.shape[1:])
            found["guess"] = (
                np.stack([self._moved(time) for time in times.tolist()])
                if len(times)
                else np.empty(shape, np.float32)
            )
        return {name: found[name] for name in columns}

    def _moved(self, time: int) -> Float32[np.ndarray, "lead row column"]:
        first = self.lags[0]
        motion = block_motion(self.rain.rate[time - first], self.rain.rate[time])
        last = self.rain.rate[time]
        return np.stack([np.nan_to_num(advected(last, motion, times=lead / first)) for lead in self.leads])


@dataclass(frozen=True)
class Nowcasts:
    """What is known at times of issue, or of events, and what came."""

    past: Float32[np.ndarray, "issue lag row column"]
    """Fields that are known."""
    guess: Float32[np.ndarray, "issue lead row column"]
    """The field whose events are predicted, by a forecast without training."""
    target: Float32[np.ndarray, "issue lead row column"]
    """1 where the field reaches the threshold."""
    known: Bool[np.ndarray, "issue lead row column"]
    """Where the target is known: of rain, where a radar sees the pixel and the frame is there."""

    def __len__(self) -> int:
        return len(self.past)

    def take(self, rows: Any) -> "Nowcasts":
        """These times of issue."""
        return Nowcasts(self.past[rows], self.guess[rows], self.target[rows], self.known[rows])

    def strips(
        self, *, validation: float, test: float, gap: int
    ) -> tuple["Nowcasts", "Nowcasts", "Nowcasts"]:
        """Three strips of columns from left to right: to train, to tune, and to judge by, with gaps between them.

        One weather situation is not cut in time: its frames resemble each other. Times overlap between the strips.

        Args:
            validation, test: Shares of the columns.
            gap: Columns left out between two strips.

        Raises:
            InputError: A strip would be narrower than 16 columns.
        """
        wide = self.past.shape[-1]
        held, tuned = round(wide * test), round(wide * validation)
        first, last = wide - held - tuned - 2 * gap, wide - held - gap
        if min(first, tuned, held) < 16:
            raise InputError(
                f"expected room for three strips of 16 columns and two gaps of {gap}, got {wide} columns"
            )
        ends = ((0, first), (last - tuned, last), (wide - held, wide))
        fields = (self.past, self.guess, self.target, self.known)
        left, middle, right = (Nowcasts(*(each[..., a:b] for each in fields)) for a, b in ends)
        return left, middle, right


def nowcasts(issues: Issues, *, threshold: float, every: int = 1) -> Nowcasts:
    """Each `every`-th time of issue for which the shortest lead is within the frames.

    Raises:
        InputError: There is none.
    """
    rate = issues.rain.rate
    rows = np.arange(0, len(issues) - min(issues.leads), every)
    if not len(rows):
        raise InputError(
            f"{issues.place}: expected more frames than the lags and a lead take, got {len(rate)}"
        )
    pieces = [issues.read(("past", "guess"), row, row + 1) for row in rows.tolist()]
    past, guess = (np.concatenate([piece[name] for piece in pieces]) for name in ("past", "guess"))
    later = issues.times[rows, None] + np.array(issues.leads)
    came = rate[np.minimum(later, len(rate) - 1)]
    known = np.isfinite(came) & (later < len(rate))[..., None, None]
    return Nowcasts(past, guess, (known & (came >= threshold)).astype(np.float32), known)


def open_issues(
    path: Path, *, coarse: int, lags: Sequence[float], leads: Sequence[float], pitch: float
) -> Issues:
    """Times of issue of a user's file, on the grid that a network was trained on.

    Args:
        path: See `mrms.read_rain`.
        coarse: Pixels of the file along each axis that are averaged.
        lags, leads: See `Issues`.
        pitch: Degrees a pixel of the training, after averaging.

    Raises:
        InputError: The file cannot be read, has too few frames or another grid.
    """
    rain = read_rain(path, coarse=coarse)
    if abs(rain.pitch - pitch) > 0.01 * pitch:
        raise InputError(
            f"{path}: expected the grid of the training, {pitch:g} degrees a pixel after averaging {coarse} by "
            f"{coarse}, got {rain.pitch:g}: put it on that grid first"
        )
    return Issues(rain, lags=lags, leads=leads, place=str(path))


def _frames(rain: Rain, minutes: Sequence[float], place: str) -> list[int]:
    """Minutes as numbers of frames."""
    frames = [round(each / rain.step) for each in minutes]
    if not np.allclose(np.array(frames) * rain.step, minutes, atol=0.01 * rain.step):
        wanted = ", ".join(f"{each:g}" for each in minutes)
        raise InputError(
            f"{place}: expected frames that meet {wanted} minutes, got one each {rain.step:g} minutes"
        )
    return frames
