"""Rain showers that are born anywhere, drift with a smooth wind, grow and die: frames of a weather radar.

A formula, not a model of the atmosphere. Its point is what limits a forecast: showers born after the time of issue
cannot be known, and `Convection.age` says which pixels are theirs.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from femtobarn.errors import InputError

_LIFE = (30.0, 60.0)  # minutes from the first drop to the last
_RADIUS = (4.0, 12.0)  # km, standard deviation of a shower
_PEAK = (math.log(18.0), 0.6)  # of the logarithm of the strongest rain, mm/h
_WIND = 40.0  # km/h, of the mean wind and of its two waves together
_REACH = 3.5  # standard deviations up to which a shower is drawn


class Convection(NamedTuple):
    """Frames of rain, and how long ago the shower began that rains most in each pixel."""

    rate: Float32[np.ndarray, "frame row column"]
    """mm/h."""
    age: Float32[np.ndarray, "frame row column"]
    """Minutes; infinite without rain."""


def convection(
    frames: int,
    shape: tuple[int, int],
    *,
    minutes: float = 2.0,
    pixel: float = 2.0,
    births: float = 2.5e-6,
    generator: np.random.Generator,
) -> Convection:
    """Frames of showers; births are a Poisson process in space and time, also before the first frame and outside.

    A shower is a Gaussian in space, of 4 to 12 km, whose rain follows a Gaussian in time over a life of 30 to 60
    minutes, with a log-normal peak. The wind is a mean and two random waves over the map.

    Args:
        frames, shape: Number of frames, rows and columns.
        minutes: From frame to frame.
        pixel: Km a side.
        births: Showers a minute and km^2.
        generator: Of the births and of the wind.

    Raises:
        InputError: No frames, pixels or showers asked for.
    """
    if frames < 1 or min(shape) < 1 or not min(minutes, pixel, births) > 0:
        got = f"{frames}, {shape}, {minutes:g}, {pixel:g}, {births:g}"
        raise InputError(f"expected frames, pixels, steps and births above 0: got {got}")
    margin = _RADIUS[1] * _REACH + _WIND  # what blows in during an hour
    size = np.array(shape) * pixel
    span = (frames - 1) * minutes + _LIFE[1]
    count = generator.poisson(births * math.prod(size + 2 * margin) * span)
    born = generator.uniform(-_LIFE[1], (frames - 1) * minutes, count)
    place = generator.uniform(-margin, size + margin, (count, 2))
    life, radius = generator.uniform(*_LIFE, count), generator.uniform(*_RADIUS, count)
    peak = generator.lognormal(*_PEAK, count)
    wind = _wind(size, generator)
    rate = np.zeros((frames, *shape), np.float32)
    most = np.zeros_like(rate)
    age = np.full_like(rate, np.inf)
    for frame in range(frames):
        since = frame * minutes - born
        for one in np.flatnonzero((since > 0) & (since < life)):
            strength = peak[one] * math.exp(-0.5 * ((since[one] / life[one] - 0.5) * 4) ** 2)
            centre = (place[one] + wind(place[one]) * since[one] / 60) / pixel
            _add(rate[frame], most[frame], age[frame], centre, radius[one] / pixel, strength, since[one])
    return Convection(rate, age)


def unpredictable(age: Float32[np.ndarray, "row column"], event: np.ndarray, *, lead: float) -> float:
    """Share of the event pixels that belong to showers born within the lead, which no forecast can find."""
    return float((age[event] < lead).mean()) if event.any() else math.nan


def _wind(size: np.ndarray, generator: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    mean = generator.normal(0, _WIND / 2, 2)
    waves = generator.uniform(0.5, 1.5, (2, 2)) * 2 * math.pi / size
    phase, amplitude = generator.uniform(0, 2 * math.pi, 2), generator.normal(0, _WIND / 6, (2, 2))

    def wind(place: np.ndarray) -> np.ndarray:
        """Km/h, at a place."""
        return mean + np.sin(waves @ place + phase) @ amplitude

    return wind


def _add(
    rate: np.ndarray,
    most: np.ndarray,
    age: np.ndarray,
    centre: np.ndarray,
    radius: float,
    strength: float,
    since: float,
) -> None:
    """Add one shower to a frame, in place."""
    low = np.maximum(np.floor(centre - _REACH * radius), 0).astype(int)
    high = np.minimum(np.ceil(centre + _REACH * radius) + 1, rate.shape).astype(int)
    if (low >= high).any():
        return
    rows, columns = (
        np.exp(-0.5 * ((np.arange(a, b) - c) / radius) ** 2)
        for a, b, c in zip(low, high, centre, strict=True)
    )
    here = slice(low[0], high[0]), slice(low[1], high[1])
    rain = (strength * np.outer(rows, columns)).astype(np.float32)
    rate[here] += rain
    stronger = rain > np.maximum(most[here], 0.1)
    age[here] = np.where(stronger, since, age[here])
    most[here] = np.maximum(most[here], rain)
