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
from femtobarn.data.hdf5_output import new_hdf5
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
    if isinstance(files, str | Path):
        files = _in_folder(Path(files)) if Path(files).is_dir() else [files]
    if not files:
        raise InputError("expected at least one file of showers, got none")
    parts: list[FileSource] = [ShowerFile(Path(file), voxels, unit=unit) for file in files]
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
        self._factor = np.float32(1000 if unit == "GeV" else 1)
        with _opened(path) as file:
            check_columns([_ENERGIES, _SHOWERS], list(file), str(path))
            shape, energies = file[_SHOWERS].shape, file[_ENERGIES].shape
            if len(shape) != 2 or shape[1] != voxels.voxels:
                raise InputError(f"{path}: {_other_geometry(shape, voxels)}")
            if energies not in ((shape[0], 1), (shape[0],)):
                raise InputError(
                    f"{path}: expected an incident energy for each of {shape[0]} showers, got {energies}"
                )
            self._rows: int = shape[0]
            incident = _read(file, _ENERGIES, slice(0, None), path).reshape(-1)
        self._check_energies(incident, unit)

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Showers `start` to `stop`.

        Raises:
            InputError: A voxel whose energy is negative or not finite.
        """
        check_columns(columns, self.columns, str(self.path))
        rows = slice(start, max(start, min(stop, self._rows)))
        found = {}
        with _opened(self.path) as file:
            if "energies" in columns:
                incident = _read(file, _ENERGIES, rows, self.path).reshape(-1)
                found["energies"] = incident.astype(np.float32, copy=False) * self._factor
            if "showers" in columns:
                showers = _read(file, _SHOWERS, rows, self.path).astype(np.float32, copy=False)
                self._check_voxels(showers, start)
                found["showers"] = showers if self._factor == 1 else showers * self._factor
        return {name: found[name] for name in columns}

    def _check_energies(self, incident: Float[np.ndarray, " shower"], unit: Unit | None) -> None:
        if not len(incident):
            return
        wrong = ~(np.isfinite(incident) & (incident > 0))
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(f"{self.where(row)}: expected an incident energy above 0, got {incident[row]}")
        known, low, high = PUBLISHED_SETS[self.geometry.name], float(incident.min()), float(incident.max())
        # A tenth leaves room for own samples that begin below the published ones.
        if unit is None and low < 0.1 * known.lowest and 1000 * high <= 1.01 * known.highest:
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
    path: str | Path, energies: Float[np.ndarray, " shower"], showers: Float[np.ndarray, "shower voxel"]
) -> None:
    """Write showers in the published layout, as float32: any tool made for the challenge reads the file.

    Args:
        path: File to write; it appears when it is complete.
        energies: Incident energies in MeV.
        showers: Energies of the voxels in MeV.

    Raises:
        InputError: Not as many energies as showers, or the file cannot be written.
    """
    write_pieces(path, [(energies, showers)])


def write_pieces(path: str | Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """As `write_showers`, from pieces (energies, showers) of a sample that need not fit in memory.

    Raises:
        InputError: No piece, a piece whose shapes do not match, or the file cannot be written.
    """

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
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


def _other_geometry(shape: tuple[int, ...], wanted: VoxelGeometry) -> str:
    fitting = [each.name for each in GEOMETRIES.values() if shape[1:] == (each.voxels,)]
    told = f"that is data set {fitting[0]}" if fitting else "no data set of the challenge has so many"
    return f"expected showers of {wanted.voxels} voxels (data set {wanted.name}), got {shape}: {told}"


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(file for file in folder.iterdir() if file.suffix in (".h5", ".hdf5"))
    if not found:
        raise InputError(f"{folder}: the folder holds no file that ends in .h5 or .hdf5")
    return found


def _read(file: h5py.File, name: str, rows: slice, path: Path) -> np.ndarray:
    try:
        found: np.ndarray = file[name][rows]
    except OSError as error:
        raise InputError(f"{path}: cannot be read, is it damaged? ({error})") from error
    if found.dtype.kind not in "fiu":
        raise InputError(f"{path}: expected numbers in {name}, got {found.dtype}")
    return found


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file, is it cut short? ({error})") from error
