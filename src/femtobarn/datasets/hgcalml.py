"""Hits of a calorimeter endcap with the particle that each belongs to, in the feature arrays of HGCalML.

The training files of arXiv:2204.01681 are not public. `open_hits` reads arrays as its code makes them
(github.com/cms-pepr/HGCalML, datastructures): ten features and the truth of every hit, events one after the other,
stored as an HDF5 file. `of_endcap` makes the same of the simulated endcap.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5 import OpenHdf5, opened_hdf5
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.errors import InputError
from femtobarn.simulate.endcap import Endcap, EndcapHits, Truth, truth

NAME = "hgcalml"
SUMMARY = "Hits of a calorimeter endcap and their particles (HGCalML; stand-in: GFLASH endcap with pile-up)"
RECORD = "none known; the code is github.com/cms-pepr/HGCalML (BSD-3)"
FEATURES = (
    "energy",
    "eta",
    "isTrack",
    "theta",
    "R",
    "x",
    "y",
    "z",
    "time",
    "hit radius",
)  #: columns, cm and ns
#: Name, unit, what it is.
COLUMNS = (
    ("features", "GeV, cm, ns", f"of each hit: {', '.join(FEATURES)}"),
    ("row_splits", "", "where each event begins and ends among the hits"),
    ("t_idx", "", "particle of each hit within its event, -1 for noise; all truth may be missing"),
    ("t_energy", "GeV", "energy of that particle"),
    ("t_rec_energy", "GeV", "what it has deposited in all hits"),
    ("t_pid", "", "its PDG code"),
)
_TRUTH = ("t_idx", "t_energy", "t_rec_energy", "t_pid")
_CM = 10.0  # mm
_BEAM = 7000.0  # GeV; no hit has more
_TAKEN = (0, 5, 6, 7, 8, 9)  # of the features: energy, x, y, z, time, size


@dataclass(frozen=True)
class HitEvents:
    """Hits of many events and the objects they belong to, one event after the other.

    Objects are counted over all events; `of_object[i]` to `of_object[i + 1]` are those of event i.
    """

    offset: Int[np.ndarray, " boundary"]
    hits: Float[
        np.ndarray, "hit 6"
    ]  # energy (GeV), x, y, z (mm), time (ns), half the diagonal of the cell (mm)
    owner: Int[np.ndarray, " hit"]  # row of its object, -1 for none
    of_object: Int[np.ndarray, " boundary"]
    energy: Float[np.ndarray, " object"]  # true one, GeV
    deposited: Float[np.ndarray, " object"]  # in all hits, GeV
    pdg: Int[np.ndarray, " object"]  # 0 if unknown

    def __len__(self) -> int:
        """Number of events."""
        return len(self.offset) - 1

    def take(self, events: Int[np.ndarray, " n"]) -> "HitEvents":
        """These events, in this order."""
        events = np.asarray(events, np.int64)
        rows = _ranges(self.offset, events)
        objects = _ranges(self.of_object, events)
        offset = np.concatenate(([0], np.cumsum(np.diff(self.offset)[events])))
        of_object = np.concatenate(([0], np.cumsum(np.diff(self.of_object)[events])))
        shift = np.repeat(of_object[:-1] - self.of_object[events], np.diff(offset))
        owner = np.where(self.owner[rows] >= 0, self.owner[rows] + shift, -1)
        each = (column[objects] for column in (self.energy, self.deposited, self.pdg))
        return HitEvents(offset, self.hits[rows], owner, of_object, *each)

    def event(self, number: int) -> "HitEvents":
        """One event."""
        return self.take(np.array([number]))


def joined_events(parts: list[HitEvents]) -> HitEvents:
    """The events of all parts, one part after the other."""
    hits = np.cumsum([0, *(len(part.hits) for part in parts)])
    objects = np.cumsum([0, *(len(part.energy) for part in parts)])
    return HitEvents(
        np.concatenate([*(p.offset[:-1] + h for p, h in zip(parts, hits, strict=False)), hits[-1:]]),
        np.concatenate([part.hits for part in parts]),
        np.concatenate(
            [np.where(p.owner >= 0, p.owner + o, -1) for p, o in zip(parts, objects, strict=False)]
        ),
        np.concatenate([*(p.of_object[:-1] + o for p, o in zip(parts, objects, strict=False)), objects[-1:]]),
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("energy", "deposited", "pdg")),
    )


def side_by_side(events: HitEvents, count: int) -> HitEvents:
    """The first events, slices of 30 degrees or less, side by side in azimuth as one event."""
    parts = []
    for number in range(count):
        part = events.event(number)
        x, y = part.hits[:, 1].astype(float), part.hits[:, 2].astype(float)
        angle = 2 * np.pi * number / 12 - np.arctan2(y.mean(), x.mean())
        hits = part.hits.copy()
        hits[:, 1], hits[:, 2] = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
        parts.append(replace(part, hits=hits))
    whole = joined_events(parts)
    return replace(whole, offset=whole.offset[[0, -1]], of_object=whole.of_object[[0, -1]])


def in_parts(events: HitEvents, count: int) -> HitEvents:
    """Each event as `count` events, cut in azimuth at equal angles; a shower that is cut is an object of both parts.

    Hits of an event are to lie within half a turn around their mean.
    """
    if not len(events):
        return events
    parts = []
    for number in range(len(events)):
        event = events.event(number)
        x, y = event.hits[:, 1].astype(np.float64), event.hits[:, 2].astype(np.float64)
        phi = np.angle((x + 1j * y) * np.conj(complex(x.sum(), y.sum())))
        edges = np.linspace(phi.min(initial=0), phi.max(initial=0), count + 1)[1:-1]
        place = np.searchsorted(edges, phi)
        parts += [_hits_of(event, place == part) for part in range(count)]
    return joined_events(parts)


def _hits_of(event: HitEvents, wanted: Bool[np.ndarray, " hit"]) -> HitEvents:
    """Some hits of one event, and the objects they belong to."""
    owner = event.owner[wanted]
    names, number = np.unique(owner[owner >= 0], return_inverse=True)
    owner[owner >= 0] = number.ravel()
    each = (column[names] for column in (event.energy, event.deposited, event.pdg))
    return HitEvents(np.array([0, len(owner)]), event.hits[wanted], owner, np.array([0, len(names)]), *each)


def of_endcap(hits: EndcapHits, endcap: Endcap) -> HitEvents:
    """Simulated hits with their objects, see `of_truth`."""
    columns = (hits.energy, *endcap.position(hits.cell).T, hits.time, endcap.size(hits.cell))
    incoming = hits.incoming
    return of_truth(
        hits.offset, np.column_stack(columns), truth(hits), incoming.offset, incoming.energy, incoming.pdg
    )


def of_truth(
    offset: Int[np.ndarray, " boundary"],
    hits: Float[np.ndarray, "hit 6"],
    found: Truth,
    of_particle: Int[np.ndarray, " boundary"],
    energy: Float[np.ndarray, " particle"],
    pdg: Int[np.ndarray, " particle"],
) -> HitEvents:
    """Objects are the particles that own three hits or more; spectators are left out.

    Args:
        offset: Where each event begins and ends among the hits.
        hits: See `HitEvents`.
        found: Whose they are.
        of_particle: Where each event begins and ends among the particles.
        energy, pdg: Of the particles, GeV and PDG code.
    """
    kept = (found.led > 0) & ~found.spectator
    number = np.cumsum(kept) - 1
    owner = np.full(len(hits), -1)
    own = np.flatnonzero(found.particle >= 0)
    owner[own] = np.where(kept[found.particle[own]], number[found.particle[own]], -1)
    return HitEvents(
        offset.astype(np.int64),
        hits.astype(np.float32),
        owner,
        np.concatenate(([0], np.cumsum(kept)))[of_particle],
        energy[kept].astype(np.float64),
        found.deposited[kept],
        pdg[kept].astype(np.int64),
    )


def open_hits(path: str | Path) -> HitEvents:
    """Events of a file; without truth no hit has an owner.

    Tracks among the hits (isTrack is 1) are left out.

    Raises:
        InputError: No such file, another layout, numbers that are not finite or that contradict each other.
    """
    path = Path(path)
    with opened_hdf5(path) as file:
        for name in ("features", "row_splits"):
            if name not in file:
                raise InputError(f"{path}: expected data sets features and row_splits, {name} is missing")
        if len(missing := [name for name in _TRUTH if name not in file]) not in (0, len(_TRUTH)):
            raise InputError(f"{path}: expected all of {', '.join(_TRUTH)} or none, {missing[0]} is missing")
        if len(file.shape("features")) != 2 or file.shape("features")[1] != len(FEATURES):
            raise InputError(
                f"{path}: expected features (hit, {len(FEATURES)}), got {file.shape('features')}"
            )
        features = file.read("features")
        offset = _splits(file, path, len(features))
        columns = {name: _column(file, path, name, len(features)) for name in _TRUTH if name in file}
    _check_features(features, path)
    idx = columns.get("t_idx", np.full(len(features), -1))
    kept = features[:, 2] == 0
    offset = np.concatenate(([0], np.cumsum(kept)))[offset]
    scale = np.array([1, _CM, _CM, _CM, 1, _CM])
    hits = (features[kept][:, _TAKEN] * scale).astype(np.float32)
    return _with_objects(
        offset, hits, idx[kept], {name: values[kept] for name, values in columns.items()}, path
    )


def write_hits(path: str | Path, events: HitEvents) -> None:
    """Write events in this layout, with the truth.

    Raises:
        InputError: The file cannot be written.
    """
    e, x, y, z, time, size = events.hits.T
    r = np.hypot(x, y)
    eta, theta = np.arcsinh(z / np.maximum(r, 1e-6)), np.arctan2(r, z)
    R = np.hypot(r, z)
    features = np.column_stack(
        (e, eta, 0 * e, theta, R / _CM, x / _CM, y / _CM, z / _CM, time, size / _CM)
    ).astype(np.float32)
    of_event = np.repeat(events.of_object[:-1], np.diff(events.offset))
    own = events.owner >= 0

    def each(column: np.ndarray, nothing: float) -> np.ndarray:
        return np.where(own, np.append(column, nothing)[events.owner], nothing)

    arrays = {
        "features": features,
        "row_splits": events.offset,
        "t_idx": np.where(own, events.owner - of_event, -1),
        "t_energy": each(events.energy, 0.0),
        "t_rec_energy": each(events.deposited, 0.0),
        "t_pid": each(events.pdg, 0).astype(np.int64),
    }

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            for name, array in arrays.items():
                file[name] = array

    try:
        write_whole(Path(path), write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def describe() -> str:
    """Columns, units and layout."""
    lines = [f"{NAME}: {SUMMARY}", f"record: {RECORD}", "format: HDF5, a data set each"]
    return "\n".join([*lines, *(f"  {name:13} {unit or '-':12} {what}" for name, unit, what in COLUMNS)])


def _splits(file: OpenHdf5, path: Path, hits: int) -> np.ndarray:
    splits = file.read("row_splits")
    whole = splits.ndim == 1 and splits.dtype.kind in "iu"
    offset = splits.astype(np.int64) if whole else np.zeros(0, np.int64)
    if not len(offset) or offset[0] != 0 or offset[-1] != hits or (np.diff(offset) < 0).any():
        raise InputError(f"{path}: expected row_splits as whole numbers that rise from 0 to {hits} hits")
    return offset


def _column(file: OpenHdf5, path: Path, name: str, hits: int) -> np.ndarray:
    values = file.read(name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (hits,):
        raise InputError(f"{path}: expected one {name} for each of {hits} hits, got {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"{path}, hit {int(np.argmin(np.isfinite(values)))}: {name} is not finite")
    if name in ("t_idx", "t_pid"):
        if values.dtype.kind == "f" and (values != np.round(values)).any():
            raise InputError(f"{path}: expected whole numbers in {name}")
        return values.astype(np.int64)
    return values.astype(np.float64)


def _check_features(features: np.ndarray, path: Path) -> None:
    used = features[:, (2, *_TAKEN)]
    if not np.isfinite(used).all():
        row, column = np.argwhere(~np.isfinite(used))[0]
        name = FEATURES[(2, *_TAKEN)[column]]
        raise InputError(f"{path}, hit {row}: {name} is {used[row, column]}, expected a finite number")
    if len(features) and (np.abs(used).max() > 1e6 or features[:, 0].max() > _BEAM):
        raise InputError(
            f"{path}: a feature of {np.abs(used).max():g}, a hit of {features[:, 0].max():g}, are the units GeV, cm "
            "and ns?"
        )
    if not np.isin(features[:, 2], (0, 1)).all():
        row = int(np.argmin(np.isin(features[:, 2], (0, 1))))
        raise InputError(f"{path}, hit {row}: isTrack is {features[row, 2]:g}, expected 0 or 1")
    if (features[:, 0] < 0).any():
        row = int(np.argmax(features[:, 0] < 0))
        raise InputError(f"{path}, hit {row}: a hit of {features[row, 0]:g} GeV, expected 0 or more")


def _with_objects(
    offset: np.ndarray, hits: np.ndarray, idx: np.ndarray, columns: dict[str, np.ndarray], path: Path
) -> HitEvents:
    """Objects are the pairs of event and t_idx that own hits; what is said of them has to be one number."""
    event = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    own = np.flatnonzero(idx >= 0)
    names, first, number = np.unique(
        np.column_stack((event[own], idx[own])), axis=0, return_index=True, return_inverse=True
    )
    owner = np.full(len(hits), -1)
    owner[own] = number.ravel()
    of = {name: values[own][first] for name, values in columns.items() if name != "t_idx"}
    for name, values in of.items():
        if (columns[name][own] != values[number.ravel()]).any():
            raise InputError(f"{path}: hits of one particle differ in {name}")
    pdg = of.get("t_pid", np.zeros(0, np.int64))
    of_object = np.searchsorted(names[:, 0], np.arange(len(offset)))
    true, deposited = (of.get(name, np.zeros(0)) for name in ("t_energy", "t_rec_energy"))
    return HitEvents(offset, hits, owner, of_object, true, deposited, pdg)


def _ranges(offset: np.ndarray, events: np.ndarray) -> np.ndarray:
    sizes = np.diff(offset)[events]
    before = np.cumsum(sizes) - sizes
    return np.arange(sizes.sum()) + np.repeat(offset[events] - before, sizes)
