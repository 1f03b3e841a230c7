"""Calorimeter showers of the Fast Calorimeter Simulation Challenge: photons, pions and electrons in voxels.

`open_showers` reads the published HDF5 files, or anybody's in their layout, piece by piece; `write_showers`
writes that layout; `stand_in` makes such showers by a parametrisation (GFLASH). What a voxel is, says
`femtobarn.physics.voxels`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import h5py
import numpy as np
from jaxtyping import Float

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5 import Hdf5File
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.kind import Kind, kind_attributes
from femtobarn.data.opening import as_float32, given_files
from femtobarn.data.source import Arrays, Concatenated, FileSource, InMemory, Source, check_columns
from femtobarn.errors import InputError
from femtobarn.physics.voxels import GEOMETRIES, VoxelGeometry, geometry

NAME = "calochallenge"
SUMMARY = "Showers of photons, pions, electrons in voxels (CaloChallenge; stand-in from GFLASH)"
RECORD = (
    "Zenodo 10.5281/zenodo.8099322: data sets 1-photons and 1-pions (ATLAS), two files each",
    "Zenodo 10.5281/zenodo.6366271: data set 2 (electrons, 6480 voxels), two files",
    "Zenodo 10.5281/zenodo.6366324: data set 3 (electrons, 40500 voxels), four files",
    "arXiv:2410.21611: the challenge; showers of its 31 generators in 10.5281/zenodo.15961728, .15961924, "
    ".15962050, .15962527",
)
LICENCE = "as stated with each record"
FORMATS = (("HDF5", "incident_energies (shower, 1) and showers (shower, voxel), both in MeV"),)
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    ("energies", "MeV", "energy of the incident particle", "incident_energies"),
    ("showers", "MeV", "energy in each voxel: layers, slices in alpha, rings", "showers"),
)


class PublishedSet(NamedTuple):
    """What the published files of one data set hold (arXiv:2410.21611; files as in the records)."""

    train: tuple[str, ...]
    test: tuple[str, ...]  # the reference that generators are compared with
    showers: int  # in each file
    lowest: float  # incident energy, MeV
    highest: float


#: By the names of `femtobarn.physics.voxels.GEOMETRIES`.
PUBLISHED_SETS = {
    "1-photons": PublishedSet(
        ("dataset_1_photons_1.hdf5",), ("dataset_1_photons_2.hdf5",), 121_000, 2.0**8, 2.0**22
    ),
    "1-pions": PublishedSet(
        ("dataset_1_pions_1.hdf5",), ("dataset_1_pions_2.hdf5",), 120_800, 2.0**8, 2.0**22
    ),
    "2": PublishedSet(("dataset_2_1.hdf5",), ("dataset_2_2.hdf5",), 100_000, 1e3, 1e6),
    "3": PublishedSet(
        ("dataset_3_1.hdf5", "dataset_3_2.hdf5"), ("dataset_3_3.hdf5", "dataset_3_4.hdf5"), 50_000, 1e3, 1e6
    ),
}

Unit = Literal["MeV", "GeV"]

_ENERGIES, _SHOWERS = "incident_energies", "showers"
_PIECE = 1 << 20  # bytes packed together: showers are read and written in pieces of this size


def open_showers(
    files: str | Path | Sequence[str | Path], dataset: str, *, unit: Unit | None = None
) -> Source:
    """Showers of one file, of several, or of all in a folder in the order of their names.

    Columns "energies" (shower,) and "showers" (shower, voxel), float32 in MeV. Showers without any energy are
    given as they are.

    Args:
        files: Files, or a folder with files that end in .h5 or .hdf5.
        dataset: "1-photons", "1-pions", "2" or "3".
        unit: Of the files. If not given it is MeV, and a file whose energies look like GeV is refused.

    Raises:
        InputError: What is wrong, with the file.
    """
    voxels = geometry(dataset)
    paths = given_files(files, ".h5", ".hdf5")
    parts: list[FileSource] = [ShowerFile(path, voxels, unit=unit) for path in paths]
    return parts[0] if len(parts) == 1 else Concatenated(parts)


class ShowerFile:
    """Source of the showers of one HDF5 file, checked as they are read.

    Args:
        path: The file.
        voxels: Geometry that the showers are in.
        unit: Of the file; MeV, with a check, if not given.

    Raises:
        InputError: No such file, not HDF5 or cut short, another number of voxels (the message names the data
            set that would fit), an incident energy that is none, or energies that look like GeV.
    """

    columns = ("energies", "showers")

    def __init__(self, path: Path, voxels: VoxelGeometry, *, unit: Unit | None = None) -> None:
        self.path, self.geometry = path, voxels
        self._factor = 1000.0 if unit == "GeV" else 1.0
        self._file = Hdf5File(path, known=(_ENERGIES, _SHOWERS))
        check_columns([_ENERGIES, _SHOWERS], self._file.names, str(path))
        energies, shape = (self._file.shapes[name] for name in (_ENERGIES, _SHOWERS))
        if shape != (voxels.voxels,):
            raise InputError(f"{path}: {_other_geometry((len(self), *shape), voxels)}")
        if energies not in ((1,), ()):
            raise InputError(
                f"{path}: expected an incident energy for each of {len(self)} showers, got {(len(self), *energies)}"
            )
        self._check_energies(self._incident(0, len(self)), unit)

    def __len__(self) -> int:
        return len(self._file)

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Showers `start` to `stop`.

        Raises:
            InputError: A voxel whose energy is negative or not finite.
        """
        check_columns(columns, self.columns, str(self.path))
        found = {}
        if "energies" in columns:
            found["energies"] = self._incident(start, stop)
        if "showers" in columns:
            showers = self._file.read((_SHOWERS,), start, stop)[_SHOWERS]
            showers = as_float32(showers if self._factor == 1 else showers * self._factor)
            self._check_voxels(showers, start)
            found["showers"] = showers
        return {name: found[name] for name in columns}

    def _incident(self, start: int, stop: int) -> np.ndarray:
        """Energies in MeV."""
        return as_float32(self._file.read((_ENERGIES,), start, stop)[_ENERGIES].reshape(-1) * self._factor)

    def _check_energies(self, incident: Float[np.ndarray, " shower"], unit: Unit | None) -> None:
        if not len(incident):
            return
        wrong = ~(np.isfinite(incident) & (incident > 0))
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(f"{self.where(row)}: expected an incident energy above 0, got {incident[row]}")
        if unit is None and _may_be_gev(incident, PUBLISHED_SETS[self.geometry.name]):
            low, high, known = incident.min(), incident.max(), PUBLISHED_SETS[self.geometry.name]
            raise InputError(
                f"{self.path}: incident energies of {low:.4g} to {high:.4g} look like GeV, expected MeV "
                f"({known.lowest:g} to {known.highest:g} as published); say which: unit MeV or GeV"
            )

    def _check_voxels(self, showers: Float[np.ndarray, "shower voxel"], start: int) -> None:
        # Smallest and largest of all tell NaN, infinite and negative without an array of flags.
        if not showers.size or (showers.min() >= 0 and showers.max() < np.inf):
            return
        row, voxel = np.argwhere(~(np.isfinite(showers) & (showers >= 0)))[0]
        raise InputError(
            f"{self.where(start + int(row))}: expected energies of 0 or more, got {showers[row, voxel]} in voxel "
            f"{voxel}; set what is below 0 to 0"
        )


def write_showers(
    path: str | Path,
    energies: Float[np.ndarray, " shower"],
    showers: Float[np.ndarray, "shower voxel"],
    *,
    kind: Kind | None = None,
) -> None:
    """Write showers in the published layout, as float32: any tool made for the challenge reads the file.

    Args:
        path: File to write; it appears when it is complete.
        energies: Incident energies in MeV.
        showers: Energies of the voxels in MeV.
        kind: What they are, which the file then says; where it is not said, `evaluate showers` does not take them
            for real ones by itself.

    Raises:
        InputError: Not as many energies as showers, or the file cannot be written.
    """
    write_pieces(path, [(energies, showers)], kind=kind)


def write_pieces(
    path: str | Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]], *, kind: Kind | None = None
) -> None:
    """As `write_showers`, from pieces (energies, showers) of a sample that need not fit in memory.

    Raises:
        InputError: No piece, a piece whose shapes do not match, or the file cannot be written.
    """

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            file.attrs.update(kind_attributes(kind))
            for energies, showers in pieces:
                _append(file, np.asarray(energies).reshape(-1), np.asarray(showers))
            if not len(file):
                raise InputError(f"{path}: no showers to write")

    try:
        write_whole(Path(path), write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def stand_in(dataset: str, count: int, *, seed: int, workers: int = 2, progress: bool = False) -> InMemory:
    """Showers in the voxels of a data set, from the parametrisation GFLASH; columns as of `open_showers`.

    They are not those of the challenge, so **numbers obtained on them must not be set beside those published**.
    Kept in the cache for the next call; a larger sample with the same seed starts with the smaller one.

    Args:
        dataset: "1-photons", "1-pions", "2" or "3".
        count: Number of showers.
        seed: Of the sample.
        workers: Processes.
        progress: Show a bar.

    Raises:
        InputError: No such data set, or no showers asked for.
    """
    from femtobarn.simulate.chunks import run_chunks
    from femtobarn.simulate.showers.sample import shower_chunks

    geometry(dataset)
    if count < 1:
        raise InputError(f"expected at least one shower, got {count}")
    chunks = shower_chunks(dataset, count, seed=seed)
    parts = run_chunks(chunks, workers=workers, progress=progress, label=f"showers of data set {dataset}")
    columns = ("energies", "showers")
    return InMemory(
        {name: np.concatenate([part[name] for part in parts], dtype=np.float32) for name in columns}
    )


def describe() -> str:
    """The data set in plain text: where it is, its formats, its columns with their units."""
    lines = [SUMMARY, "", "published:", *(f"  {record}" for record in RECORD), f"licence: {LICENCE}"]
    lines += ["", "formats:"] + [f"  {name}: {what}" for name, what in FORMATS]
    lines += ["", f"{'column':10} {'unit':6} {'from':18} what"]
    lines += [f"{name:10} {unit:6} {source:18} {what}" for name, unit, what, source in COLUMNS]
    lines += [
        "",
        f"{'data set':10} {'particle':9} {'voxels':>6} {'layers':>6} {'showers a file':>14}  to compare with",
    ]
    for name, known in PUBLISHED_SETS.items():
        voxels = geometry(name)
        lines.append(
            f"{name:10} {voxels.particle:9} {voxels.voxels:6} {len(voxels.layers):6} {known.showers:14}  "
            f"{', '.join(known.test)}"
        )
    return "\n".join(line.rstrip() for line in lines)


def _append(file: h5py.File, energies: np.ndarray, showers: np.ndarray) -> None:
    if showers.ndim != 2 or len(energies) != len(showers):
        raise InputError(
            f"expected an energy for each row of voxels, got {energies.shape} and {showers.shape}"
        )
    for name, table in ((_ENERGIES, energies[:, None]), (_SHOWERS, showers)):
        if name not in file:
            rows = max(1, _PIECE // (4 * table.shape[1]))
            packing = {
                "chunks": (rows, table.shape[1]),
                "compression": "gzip",
                "compression_opts": 1,
                "shuffle": True,
            }
            file.create_dataset(
                name, shape=(0, table.shape[1]), maxshape=(None, table.shape[1]), dtype="f4", **packing
            )
        if table.shape[1] != file[name].shape[1]:
            raise InputError(f"expected {file[name].shape[1]} voxels in all pieces, got {table.shape[1]}")
        before = len(file[name])
        file[name].resize(before + len(table), axis=0)
        file[name][before:] = table


def _may_be_gev(incident: Float[np.ndarray, " shower"], known: PublishedSet) -> bool:
    """Whether energies, be they of a whole sample or of a part of its range, may have been written in GeV.

    As MeV they would then all be near or below the lowest published one. Only in data set 1 is there room for both;
    its energies are powers of two in MeV, which in GeV they are not.
    """
    if 1000 * float(incident.max()) > 1.01 * known.highest:
        return False
    power = np.log2(incident.astype(np.float64))
    discrete = np.abs(power - np.round(power)).max() < 1e-4
    return not (discrete and incident.min() >= 0.99 * known.lowest and known.lowest == 2.0**8)


def _other_geometry(shape: tuple[int, ...], wanted: VoxelGeometry) -> str:
    fitting = [each.name for each in GEOMETRIES.values() if shape[1:] == (each.voxels,)]
    hint = f"that is data set {fitting[0]}" if fitting else "no data set of the challenge has so many"
    return f"expected showers of {wanted.voxels} voxels (data set {wanted.name}), got {shape}: {hint}"
