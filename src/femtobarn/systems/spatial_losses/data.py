"""Maps to train on, to tune with and to judge by: rain cut in strips of one region, or showers behind tracks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from femtobarn.datasets import mrms
from femtobarn.errors import InputError
from femtobarn.evaluation.maps.nowcasting import Issues, Nowcasts, nowcasts
from femtobarn.runs import Provenance
from femtobarn.simulate.footprints import CELL, THRESHOLD, Footprints, footprints, known_maps, mean_footprint
from femtobarn.study import Split, check_shares, cut

PERSISTENCE, MOTION, FOOTPRINT = "persistence", "motion", "mean footprint"


@dataclass(frozen=True)
class Data:
    """Which maps a run works on."""

    problem: Literal["rain", "showers"] = "rain"
    """Nowcasting of heavy rain; or the cells that the shower of a track touches."""
    files: tuple[Path, ...] = ()
    """NetCDF-4 of rain, one stretch of time; see femtobarn data mrms."""
    public: bool = True
    """Without files: the public sample, where FEMTOBARN_DATA holds it; else, or if false, a stand-in."""
    coarse: int = 2
    """Pixels of a file along each axis that are averaged."""
    leads: tuple[float, ...] = (10, 20, 40)
    """Minutes from the time of issue to that of the prediction."""
    lags: tuple[float, ...] = (12, 6, 0)
    """Minutes before the time of issue of the known frames, the last 0; motion is that of the first and last."""
    every: int = 2
    """Frames from one time of issue to the next."""
    threshold: float = 10.0
    """Rain from which on it is an event, mm/h."""
    size: tuple[int, int, int] = (36, 256, 384)
    """Frames, rows and columns of the stand-in of rain."""
    showers: int = 1500
    """Events of the showers."""
    gap: int = 32
    """Columns left out between the strips."""
    validation: float = 0.125
    """Share of the columns, or of the showers, by which settings are chosen."""
    test: float = 0.25
    """Share of the columns, or of the showers, kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if not self.leads or min(self.leads) <= 0 or list(self.lags) != sorted(self.lags, reverse=True):
            raise InputError(
                f"expected leads above 0 and lags that fall to 0, got {self.leads} and {self.lags}"
            )
        if len(self.lags) < 2 or self.lags[-1] != 0 or min(self.every, self.threshold, self.gap + 1) <= 0:
            raise InputError(f"expected two lags that end with 0, a threshold and steps above 0: got {self}")


@dataclass(frozen=True)
class Problem(Split[Nowcasts]):
    """Three samples of maps, and what their numbers mean."""

    leads: tuple[str, ...]
    """Names of the predicted maps."""
    threshold: float
    """From which on it is an event, in the unit of the first guess."""
    pitch: float
    """From pixel to pixel, in `unit`."""
    unit: str
    mean: Float32[np.ndarray, "row column"] | None = None
    """The mean footprint, of showers."""

    def baselines(self, maps: Nowcasts) -> dict[str, Float32[np.ndarray, "issue lead row column"]]:
        """Yes or no without training, by name; the last is the best that there is."""
        moved = (maps.guess >= self.threshold).astype(np.float32)
        if self.mean is not None:
            return {FOOTPRINT: moved}
        last = np.broadcast_to(maps.past[:, -1:] >= self.threshold, maps.guess.shape)
        return {PERSISTENCE: last.astype(np.float32), MOTION: moved}


def load_maps(settings: Data, *, seed: int) -> Problem:
    """The maps of a run.

    Raises:
        InputError: A file cannot be read, or is too small for three strips and all leads.
    """
    if settings.problem == "showers":
        return _showers(settings, seed)
    if len(settings.files) > 1:
        raise InputError(
            f"expected one file of rain to train on, got {len(settings.files)}: join them in time first"
        )
    path = settings.files[0] if settings.files else mrms.published_file() if settings.public else None
    if path:
        rain = mrms.read_rain(path, coarse=settings.coarse)
        provenance = Provenance.of_files("own rain" if settings.files else mrms.NAME, [path])
    else:
        frames, *shape = settings.size
        rain = mrms.stand_in(frames, (shape[0], shape[1]), seed=seed)
        content = {"size": list(settings.size), "seed": seed}
        provenance = Provenance("stand-in", mrms.NAME, "showers that drift, from formulas", generator=content)
    issues = Issues(rain, lags=settings.lags, leads=settings.leads, place=str(path or "the stand-in"))
    maps = nowcasts(issues, threshold=settings.threshold, every=settings.every)
    strips = maps.strips(validation=settings.validation, test=settings.test, gap=settings.gap)
    leads = tuple(f"{lead:g} min" for lead in settings.leads)
    return Problem(*strips, provenance, leads, settings.threshold, rain.pitch, "degree")


def _showers(settings: Data, seed: int) -> Problem:
    made = footprints(settings.showers, generator=np.random.default_rng(seed))
    content = {"showers": settings.showers, "seed": seed}
    provenance = Provenance("stand-in", "footprints", "hadron showers from formulas", generator=content)
    target = (made.shower >= THRESHOLD)[:, None].astype(np.float32)
    raw = Nowcasts(np.stack(made, axis=1), target, target, np.ones(target.shape, bool))  # no guess as yet
    split = cut(
        raw, provenance, validation=settings.validation, test=settings.test, seed=seed, what="showers"
    )
    mean = mean_footprint(Footprints(*split.train.past.swapaxes(0, 1))).astype(np.float32)
    train, validation, test = (
        Nowcasts(*known_maps(Footprints(*each.past.swapaxes(0, 1))._asdict(), mean), each.target, each.known)
        for each in (split.train, split.validation, split.test)
    )
    return Problem(train, validation, test, provenance, ("touched cells",), THRESHOLD, CELL, "mm", mean)
