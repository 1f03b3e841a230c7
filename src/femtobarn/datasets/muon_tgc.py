"""Muon tracks in thin-gap chambers: hits on strips of seven layers, and the angle of the track.

`open_tracks` reads the published HDF5 file, `stand_in` makes straight toy tracks in the same layout.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float64, Shaped

from femtobarn.data.hdf5 import Hdf5File, write_hdf5
from femtobarn.data.opening import as_float32
from femtobarn.data.source import InMemory
from femtobarn.errors import InputError

NAME = "muon_tgc"
SUMMARY = "Muon tracks: hits on 50 strips of 3 + 2 + 2 layers, and the angle (fake TGC; stand-in: toy tracks)"
FILE = "fake_TGC_0.041_pruned.h5"
RECORD = f"Hugging Face data set Calad/fake-TGC: {FILE}"
LAYERS, STRIPS = 7, 50
STATIONS = (slice(0, 3), slice(3, 5), slice(5, 7))  #: layers of each
#: Our name, unit, what it is, in the file.
COLUMNS = (
    ("hits", "", "what each strip of each layer gives, 1 where it fired", "X (track, 7, 50)"),
    ("angle", "mrad", "angle of the track", "Y (track)"),
)

_DEPTH = (0.0, 1.0, 2.0, 39.0, 40.0, 79.0, 80.0)  # of the toy's layers, in strip pitches
_STAGGER = (0.0, 1 / 3, 2 / 3, 0.0, 0.5, 0.0, 0.5)  # in strips
_ANGLES = (29.0, 429.0)
_EFFICIENCY, _NOISE, _SHARED = 0.95, 0.003, 0.15


def open_tracks(path: str | Path) -> InMemory:
    """Tracks of a published file.

    Raises:
        InputError: No such file, another layout, or numbers that are not finite.
    """
    path = Path(path)
    file = Hdf5File(path, known=("X", "Y"))
    if missing := {"X", "Y"} - set(file.columns):
        raise InputError(f"{path}: expected data sets X and Y, {', '.join(sorted(missing))} is missing")
    if file.shapes["X"] != (LAYERS, STRIPS) or file.shapes["Y"] not in ((), (1,)):
        raise InputError(
            f"{path}: expected X (n, {LAYERS}, {STRIPS}) and n angles, got rows of {file.shapes['X']} and "
            f"{file.shapes['Y']}"
        )
    hits, angle = file.read(("X", "Y"), 0, len(file)).values()
    arrays = {"hits": as_float32(hits), "angle": as_float32(angle.reshape(-1))}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise InputError(f"{path}, row {row}: expected finite numbers in {name}")
    return InMemory(arrays)


def write_tracks(
    path: str | Path, hits: Shaped[np.ndarray, "track 7 50"], angle: Float[np.ndarray, "track"]
) -> None:
    """Write tracks in the published layout.

    Raises:
        InputError: Not as many angles as tracks, or the file cannot be written.
    """
    write_hdf5(Path(path), {"X": hits, "Y": angle}, {})


def stand_in(count: int, *, seed: int) -> InMemory:
    """Straight tracks through seven staggered layers, in the columns of the published file.

    Stations stand 39 strip pitches apart; angles are uniform from 29 to 429 mrad. Of the layers that a track
    crosses 5 % stay silent, 15 % of the others fire the nearer neighbour too, and 0.3 % of all strips fire by
    themselves. All of this is made up: **not to be set beside numbers on the published set**.

    Args:
        count: Number of tracks.
        seed: Of the sample.

    Raises:
        InputError: No tracks asked for.
    """
    if count < 1:
        raise InputError(f"expected at least one track, got {count}")
    generator = np.random.default_rng(seed)
    angle = generator.uniform(*_ANGLES, count)
    rise = np.tan(angle[:, None] / 1e3) * np.array(_DEPTH)
    first = generator.uniform(0, STRIPS - rise[:, -1])
    position = first[:, None] + rise + np.array(_STAGGER) - 0.5
    hits = _fired(position, generator)
    return InMemory({"hits": hits.astype(np.float32), "angle": angle.astype(np.float32)})


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns with their units."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':8} {'unit':6} {'from':20} what"]
    lines += [f"{name:8} {unit:6} {source:20} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _fired(
    position: Float64[np.ndarray, "track 7"], generator: np.random.Generator
) -> Bool[np.ndarray, "track 7 50"]:
    """Strips that fire for tracks that cross the layers at these positions, in strips."""
    shape = position.shape
    strip = np.floor(position)
    beside = strip + np.where(position - strip > 0.5, 1, -1)
    seen = generator.random(shape) < _EFFICIENCY
    shared = seen & (generator.random(shape) < _SHARED)
    strips = np.arange(STRIPS)
    direct = seen[..., None] & (strip[..., None] == strips)
    neighbour = shared[..., None] & (beside[..., None] == strips)
    return direct | neighbour | (generator.random((*shape, STRIPS)) < _NOISE)
