"""Events of the Geant4 toy endcap behind arXiv:2204.01681 (miniCalo), as pickles or Parquet files.

An event is a dictionary of arrays as the toy's library gives it (`collect` in its Calorimeter.cc): cells with energy,
what each particle that entered the calorimeter has left in each of them, and the particles. A pickle holds one event
or a list of them, packed by gzip or not, and is read without running anything in it; a row of a Parquet file is one.

The energies are those in the silicon. Here each is multiplied by what a minimum-ionising particle loses in a whole
layer over what it leaves in its silicon, in the stack of `simulate.endcap.Endcap`, so that sums are those of showers.
"""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from femtobarn.data.array_pickle import read_array_pickle
from femtobarn.data.opening import check_file, check_memory, reading
from femtobarn.data.parquet_lists import ParquetLists
from femtobarn.datasets.hgcalml import HitEvents, joined_events, of_truth
from femtobarn.errors import InputError, nearest
from femtobarn.simulate.endcap import Endcap, truth_of_shares

NAME = "minicalo"
SUMMARY = "Cells, particles and their shares of the Geant4 toy endcap of arXiv:2204.01681 (miniCalo)"
RECORD = "none known; the code is github.com/shahrukhqasim/miniCalo, branch srq_branch"
#: Arrays of an event, what they are; those of one group have the same length.
COLUMNS = {
    "rechit_energy": "GeV in the silicon of each cell with energy",
    "rechit_x": "mm",
    "rechit_y": "mm",
    "rechit_z": "mm",
    "rechit_idx": "number of the cell",
    "hit_particle_id": "of each pair of particle and cell: place of the particle among those of the event",
    "hit_particle_deposit": "GeV in the silicon",
    "hit_particle_sensor_idx": "number of the cell",
    "particles_kinetic_energy": "GeV of each particle that entered the calorimeter",
    "particles_pdgid": "its PDG code",
}
_GROUPS = ("rechit_", "hit_particle_", "particles_")
_PACKED, _PIECE = b"\x1f\x8b", 1 << 20
_SILICON_MIP = 0.3876 * 0.3e-3  # GeV in 0.3 mm of silicon (Particle Data Group: 1.664 MeV cm2/g, 2.329 g/cm3)


def open_events(path: str | Path) -> HitEvents:
    """Hits and truth of the events of a file; times are 0, and the sizes of cells, which are elsewhere.

    Raises:
        InputError: What is wrong with the file: damaged, more in it than arrays, arrays of other lengths, numbers that
            are not finite, a particle or a cell that is not there.
        MissingExtraError: pyarrow is not installed, of a Parquet file.
    """
    path = Path(path)
    events = _of_parquet(path) if path.suffix == ".parquet" else _of_pickle(path)
    if not events:
        raise InputError(f"{path}: no event in it")
    return joined_events(
        [_event(columns, f"{path}, event {number}") for number, columns in enumerate(events)]
    )


def describe() -> str:
    """The data set in plain text: where its code is, what a file holds."""
    lines = [SUMMARY, "", f"record: {RECORD}", "format: .pkl, .pkl.gz or .parquet, arrays of each event", ""]
    return "\n".join(lines + [f"{name:25} {what}" for name, what in COLUMNS.items()])


def _of_pickle(path: Path) -> list[dict[str, np.ndarray]]:
    check_file(path)
    with reading(path, "gzip"), path.open("rb") as file:
        found = read_array_pickle(_unpacked(file, path), path)
    events = found if isinstance(found, list) else [found]
    for number, event in enumerate(events):
        there = list(event) if isinstance(event, dict) else [type(event).__name__]
        if missing := [name for name in COLUMNS if name not in there]:
            raise InputError(
                f"{path}, event {number}: no {missing[0]!r} in it: {nearest(missing[0], map(str, there))}"
            )
        for name in COLUMNS:
            if not isinstance(event[name], np.ndarray) or event[name].ndim != 1:
                raise InputError(f"{path}, event {number}: expected one number each in {name}")
    return events


def _unpacked(file: Any, path: Path) -> bytes:
    """The pickle; a file that unpacks to more than fits into memory is refused."""
    packed = file.read(len(_PACKED)) == _PACKED
    file.seek(0)
    stream, found = (gzip.GzipFile(fileobj=file) if packed else file), bytearray()
    try:
        while piece := stream.read(_PIECE):
            found += piece
            check_memory(4 * len(found), str(path))
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: cut short or damaged ({error})") from error
    return bytes(found)


def _of_parquet(path: Path) -> list[dict[str, np.ndarray]]:
    file = ParquetLists(path)
    lists = file.read(list(COLUMNS), 0, len(file))
    pieces = {name: np.split(each.value, np.cumsum(each.size)[:-1]) for name, each in lists.items()}
    return [{name: pieces[name][row] for name in COLUMNS} for row in range(len(file))]


def _event(columns: dict[str, np.ndarray], place: str) -> HitEvents:
    _check(columns, place)
    x, y, z = (columns[f"rechit_{axis}"].astype(np.float64) for axis in "xyz")
    weight = _weights(z)
    cell = columns["rechit_idx"].astype(np.int64)
    order = np.argsort(cell, kind="stable")
    if (np.diff(cell[order]) == 0).any():
        raise InputError(f"{place}: a cell of rechit_idx stands there twice")
    wanted = columns["hit_particle_sensor_idx"].astype(np.int64)
    hit = (
        order[np.minimum(np.searchsorted(cell[order], wanted), max(len(cell) - 1, 0))]
        if len(cell)
        else wanted
    )
    if len(wanted) and (not len(cell) or (cell[hit] != wanted).any()):
        raise InputError(f"{place}: a cell of hit_particle_sensor_idx is not among rechit_idx")
    particle, energy = columns["hit_particle_id"].astype(np.int64), columns["particles_kinetic_energy"]
    if len(particle) and (particle.min() < 0 or particle.max() >= len(energy)):
        raise InputError(f"{place}: hit_particle_id beyond the {len(energy)} particles of the event")
    share = columns["hit_particle_deposit"].astype(np.float64) * weight[hit]
    nothing = np.zeros(len(z))
    hits = np.column_stack((columns["rechit_energy"] * weight, x, y, z, nothing, nothing))
    found = truth_of_shares(len(z), len(energy), hit, particle, share)
    ends = (np.array([0, len(z)]), np.array([0, len(energy)]))
    return of_truth(ends[0], hits, found, ends[1], energy, columns["particles_pdgid"])


def _check(columns: dict[str, np.ndarray], place: str) -> None:
    for group in _GROUPS:
        names = [name for name in COLUMNS if name.startswith(group)]
        if len({len(columns[name]) for name in names}) > 1:
            lengths = ", ".join(f"{name} {len(columns[name])}" for name in names)
            raise InputError(f"{place}: expected arrays of one length, got {lengths}")
    for name in COLUMNS:
        values = columns[name]
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise InputError(f"{place}: {name} of {row} is {values[row]}, expected a finite number")
        if name.endswith(("_id", "_idx", "pdgid")) and values.dtype.kind not in "iu":
            raise InputError(f"{place}: expected whole numbers in {name}, got {values.dtype}")
        if (
            name.endswith(("_energy", "_deposit"))
            and len(values)
            and not 0 <= values.min() <= values.max() < 1e6
        ):
            raise InputError(
                f"{place}: expected GeV from 0 to 1e6 in {name}, got {values.min():g} to {values.max():g}"
            )
        if name in ("rechit_x", "rechit_y", "rechit_z") and len(values) and np.abs(values).max() > 1e5:
            raise InputError(f"{place}: {name} of {np.abs(values).max():g} mm, is the unit mm?")


def _weights(z: Float[np.ndarray, " hit"]) -> Float[np.ndarray, " hit"]:
    """Energy of a layer over that in its silicon, of the layer nearest in z."""
    endcap = Endcap()
    layer = np.round(np.interp(z, endcap.z, np.arange(endcap.layers))).astype(np.int64)
    return endcap.mip[layer] / _SILICON_MIP
