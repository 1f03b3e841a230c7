"""Strain of gravitational-wave detectors as the Gravitational Wave Open Science Center publishes it, in HDF5.

A file holds one detector: the strain, and for every second a mask of what is known of its quality. Where there are
no data the strain is NaN.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from femtobarn.data.atomic import write_whole
from femtobarn.data.hdf5 import OpenHdf5, opened_hdf5
from femtobarn.data.source import check_unique
from femtobarn.errors import InputError, nearest

NAME = "gw_strain"
SUMMARY = "strain of H1 and L1 around GW150914 and LVT151012 (stand-in: noise of the design, femtobarn.simulate.strain)"
RECORD = "gwosc.org, doi:10.7935/K5MW2F23; 32 s at 4096 Hz as in github.com/losc-tutorial/LOSC_Event_tutorial"
#: Name, unit, what it is, in the file.
COLUMNS = (
    ("strain", "", "change of the arm length over the arm length", "strain/Strain"),
    ("start", "s", "GPS time of the first sample", "meta/GPSstart; strain/Strain, Xstart"),
    ("rate", "Hz", "samples a second", "strain/Strain, 1 / Xspacing"),
    ("quality", "", "a mask for every second, a bit for each flag", "quality/simple/DQmask"),
    ("flags", "", "names of the bits, the lowest first", "quality/simple/DQShortnames"),
    ("detector", "", "H1, L1, V1 ...", "meta/Detector"),
)
#: GPS times of the mergers, as in BBH_events_v3.json of the tutorial.
EVENTS = {"GW150914": 1126259462.44, "LVT151012": 1128678900.44}
_FLAGS = ("DATA", "CBC_CAT1", "CBC_CAT2", "CBC_CAT3", "BURST_CAT1", "BURST_CAT2", "BURST_CAT3")
_STRAIN, _MASK, _NAMES = "strain/Strain", "quality/simple/DQmask", "quality/simple/DQShortnames"


class StrainFile(NamedTuple):
    """What one file holds."""

    detector: str
    start: float
    """GPS time of the first sample, s."""
    rate: float
    """Hz."""
    strain: Float64[np.ndarray, "sample"]
    """NaN where there are no data."""
    quality: Integer[np.ndarray, "second"]
    """A bit for each flag; a bit that is set is good."""
    flags: tuple[str, ...]

    @property
    def duration(self) -> float:
        """In s."""
        return len(self.strain) / self.rate


def read_strain(path: str | Path) -> StrainFile:
    """The strain of one file, all of it.

    Raises:
        InputError: No such file, another layout, a file that is cut short, or times and lengths that contradict
            each other.
    """
    place = Path(path)
    with opened_hdf5(place) as file:
        strain = file.read(_STRAIN) if len(file.shape(_STRAIN)) == 1 else np.zeros(0)
        attributes = file.attributes(_STRAIN)
        spacing, begin = (_attribute(place, attributes, name) for name in ("Xspacing", "Xstart"))
        start, duration = (_number(file, f"meta/{name}") for name in ("GPSstart", "Duration"))
        detector = _word(file, "meta/Detector")
        quality, flags = file.read(_MASK), tuple(file.texts(_NAMES))
        bits = file.attributes(_MASK).get("Bits", len(flags))
    if not (np.isfinite(spacing) and spacing > 0):
        raise InputError(f"{place}: expected a time between samples (Xspacing) above 0 s, got {spacing:g}")
    rate = 1 / spacing
    if strain.dtype.kind != "f" or not len(strain) or abs(len(strain) - duration * rate) > 1e-3:
        raise InputError(
            f"{place}: expected {duration:g} s of strain at {rate:g} Hz as real numbers in a row, got "
            f"{len(strain)} of {strain.dtype}: is the file complete?"
        )
    if start != begin:
        raise InputError(f"{place}: the file begins at GPS {start:.0f} s, its strain at {begin:.0f} s")
    if quality.dtype.kind not in "iu" or quality.shape != (round(duration),):
        raise InputError(
            f"{place}: expected a mask of whole numbers for each of {duration:g} s, got {quality.dtype} {quality.shape}"
        )
    check_unique(flags, f"{place}: {_NAMES}")
    if len(flags) != bits or "DATA" not in flags:
        raise InputError(
            f"{place}: expected the names of {bits} flags, DATA among them, got {', '.join(flags)}"
        )
    if np.isinf(strain).any():
        where = start + float(np.argmax(np.isinf(strain))) / rate
        raise InputError(f"{place}: the strain at GPS {where:.4f} s is infinite")
    return StrainFile(detector, start, rate, strain.astype(np.float64), quality, flags)


def good(file: StrainFile, *, flags: Sequence[str] = ("DATA",)) -> Bool[np.ndarray, "sample"]:
    """Whether each sample is there and lies in a second with all these flags.

    Raises:
        InputError: The file does not know a flag.
    """
    for name in flags:
        if name not in file.flags:
            raise InputError(
                f"{file.detector} at GPS {file.start:.0f} s: no flag {name!r}: {nearest(name, file.flags)}"
            )
    wanted = sum(1 << file.flags.index(name) for name in set(flags))
    second = (np.arange(len(file.strain)) / file.rate).astype(np.int64)
    each: np.ndarray = (file.quality.astype(np.int64) & wanted) == wanted
    return each[np.minimum(second, len(each) - 1)] & np.isfinite(file.strain)


def stretches(kept: Bool[np.ndarray, "sample"], *, least: int = 1) -> list[slice]:
    """Where samples in a row are kept, at least so many."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], kept, [False]))))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= least]


def write_strain(
    path: str | Path,
    strain: Float[np.ndarray, "sample"],
    *,
    detector: str,
    start: int,
    rate: int,
    quality: Integer[np.ndarray, "second"] | None = None,
) -> None:
    """Write a file in the layout of the published ones.

    Args:
        path: To write.
        strain: Whole seconds of it; NaN where there are no data.
        detector: Such as H1.
        start: GPS time of the first sample, s.
        rate: Samples a second, Hz.
        quality: Mask for every second, by default all seven flags where the strain is there.

    Raises:
        InputError: Parts of a second, a mask of another length, or the file cannot be written.
    """
    seconds, rest = divmod(len(strain), rate)
    if rest or not seconds:
        raise InputError(f"expected whole seconds of strain at {rate} Hz, got {len(strain)} samples")
    if quality is None:
        there = np.isfinite(strain).reshape(seconds, rate).all(axis=1)
        quality = np.where(there, (1 << len(_FLAGS)) - 1, 0)
    if len(quality) != seconds:
        raise InputError(f"expected a mask for each of {seconds} s, got {len(quality)}")

    def write(unfinished: Path) -> None:
        with h5py.File(unfinished, "w") as file:
            file["meta/Detector"], file["meta/Observatory"] = detector, detector[0]
            file["meta/GPSstart"], file["meta/Duration"] = start, seconds
            file[_STRAIN] = np.asarray(strain, np.float64)
            file[_STRAIN].attrs.update(Npoints=len(strain), Xspacing=1 / rate, Xstart=start, Xunits="second")
            file[_MASK] = quality.astype(np.uint32)
            file[_MASK].attrs.update(Bits=len(_FLAGS), Xspacing=1.0, Xstart=start)
            file[_NAMES] = np.array(_FLAGS, "S")

    try:
        write_whole(Path(path), write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def published_folder() -> Path | None:
    """Folder ``gw_strain`` in that which FEMTOBARN_DATA names; None if it is not there."""
    root = os.environ.get("FEMTOBARN_DATA")
    folder = Path(root) / NAME if root else None
    return folder if folder and folder.is_dir() else None


def published_pairs(folder: Path) -> dict[str, tuple[StrainFile, StrainFile]]:
    """H1 and L1 around each event of `EVENTS` of which the folder holds both files.

    Raises:
        InputError: A file cannot be read.
    """
    files = [read_strain(path) for path in sorted(folder.glob("*.hdf5"))]
    found = {}
    for event, time in EVENTS.items():
        there = {f.detector: f for f in files if f.start <= time < f.start + f.duration}
        if {"H1", "L1"} <= there.keys():
            found[event] = (there["H1"], there["L1"])
    return found


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns with their units."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':8} {'unit':4} {'from':38} what"]
    lines += [f"{name:8} {unit:4} {source:38} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _attribute(path: Path, attributes: Any, name: str) -> float:
    value = np.asarray(attributes.get(name, "none"))
    if value.shape != () or value.dtype.kind not in "fiu":
        raise InputError(f"{path}: expected the number {name} beside {_STRAIN}, got {value}")
    return float(value)


def _number(file: OpenHdf5, name: str) -> float:
    item = file.dataset(name)
    if item.shape != () or item.dtype.kind not in "fiu":
        raise InputError(f"{file.path}: expected one number in {name}, got {item.dtype} {item.shape}")
    return float(item[()])


def _word(file: OpenHdf5, name: str) -> str:
    item = file.dataset(name)
    if item.shape != () or h5py.check_string_dtype(item.dtype) is None:
        raise InputError(f"{file.path}: expected one word in {name}, got {item.dtype} {item.shape}")
    word = str(item.asstr(errors="replace")[()])
    if not re.fullmatch(r"[A-Z][0-9]", word):
        raise InputError(f"{file.path}: expected a detector such as H1 in {name}, got {word!r}")
    return word
