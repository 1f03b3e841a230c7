"""ColliderML: tracker hits, calorimeter cells and particles of full simulation, as Parquet files with lists.

Each object has its own files, of which row i is an event: ``tracker_hits``, ``particles``, ``calo_hits``. Files are
read some events at a time. Hits come as the `Hits` of the TrackML challenge, without cells: volumes, layers and
surfaces are those of the Open Data Detector.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.data.parquet_lists import Lists, ParquetLists
from femtobarn.datasets.hgcalml import HitEvents, of_truth
from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits, TrueParticles, Truth
from femtobarn.physics.tracks.weights import trackml_weights
from femtobarn.simulate.endcap import truth_of_shares

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
#: Energy of a shower over what it deposits in the active layers of each (calibration of the package colliderml 0.4.2).
SCALE = np.array([38.7, 37.5, 38.7, 46.9, 45.0, 46.9])
_CONTRIBUTIONS = ("contrib_particle_ids", "contrib_energies", "contrib_times")
_LIGHT = 299.792458  # mm/ns
_LARGEST = 1e30  # beyond any number of a detector, and with room to multiply


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
        InputError: No such file, missing columns, lists of different length, numbers that are not finite or beyond
            1e30, or files of other events.
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


def calorimeter_hits(
    path: str | Path, particles: str | Path | None = None, *, start: int = 0, stop: int | None = None
) -> HitEvents:
    """Hits of the events from `start` up to, not with, `stop`, with the particles that left most in them.

    Energies are deposits times `SCALE` of their calorimeter, times the mean of the contributions by their energy less
    what light takes from the middle of the detector; sizes of cells are 0, they are not in the files. Particles of
    contributions that are not listed count as noise.

    Args:
        path: File of calorimeter hits.
        particles: File of the particles of the same events; without it no hit has an owner.
        start, stop: Events.

    Raises:
        InputError: As `calorimeter_cells`, or contributions of other lengths or below 0, or files of other events.
        MissingExtraError: pyarrow is not installed.
    """
    cells, found = calorimeter_cells(path, start=start, stop=stop), ParquetLists(Path(path))
    last = len(found) if stop is None else stop
    many, parts = {}, {}
    for name, (size, each) in found.read_nested(_CONTRIBUTIONS, start, last).items():
        many[name], parts[name] = each.size, each.value
        if not np.array_equal(size, np.diff(cells.offset)) or not np.array_equal(
            each.size, many[_CONTRIBUTIONS[0]]
        ):
            raise InputError(f"{path}: expected as many contributions as cells, {name} has others")
        if each.value.dtype.kind == "f" and not _is_small(each.value).all():
            raise InputError(f"{path}: a number of {name} is not finite or beyond {_LARGEST:g}")
    hit = np.repeat(np.arange(len(cells.energy)), many[_CONTRIBUTIONS[0]])
    scale = SCALE[cells.detector - DETECTORS[0]]
    share = parts["contrib_energies"].astype(np.float64) * scale[hit]
    if (share < 0).any() or (cells.energy < 0).any():
        raise InputError(f"{path}: an energy below 0")
    late = parts["contrib_times"] - np.linalg.norm(cells.position, axis=1)[hit] / _LIGHT
    total = np.bincount(hit, share, len(scale))
    time = np.bincount(hit, share * late, len(scale)) / np.where(total > 0, total, 1.0)
    columns = np.column_stack((cells.energy * scale, cells.position, time, np.zeros(len(scale))))
    if particles is None:
        nobody = truth_of_shares(len(scale), 0, hit[:0], hit[:0], share[:0])
        return of_truth(cells.offset, columns, nobody, 0 * cells.offset, np.empty(0), hit[:0])
    listed, first, other = _read(Path(particles), "particles", start, stop)
    names = found.read(("event_id",), start, last)["event_id"].value
    if not np.array_equal(names, other):
        raise InputError(f"{path}, {particles}: expected the same events in the same order")
    barcode, asked = (
        each.astype(np.uint64).view(np.int64)
        for each in (listed["particle_id"], parts["contrib_particle_ids"])
    )
    row = _rows(
        asked, np.concatenate(([0], np.cumsum(many[_CONTRIBUTIONS[0]])))[cells.offset], barcode, first
    )
    known = row >= 0
    found_truth = truth_of_shares(len(scale), len(barcode), hit[known], row[known], share[known])
    momentum = np.linalg.norm([listed[f"p{axis}"] for axis in "xyz"], axis=0)
    return of_truth(cells.offset, columns, found_truth, first, momentum, listed["pdg_id"])


def describe() -> str:
    """The data set in plain text: where it is, its files, their columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", "lengths in mm, momenta and energies in GeV", ""]
    lines += [f"{kind}: event_id, {', '.join(columns)}" for kind, columns in COLUMNS.items()]
    return "\n".join([*lines, f"calo_hits, lists of lists: {', '.join(_CONTRIBUTIONS)}"])


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
        if not (small := _is_small(each.value)).all():
            row, most = int(small.argmin()), f"{_LARGEST:g}"
            raise InputError(
                f"{path}: {name} of object {row} is {each.value[row]}, expected a finite number below {most}"
            )
    columns = {
        name: each.value.astype(np.float64) if each.value.dtype.kind == "f" else each.value
        for name, each in lists.items()
    }
    return columns, np.concatenate(([0], np.cumsum(size))), names.value


def _is_small(value: np.ndarray) -> Bool[np.ndarray, "number"]:
    """Which are numbers whose squares and products still are."""
    return np.abs(value) < _LARGEST


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
