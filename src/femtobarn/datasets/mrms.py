"""NOAA MRMS: rain rate from weather radars on a regular grid of latitude and longitude, a frame every two minutes.

`read_rain` takes NetCDF-4 (which is HDF5) of the layout of the public sample, `write_rain` writes it, `stand_in` makes
frames of showers that grow, drift and die.
"""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5 import OpenHdf5, opened_hdf5
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.errors import InputError
from femtobarn.simulate.convection import convection

NAME = "mrms_precip"
SUMMARY = "MRMS rain rate of the US radars, 2 minutes apart (NOAA; stand-in of drifting showers)"
RECORD = "NOAA MRMS PrecipRate, 2019-06-10 00:00 to 01:10 UTC, by way of pySTEPS/pysteps-data on GitHub"
LICENCE = "public domain (work of the US government)"
FILE = "mrms_preciprate_20190610.nc"
COLUMNS = (
    (
        "precip_rate",
        "rain rate, mm/h; negative, _FillValue or NaN where no radar sees",
        "(time, latitude, longitude)",
    ),
    ("time", "minutes since a time, or hours or seconds", "(time,)"),
    ("latitude", "degrees, evenly spaced", "(latitude,)"),
    ("longitude", "degrees, evenly spaced", "(longitude,)"),
)
_RATE = "precip_rate"
_UNITS = ("mm h-1", "mm/h", "mm/hr", "mm h**-1", "kg m-2 h-1")
_MINUTES = {"seconds": 1 / 60, "minutes": 1.0, "hours": 60.0}
_UNEVEN = 0.01  # share of a step by which a grid may be off, for numbers stored in single precision


class Rain(NamedTuple):
    """Frames of rain on a regular grid."""

    rate: Float32[np.ndarray, "frame row column"]
    """mm/h; NaN where it is not known."""
    minutes: Float64[np.ndarray, "frame"]
    """Of each frame."""
    latitude: Float64[np.ndarray, "row"]
    longitude: Float64[np.ndarray, "column"]

    @property
    def pitch(self) -> float:
        """Degrees from pixel to pixel, along either axis."""
        return abs(float(self.latitude[-1] - self.latitude[0])) / (len(self.latitude) - 1)

    @property
    def step(self) -> float:
        """Minutes from frame to frame."""
        return float(self.minutes[-1] - self.minutes[0]) / (len(self.minutes) - 1)


def published_file() -> Path | None:
    """The public sample where `FEMTOBARN_DATA` holds it."""
    folder = os.environ.get("FEMTOBARN_DATA")
    path = Path(folder or "") / NAME / FILE
    return path if folder and path.is_file() else None


def read_rain(path: str | Path, *, coarse: int = 1) -> Rain:
    """The frames of a file, with the mean over `coarse` by `coarse` pixels; one unknown pixel makes a mean unknown.

    Raises:
        InputError: Not NetCDF-4 or cut short, an array missing or of another shape, rain in another unit, or a
            grid or frames that are not evenly spaced.
    """
    path = Path(path)
    with opened_hdf5(path) as file:
        shape = file.shape(_RATE)
        sizes = {name: file.shape(name) for name in ("time", "latitude", "longitude")}
        if len(shape) != 3 or [*sizes.values()] != [(size,) for size in shape] or min(shape) < 2:
            raise InputError(
                f"{path}: expected {_RATE} (time, latitude, longitude) of two each or more, got {shape} for {sizes}"
            )
        about, when = _words(file.attributes(_RATE)), _words(file.attributes("time"))
        if coarse < 1 or min(shape[1:]) < 2 * coarse:
            raise InputError(f"{path}: expected room for two pixels of {coarse} by {coarse}, got {shape[1:]}")
        rate = np.stack([_coarser(_unpacked(path, file, about, frame), coarse) for frame in range(shape[0])])
        clock = re.match(r"(seconds|minutes|hours) since ", when.get("units", ""))
        if about.get("units", _UNITS[0]) not in _UNITS or clock is None:
            got = f"{about.get('units')!r} and {when.get('units')!r}"
            raise InputError(f"{path}: expected rain in mm/h and a time in minutes since a date, got {got}")
        axes = [file.read(name).astype(np.float64) for name in sizes]
    for name, axis in zip(sizes, axes, strict=True):
        _check_even(axis, f"{path}: {name}")
    minutes, latitude, longitude = axes
    pitches = abs(latitude[1] - latitude[0]), abs(longitude[1] - longitude[0])
    if abs(pitches[0] - pitches[1]) > _UNEVEN * max(pitches):
        raise InputError(
            f"{path}: expected as many degrees a pixel along both axes, got {pitches[0]:g}, {pitches[1]:g}"
        )
    latitude, longitude = (
        a[: a.size // coarse * coarse].reshape(-1, coarse).mean(axis=1) for a in (latitude, longitude)
    )
    return Rain(rate, minutes * _MINUTES[clock[1]], latitude, longitude)


def write_rain(path: str | Path, rain: Rain) -> None:
    """Write frames in the layout of the public sample, in steps of 0.1 mm/h."""
    packed = np.where(np.isfinite(rain.rate), np.rint(np.nan_to_num(rain.rate) * 10), 65535).astype(np.uint16)

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            data = file.create_dataset(_RATE, data=packed, chunks=(1, *packed.shape[1:]), compression="gzip")
            data.attrs.update({"scale_factor": 0.1, "_FillValue": np.uint16(65535), "units": "mm h-1"})
            file.create_dataset("time", data=rain.minutes).attrs["units"] = (
                "minutes since 2000-01-01 00:00:00"
            )
            for name, axis in (("latitude", rain.latitude), ("longitude", rain.longitude)):
                file[name] = axis

    write_whole(Path(path), write)


def stand_in(
    frames: int, shape: tuple[int, int], *, seed: int, step: float = 2.0, pitch: float = 0.02
) -> Rain:
    """Rain of showers that are born, drift with the wind and die; see `femtobarn.simulate.convection`.

    Args:
        frames, shape: Number of frames, rows and columns.
        seed: Of the sample.
        step: Minutes from frame to frame.
        pitch: Degrees from pixel to pixel; one of 0.02 counts as 2 km.
    """
    draw = np.random.default_rng(seed)
    rate = convection(frames, shape, minutes=step, pixel=100 * pitch, generator=draw).rate
    latitude, longitude = (pitch * np.arange(size) for size in shape)
    return Rain(rate, step * np.arange(frames), 40 - latitude, longitude - 90)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", f"licence: {LICENCE}", "", f"{'array':12} what"]
    return "\n".join(lines + [f"{name:12} {shape}: {what}" for name, what, shape in COLUMNS])


def _words(attributes: Any) -> dict[str, Any]:
    """Attributes as plain numbers and text; NetCDF stores each as an array of one, or as bytes."""
    found: dict[str, Any] = {}
    for name in ("units", "scale_factor", "add_offset", "_FillValue"):
        if name in attributes:
            value = np.ravel(attributes[name])[0]
            found[name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return found


def _unpacked(
    path: Path, file: OpenHdf5, about: dict[str, Any], frame: int
) -> Float32[np.ndarray, "row column"]:
    """A frame in mm/h, NaN where it is not known."""
    stored = file.read(_RATE, frame, frame + 1)[0]
    scale, offset = (
        about.get(name, default) for name, default in (("scale_factor", 1.0), ("add_offset", 0.0))
    )
    if not all(isinstance(each, int | float | np.number) and np.isfinite(each) for each in (scale, offset)):
        raise InputError(
            f"{path}: expected numbers as scale_factor and add_offset, got {scale!r} and {offset!r}"
        )
    with np.errstate(all="ignore"):
        rate = stored.astype(np.float32) * np.float32(scale) + np.float32(offset)
        unknown = ~np.isfinite(rate) | (rate < 0)  # MRMS: -1 is missing, -3 without coverage
    if isinstance(about.get("_FillValue"), np.number):
        unknown |= stored == about["_FillValue"]
    return np.where(unknown, np.float32(np.nan), rate)


def _check_even(axis: np.ndarray, place: str) -> None:
    steps = np.diff(axis)
    mean = steps.mean()
    if not np.isfinite(axis).all() or mean == 0 or (abs(steps - mean) > _UNEVEN * abs(mean)).any():
        got = ", ".join(f"{value:g}" for value in axis[:4])
        raise InputError(
            f"{place}: expected evenly spaced numbers, got {got} ...: put it on a regular grid first"
        )


def _coarser(frame: Float32[np.ndarray, "row column"], coarse: int) -> Float32[np.ndarray, "rows columns"]:
    rows, columns = (size // coarse for size in frame.shape)
    blocks = frame[: rows * coarse, : columns * coarse].reshape(rows, coarse, columns, coarse)
    return blocks.mean(axis=(1, 3))
