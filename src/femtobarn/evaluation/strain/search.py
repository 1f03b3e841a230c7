"""Real strain of two detectors made ready to be searched: resampled, whitened, without gaps, cut into events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from femtobarn.datasets.gwosc import StrainFile, good, stretches
from femtobarn.errors import InputError
from femtobarn.physics.whitening import power_spectral_density, whiten, whitening_filter


@dataclass(frozen=True)
class Preparation:
    """How strain of a file is prepared."""

    rate: int = 1024
    """Samples a second after resampling."""
    band: tuple[float, float] = (35.0, 350.0)
    """Frequencies that are kept, Hz. The calibration lines of the first observing run stand at 35 to 37 Hz in L1."""
    filter: float = 4.0
    """Duration of the whitening filter and of the pieces a spectrum is estimated from, s."""
    flags: tuple[str, ...] = ("DATA",)
    """Flags of data quality that each second must have."""


class Stretch(NamedTuple):
    """Whitened strain in a row, in which all detectors are good."""

    start: float
    """GPS time of the first sample, s."""
    rate: int
    strain: Float64[np.ndarray, "detector sample"]
    taps: tuple[Float64[np.ndarray, "tap"], ...]
    """Whitening filter of each detector."""
    frequency: Float64[np.ndarray, "frequency"]
    density: Float64[np.ndarray, "detector frequency"]
    """Estimated power spectral density, 1/Hz."""

    def densities(self, frequency: Float[np.ndarray, "_"]) -> Float64[np.ndarray, "detector _"]:
        """The estimated densities at other frequencies."""
        return np.stack([np.interp(frequency, self.frequency, each) for each in self.density])


def prepared(files: Sequence[StrainFile], settings: Preparation) -> list[Stretch]:
    """Whitened strain of detectors over the time that all have in common, a stretch between gaps each.

    The spectrum is the median of the same stretch: an event in it biases the estimate a little, whatever lasts longer
    than half of the stretch is taken for noise. The first and the last half of the filter's length of a stretch are
    lost; stretches of less than twice the filter are left out.

    Args:
        files: One of each detector.
        settings: See `Preparation`.

    Raises:
        InputError: Detectors or rates that do not fit, no common time, or no stretch that is long enough.
    """
    names = ", ".join(file.detector for file in files)
    if not files or len({file.detector for file in files}) != len(files):
        raise InputError(f"expected strain of different detectors, got {names or 'none'}")
    for file in files:
        if file.rate % settings.rate:
            raise InputError(
                f"{file.detector}: expected a rate that is a multiple of {settings.rate} Hz, got {file.rate:g}"
            )
    start = max(file.start for file in files)
    stop = min(file.start + file.duration for file in files)
    kept = np.ones(max(round((stop - start) * settings.rate), 0), bool)
    rows = []
    for file in files:
        first = round((start - file.start) * file.rate)
        every = round(file.rate) // settings.rate
        part = slice(first, first + len(kept) * every)
        usable = good(file, flags=settings.flags)[part]
        kept &= usable.reshape(-1, every).all(axis=1)
        rows.append((file.strain[part], every))
    least = 2 * round(settings.filter * settings.rate)
    found = [_stretch(rows, cut, start, settings) for cut in stretches(kept, least=least)]
    if not found:
        raise InputError(
            f"{names} from GPS {start:.0f} s on: expected at least {2 * settings.filter:g} s in a row with "
            f"{' and '.join(settings.flags)} in all detectors, got {int(kept.sum()) / settings.rate:g} s in all"
        )
    return found


def _stretch(
    rows: Sequence[tuple[np.ndarray, int]], cut: slice, start: float, settings: Preparation
) -> Stretch:
    from scipy.signal import resample_poly

    rate = float(settings.rate)
    # Strain of 1e-21 is scaled, since filters may look at its square; the mean is no wave.
    raw = [strain[cut.start * every : cut.stop * every] for strain, every in rows]
    slow = np.stack(
        [
            resample_poly((each - each.mean()) * 1e20, 1, every) * 1e-20
            for each, (_, every) in zip(raw, rows, strict=True)
        ]
    )
    frequency, density = power_spectral_density(slow, rate=rate, segment=settings.filter)
    taps = tuple(
        whitening_filter(frequency, each, rate=rate, band=settings.band, duration=settings.filter)
        for each in density
    )
    white = np.stack([whiten(each, filter_) for each, filter_ in zip(slow, taps, strict=True)])
    begin = start + (cut.start + len(taps[0]) // 2) / rate
    return Stretch(begin, settings.rate, white, taps, frequency, density)


class Cuts(NamedTuple):
    """Whitened strain in events of equal length."""

    time: Float64[np.ndarray, "event"]
    """GPS time of the first sample of each, s."""
    strain: Float32[np.ndarray, "event detector sample"]

    def take(self, rows: Bool[np.ndarray, "event"]) -> "Cuts":
        """These events."""
        return Cuts(self.time[rows], self.strain[rows])


def cut_events(pieces: Sequence[Stretch], *, duration: float, step: float) -> Cuts:
    """Events that begin every `step` seconds of each stretch; none reaches over a gap.

    Raises:
        InputError: No stretch is as long as an event.
    """
    times, strains = [], []
    for piece in pieces:
        length, hop = round(duration * piece.rate), round(step * piece.rate)
        first = np.arange(0, piece.strain.shape[1] - length + 1, hop)
        if len(first):
            rows = first[:, None] + np.arange(length)
            strains.append(piece.strain[:, rows].swapaxes(0, 1).astype(np.float32))
            times.append(piece.start + first / piece.rate)
    if not times:
        raise InputError(f"expected strain of at least {duration:g} s in a row after whitening, got less")
    return Cuts(np.concatenate(times), np.concatenate(strains))


def slid(strain: Float[np.ndarray, "event 2 sample"], slide: int) -> Float[np.ndarray, "event 2 sample"]:
    """Each event of the first detector with that of the second so many events later, around the end."""
    return np.stack((strain[:, 0], np.roll(strain[:, 1], -slide, axis=0)), axis=1)
