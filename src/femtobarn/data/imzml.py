"""Mass-spectrometry images in imzML: an image for each m/z, from all spectra in one pass.

A ``.imzML`` file says where the spectra of each pixel lie in the ``.ibd`` file of the same name; both are needed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from femtobarn.data.image_stack import ImageStack
from femtobarn.data.opening import check_file, check_memory, reading
from femtobarn.errors import InputError, require

ENDING = ".imzml"  #: in small letters
_LEVELS = 256  # of the histogram that Otsu's threshold is found in


@dataclass(frozen=True)
class Cube:
    """How images are made of spectra."""

    ppm: float = 10.0
    """Half the window around an m/z, in parts per million."""
    inside: Literal["sum", "max"] = "sum"
    """What counts of the intensities in the window."""
    per: Literal["nothing", "TIC", "median"] = "nothing"
    """What each spectrum is divided by: its sum, or the median of its intensities; the mean over the pixels stays."""
    signal_to_noise: float = 3.0
    """Mean intensity of a peak over the median of all windows, where no m/z are given."""
    present: float = 0.01
    """Share of the pixels in which a peak has to be, where no m/z are given."""
    tissue: Literal["Otsu", "all"] = "Otsu"
    """Pixels inside: those whose summed intensity is above Otsu's threshold, or all that were measured."""

    def __post_init__(self) -> None:
        if not 0 < self.ppm < 1e5 or not self.signal_to_noise >= 0 or not 0 <= self.present <= 1:
            raise InputError(f"expected ppm and a signal-to-noise above 0 and a share in [0, 1]: got {self}")


class _Spectrum(NamedTuple):
    pixel: tuple[int, int]
    mz: Float64[np.ndarray, "peak"]
    intensity: Float64[np.ndarray, "peak"]


def read_imzml(path: str | Path, settings: Cube | None = None, *, mz: Sequence[float] = ()) -> ImageStack:
    """An image for each m/z, named by it; pixels that were not measured are outside.

    Args:
        path: Of the ``.imzML`` file.
        settings: See `Cube`.
        mz: Centres of the windows; without any, the peaks of the mean spectrum.

    Raises:
        MissingExtraError: pyimzml is not installed.
        InputError: One of the files is missing or damaged, pixels come twice or in several planes, or no peak is found.
    """
    path, settings = Path(path), settings or Cube()
    with _opened(path) as parser:
        place = _pixels(path, parser.coordinates)
        centres = np.sort(np.asarray(mz, float)) if len(mz) else _peaks(path, parser, place, settings)
        if not (np.isfinite(centres).all() and (centres > 0).all()):
            raise InputError(f"expected m/z above 0, got {centres.min():g}")
        shape = tuple(int(each) + 1 for each in place.max(axis=0))
        check_memory(4 * len(centres) * shape[0] * shape[1], str(path))
        cube, total, divisor = (np.zeros(each) for each in ((*shape, len(centres)), shape, shape))
        edges = centres * (1 - 1e-6 * settings.ppm), centres * (1 + 1e-6 * settings.ppm)
        for each in _spectra(path, parser, place):
            cube[each.pixel] = _windows(each, *edges, largest=settings.inside == "max")
            total[each.pixel] = each.intensity.sum()
            positive = each.intensity[each.intensity > 0]
            divisor[each.pixel] = np.median(positive) if settings.per == "median" and len(positive) else 0
    measured = np.zeros(shape, bool)
    measured[tuple(place.T)] = True
    if settings.per != "nothing":
        divisor = total if settings.per == "TIC" else divisor
        cube *= np.where(divisor > 0, divisor[divisor > 0].mean() / np.where(divisor > 0, divisor, 1), 0)[
            ..., None
        ]
    inside = measured & (total > otsu(total[measured])) if settings.tissue == "Otsu" else measured
    images = np.ascontiguousarray(cube.transpose(2, 0, 1), np.float32)
    return ImageStack(images, inside if inside.any() else measured, [f"{each:.4f}" for each in centres])


def otsu(values: Float[np.ndarray, "_"]) -> float:
    """The threshold between two groups of values that leaves the least variance within them (Otsu 1979)."""
    count, edges = np.histogram(values, _LEVELS)
    centre, below = (edges[1:] + edges[:-1]) / 2, np.cumsum(count)[:-1]
    total = np.cumsum(count * centre)
    above = len(values) - below
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (total[:-1] / below - (total[-1] - total[:-1]) / above) ** 2
    return float(edges[1:-1][np.nan_to_num(between).argmax()])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    check_file(path)
    if path.suffix.lower() != ENDING:
        raise InputError(f"{path}: expected a file that ends in .imzML")
    other = [
        each for each in path.parent.iterdir() if each.suffix.lower() == ".ibd" and each.stem == path.stem
    ]
    if not other:
        raise InputError(
            f"{path.with_suffix('.ibd')}: no such file; it holds the spectra of {path.name}: put it beside it"
        )
    check_file(other[0])
    parser = require("pyimzml.ImzMLParser", extra="imaging")
    with other[0].open("rb") as spectra:
        with reading(path, "imzML"):
            found = parser.ImzMLParser(str(path), parse_lib="ElementTree", ibd_file=spectra)
        yield found


def _pixels(path: Path, coordinates: Sequence[tuple[int, int, int]]) -> Int[np.ndarray, "spectrum 2"]:
    """Row and column of each spectrum, from 0."""
    every = np.array(coordinates, int).reshape(-1, 3)
    if not len(every) or len(np.unique(every, axis=0)) < len(every) or len(np.unique(every[:, 2])) > 1:
        raise InputError(
            f"{path}: expected one spectrum for each pixel of one plane, got {len(every)} spectra"
        )
    place = every[:, 1::-1] - every[:, 1::-1].min(axis=0)
    size = place.max(axis=0) + 1
    check_memory(8 * int(size[0]) * int(size[1]), str(path))
    return place


def _spectra(path: Path, parser: Any, place: np.ndarray) -> Iterator[_Spectrum]:
    """All spectra in the order of the file, with ascending m/z."""
    for number, (row, column) in enumerate(place.tolist()):
        with reading(path.with_suffix(".ibd"), "imzML"):
            lengths = parser.mzLengths[number], parser.intensityLengths[number]
            check_memory(8 * max(lengths), str(path))
            mz, intensity = (np.asarray(each, float) for each in parser.getspectrum(number))
        if (len(mz), len(intensity)) != lengths or len(mz) != len(intensity):
            raise InputError(
                f"{path.with_suffix('.ibd')}: spectrum {number} has {len(mz)} m/z and {len(intensity)} intensities, "
                f"expected {lengths[0]} and {lengths[1]}: is it cut short?"
            )
        if not (np.isfinite(mz).all() and np.isfinite(intensity).all()) or intensity.min(initial=0) < 0:
            raise InputError(f"{path}: spectrum {number} holds numbers that are negative or not finite")
        order = np.argsort(mz, kind="stable")
        yield _Spectrum((row, column), mz[order], intensity[order])


def _windows(
    spectrum: _Spectrum, low: np.ndarray, high: np.ndarray, *, largest: bool
) -> Float[np.ndarray, "window"]:
    """Sum or maximum of the intensities in each closed window."""
    first, last = np.searchsorted(spectrum.mz, low), np.searchsorted(spectrum.mz, high, side="right")
    some = last > first
    ends = np.stack((first[some], last[some]), axis=1).ravel()
    padded = np.append(spectrum.intensity, 0.0)  # a window may end at the end
    found, combine = np.zeros(len(low)), np.maximum if largest else np.add
    if len(ends):
        found[some] = combine.reduceat(padded, ends)[::2]
    return found


def _peaks(path: Path, parser: Any, place: np.ndarray, settings: Cube) -> Float64[np.ndarray, "peak"]:
    """m/z of the local maxima of the mean spectrum, in bins of the width of a window, that pass both cuts."""
    width = np.log1p(2e-6 * settings.ppm)
    sums: dict[int, np.ndarray] = {}
    for each in _spectra(path, parser, place):
        positive = each.intensity > 0
        bins = np.floor(np.log(np.maximum(each.mz[positive], 1e-9)) / width).astype(int)
        for number in np.unique(bins).tolist():
            own = bins == number
            weight = each.intensity[positive][own]
            row = np.array([weight.sum(), (weight * each.mz[positive][own]).sum(), 1.0])
            sums[number] = sums.get(number, 0.0) + row
    kept = _maxima(sums, settings, len(place))
    if not len(kept):
        raise InputError(
            f"{path}: no peak passes a signal-to-noise of {settings.signal_to_noise:g} in {settings.present:g} of the "
            "pixels: lower them or give the m/z"
        )
    return np.sort(kept)


def _maxima(sums: dict[int, np.ndarray], settings: Cube, pixels: int) -> Float64[np.ndarray, "peak"]:
    noise = float(np.median([each[0] for each in sums.values()])) if len(sums) > 10 else 0.0
    found = []
    for number, (intensity, moment, seen) in sums.items():
        around = [sums[beside][0] for beside in (number - 1, number + 1) if beside in sums]
        highest = all(intensity > each for each in around)
        if highest and intensity >= settings.signal_to_noise * noise and seen >= settings.present * pixels:
            found.append(moment / intensity)
    return np.array(found)
