"""ColliderML: tracker hits, calorimeter cells and particles of full simulation, as Parquet files with lists.

Each object has its own files, of which row i is an event: ``tracker_hits``, ``particles``, ``calo_hits``. Files are
read some events at a time. Hits come as the `Hits` of the TrackML challenge, without cells: volumes, layers and
surfaces are those of the Open Data Detector.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.parquet_lists import Lists, ParquetLists
from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits, TrueParticles, Truth
from femtobarn.physics.tracks.weights import trackml_weights

NAME = "colliderml"
SUMMARY = (
    "Tracker hits and calorimeter cells of the Open Data Detector with truth, pile-up 0 or 200 (ColliderML)"
)
RECORD = (
    "huggingface.co/datasets/CERN/ColliderML-Release-1 (doi:10.57967/hf/7269, CC-BY-4.0; arXiv:2512.15230)"
)
#: Columns read of each kind of file: lists, one entry an object.
COLUMNS = {
    "tracker_hits": (
        "x", "y", "z", "true_x", "true_y", "true_z", "particle_id", "volume_id", "layer_id", "surface_id",
    ),
    "particles": ("particle_id", "pdg_id", "charge", "vx", "vy", "vz", "px", "py", "pz"),
    "calo_hits": ("detector", "total_energy", "x", "y", "z"),
}  # fmt: skip
#: Detectors of `calo_hits`: ECAL at negative z, barrel, at positive z, then HCAL.
DETECTORS = (9, 10, 11, 12, 13, 14)


class Cells(NamedTuple):
    """Calorimeter cells of many events; those of event i have the rows `offset[i]` to `offset[i + 1]`."""

    offset: Int[np.ndarray, "boundary"]
    position: Float[np.ndarray, "cell 3"]  # mm
    energy: Float[np.ndarray, "cell"]  # GeV, as deposited
    detector: Int[np.ndarray, "cell"]


def events(path: str | Path) -> int:
    """Number of events in a file.

    Raises:
        InputError: No such file, or it is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    return len(ParquetLists(Path(path)))


def tracker_hits(
    path: str | Path, particles: str | Path | None = None, *, start: int = 0, stop: int | None = None
) -> Hits:
    """Hits of the events from `start` up to, not with, `stop`, with their truth if there is a file of particles.

    The momentum of particles at their hits is not in the files: it is NaN. Weights are those of the TrackML challenge
    by its formula. Hits of particles that are not listed count as noise.

    Args:
        path: File of tracker hits.
        particles: File of the particles of the same events.
        start, stop: Events.

    Raises:
        InputError: No such file, missing columns, lists of different length, numbers that are not finite, or files of
            other events.
        MissingExtraError: pyarrow is not installed.
    """
    found, offset, names = _read(Path(path), "tracker_hits", start, stop)
    count = int(offset[-1])
    place, layer, surface = (found[name].astype(np.int64) for name in ("volume_id", "layer_id", "surface_id"))
    number = np.arange(count) - np.repeat(offset[:-1], np.diff(offset))
    hits = Hits(offset, np.stack([found[axis] for axis in "xyz"], axis=1), place, layer, surface, number)
    if particles is None:
        return hits
    listed, first, other = _read(Path(particles), "particles", start, stop)
    if not np.array_equal(names, other):
        raise InputError(f"{path}, {particles}: expected the same events in the same order")
    barcode = listed["particle_id"].astype(np.uint64).view(np.int64)
    row = _rows(found["particle_id"].astype(np.uint64).view(np.int64), offset, barcode, first)
    known = TrueParticles(
        first,
        barcode,
        listed["pdg_id"].astype(np.int64),
        np.rint(listed["charge"]).astype(np.int64),
        np.stack([listed[f"v{axis}"] for axis in "xyz"], axis=1),
        np.stack([listed[f"p{axis}"] for axis in "xyz"], axis=1),
        np.bincount(row[row >= 0], minlength=len(barcode)),
    )
    position = np.stack([found[f"true_{axis}"] for axis in "xyz"], axis=1)
    weight = trackml_weights(row, position[:, 2], known, offset)
    return hits._replace(truth=Truth(row, position, np.full((count, 3), np.nan), weight), particles=known)


def calorimeter_cells(path: str | Path, *, start: int = 0, stop: int | None = None) -> Cells:
    """Cells of the events from `start` up to, not with, `stop`.

    Raises:
        InputError: As `tracker_hits`, or a detector that is no calorimeter.
        MissingExtraError: pyarrow is not installed.
    """
    found, offset, _ = _read(Path(path), "calo_hits", start, stop)
    detector = found["detector"].astype(np.int64)
    if not np.isin(detector, DETECTORS).all():
        wrong = detector[~np.isin(detector, DETECTORS)][0]
        raise InputError(f"{path}: expected calorimeters {DETECTORS}, got detector {wrong}")
    position = np.stack([found[axis] for axis in "xyz"], axis=1)
    return Cells(offset, position, found["total_energy"].astype(np.float64), detector)


def describe() -> str:
    """The data set in plain text: where it is, its files, their columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", "lengths in mm, momenta and energies in GeV", ""]
    return "\n".join(lines + [f"{kind}: event_id, {', '.join(columns)}" for kind, columns in COLUMNS.items()])


def _read(
    path: Path, kind: str, start: int, stop: int | None
) -> tuple[dict[str, np.ndarray], Int[np.ndarray, "boundary"], np.ndarray]:
    """Columns of one kind of file, end to end; where events begin; the numbers of the events."""
    file = ParquetLists(path)
    lists = file.read(("event_id", *COLUMNS[kind]), start, len(file) if stop is None else stop)
    names: Lists = lists.pop("event_id")
    size = next(iter(lists.values())).size
    for name, each in lists.items():
        if not np.array_equal(each.size, size):
            raise InputError(f"{path}: expected lists of one length in each event, {name} has another")
        if not np.isfinite(each.value).all():
            row = int(np.flatnonzero(~np.isfinite(each.value))[0])
            raise InputError(f"{path}: {name} of object {row} is {each.value[row]}, expected a finite number")
    columns = {
        name: each.value.astype(np.float64) if each.value.dtype.kind == "f" else each.value
        for name, each in lists.items()
    }
    return columns, np.concatenate(([0], np.cumsum(size))), names.value


def _rows(
    asked: Int[np.ndarray, "hit"],
    offset: Int[np.ndarray, "boundary"],
    among: Int[np.ndarray, "particle"],
    first: Int[np.ndarray, "boundary"],
) -> Int[np.ndarray, "hit"]:
    """Row of each hit's particle among those of its event, -1 where there is none."""
    row = np.full(len(asked), -1)
    for begin, end, low, high in zip(offset[:-1], offset[1:], first[:-1], first[1:], strict=True):
        if high > low:
            order = np.argsort(among[low:high], kind="stable")
            own = among[low:high][order]
            place = np.minimum(np.searchsorted(own, asked[begin:end]), high - low - 1)
            row[begin:end] = np.where(own[place] == asked[begin:end], low + order[place], -1)
    return row
