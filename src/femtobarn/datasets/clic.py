"""Single particles in CLIC's barrel calorimeters, cell by cell: the LCD data of arXiv:1912.06794.

`open_showers` reads the published HDF5 files piece by piece, `read_showers` keeps them in memory as sparse cells,
`calibrate` finds the scale of their cells, `stand_in` makes such showers by Geant4, `write_showers` writes the
published layout. All speak of cells in the unit of the files: 0.05 per MeV deposited, so that a sum is near GeV.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5 import Hdf5File
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.opening import as_float32, given_files
from femtobarn.data.source import Arrays, Concatenated, FileSource, Source, check_columns, stream
from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import ECAL, ECAL_CELLS, FEATURES, HCAL, SAMPLING_WEIGHTS, features
from femtobarn.simulate.clic_stack import Gun, Species, clic_showers, join

__all__ = [
    "Calibration",
    "Showers",
    "calibrate",
    "describe",
    "open_showers",
    "read_showers",
    "stand_in",
    "write_showers",
]

NAME = "clic"
SUMMARY = "Electrons, photons and pions in CLIC's ECAL and HCAL, by cell (LCD, Geant4; stand-in from Geant4)"
RECORD = "Zenodo 10.5281/zenodo.3603086 (electrons, 100-200 GeV) and the LCD samples of the CERN openlab"
LICENCE = "as stated in the record"
#: Our name, unit, what it is, name in the files.
COLUMNS = (
    ("ecal", "1/20 MeV", "cells of the ECAL window, (51, 51, 25) or (25, 25, 25)", "ECAL"),
    ("hcal", "1/20 MeV", "cells of the HCAL window, (11, 11, 60)", "HCAL"),
    ("energy", "GeV", "energy of the particle", "energy; column 1 of target"),
    ("pdg", "", "PDG code: 11, 22, 111, -211", "pdgID"),
    ("theta", "rad", "polar angle of the particle", "theta"),
    ("phi", "rad", "its azimuth", "phi"),
    ("eta", "", "its pseudorapidity", "eta"),
    ("reco_theta", "rad", "polar angle of the barycentre", "recoTheta"),
    ("reco_phi", "rad", "azimuth of the barycentre", "recoPhi"),
    ("reco_eta", "", "pseudorapidity of the barycentre", "recoEta"),
    ("opening", "rad", "angle between the photons of a neutral pion", "openingAngle"),
)
UNIT = 0.05  #: file units per MeV deposited

_LAYOUT = {ours: file for ours, _, _, file in COLUMNS} | {"energy": "energy"}
_ANGLES = ("theta", "phi", "eta", "reco_theta", "reco_phi", "reco_eta", "opening")
_ROWS = 200  # dense showers at once: 58 MB


@dataclass(frozen=True)
class Showers:
    """Showers in memory: the filled cells, in file units, and one row of columns each.

    Attributes:
        first: The cells of shower i are rows ``first[i]`` to ``first[i + 1]`` of `cell` and `value`.
        cell: Number of the cell: through the ECAL window (51, 51, 25), then through that of the HCAL.
        value: What is in it.
        columns: "energy", "pdg", angles, as far as they are known; see `COLUMNS`.
    """

    first: Int[np.ndarray, "_"]
    cell: Int32[np.ndarray, "hit"]
    value: Float32[np.ndarray, "hit"]
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.first) - 1

    def take(self, rows: Int[np.ndarray, "_"]) -> "Showers":
        """These showers."""
        hits, counts = _hits(self.first, rows)
        return Showers(
            np.concatenate(([0], np.cumsum(counts))),
            self.cell[hits],
            self.value[hits],
            {name: column[rows] for name, column in self.columns.items()},
        )

    def dense(self, rows: Int[np.ndarray, "_"]) -> tuple[np.ndarray, np.ndarray]:
        """Windows of these showers, float32 (row, 51, 51, 25) and (row, 11, 11, 60)."""
        hits, counts = _hits(self.first, rows)
        size = ECAL_CELLS + int(np.prod(HCAL))
        whole = np.zeros(len(rows) * size, np.float32)
        whole[np.repeat(np.arange(len(rows)) * size, counts) + self.cell[hits]] = self.value[hits]
        table = whole.reshape(len(rows), size)
        return table[:, :ECAL_CELLS].reshape(-1, *ECAL), table[:, ECAL_CELLS:].reshape(-1, *HCAL)

    def layers(self) -> tuple[Float64[np.ndarray, "shower 25"], Float64[np.ndarray, "shower 60"]]:
        """Sum of each layer of the two windows."""
        shower = np.repeat(np.arange(len(self)), np.diff(self.first))
        in_ecal = self.cell < ECAL_CELLS
        depth = np.where(in_ecal, self.cell % ECAL[2], ECAL[2] + (self.cell - ECAL_CELLS) % HCAL[2])
        number = ECAL[2] + HCAL[2]
        sums = np.bincount(shower * number + depth, self.value.astype(np.float64), len(self) * number)
        table = sums.astype(np.float64).reshape(len(self), number)  # without a hit NumPy counts in integers
        return table[:, : ECAL[2]], table[:, ECAL[2] :]


class Calibration(NamedTuple):
    """GeV per file unit: energy is `ecal` times the weighted sum of the ECAL plus `hcal` times that of the HCAL.

    Layers of the ECAL are weighted with their absorber, `femtobarn.physics.calorimeter_cells.SAMPLING_WEIGHTS`.
    """

    ecal: float
    hcal: float

    def energy(self, showers: Showers) -> Float64[np.ndarray, "shower"]:
        """The calibrated sum of each shower, GeV."""
        ecal, hcal = showers.layers()
        return self.ecal * (ecal @ SAMPLING_WEIGHTS) + self.hcal * hcal.sum(axis=1)


def calibrate(showers: Showers) -> Calibration:
    """The scale of the cells: least squares of the relative residual of the energy, over all showers together.

    Raises:
        InputError: No energies, or nothing in the cells.
    """
    if "energy" not in showers.columns:
        raise InputError("showers without a column 'energy' cannot be calibrated")
    ecal, hcal = showers.layers()
    energy = showers.columns["energy"]
    design = np.stack((ecal @ SAMPLING_WEIGHTS, hcal.sum(axis=1)), axis=1) / energy[:, None]
    if not design.any():
        raise InputError("showers whose cells are all empty cannot be calibrated")
    found, *_ = np.linalg.lstsq(design, np.ones(len(energy)), rcond=None)
    return Calibration(float(found[0]), float(found[1]))


def open_showers(files: Sequence[str | Path]) -> Source:
    """Showers of files in the published layout, as a source under the names of `COLUMNS`, dense, read piece by piece.

    A folder stands for all files that end in .h5 in it. Files with the older ECAL window of 25 x 25 are put in the
    middle of an empty one; where there is no HCAL it is empty; "target" stands for the energy.

    Raises:
        InputError: Not such a file: which data set is missing or of another shape.
    """
    if not files:
        raise InputError("expected at least one file of showers, got none")
    paths = given_files([file for given in files for file in expanded(given)])
    parts: list[FileSource] = [_File(file) for file in paths]
    return parts[0] if len(parts) == 1 else Concatenated(parts)


def expanded(path: str | Path) -> list[Path]:
    """The file itself, or all files ending in .h5 of a folder and those in it, by name.

    Raises:
        InputError: A folder without such files.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("*.h5"))
    if not found:
        raise InputError(f"{path}: the folder holds no file that ends in .h5")
    return found


def read_showers(files: Sequence[str | Path], *, limit: int | None = None) -> Showers:
    """Showers of files in memory, sparse; 200 at a time are dense meanwhile.

    Raises:
        InputError: As `open_showers`, or a cell that is negative or not finite.
    """
    source = open_showers(files)
    parts = [sparse(piece) for piece in stream(source, source.columns, rows=_ROWS, start=0, stop=limit)]
    if not parts:
        raise InputError(f"{files[0]}: no showers")
    return joined(parts)


def sparse(arrays: Arrays) -> Showers:
    """Dense columns of a source as `Showers`.

    Raises:
        InputError: A cell is negative or not finite.
    """
    ecal, hcal = arrays["ecal"], arrays["hcal"]
    table = np.concatenate((ecal.reshape(len(ecal), -1), hcal.reshape(len(hcal), -1)), axis=1)
    bad = ~(np.isfinite(table) & (table >= 0))
    if bad.any():
        row, cell = np.argwhere(bad)[0]
        raise InputError(f"shower {row}: cell {cell} holds {table[row, cell]:g}, expected 0 or more")
    row, cell = np.nonzero(table)
    return Showers(
        np.searchsorted(row, np.arange(len(table) + 1)),
        cell.astype(np.int32),
        table[row, cell].astype(np.float32),
        {name: column for name, column in arrays.items() if name not in ("ecal", "hcal")},
    )


def joined(parts: Sequence[Showers]) -> Showers:
    """Samples with the same columns, one after the other."""
    whole = join([{"first": p.first, "cell": p.cell, "value": p.value, **p.columns} for p in parts])
    return Showers(whole.pop("first"), whole.pop("cell"), whole.pop("value"), whole)


def stand_in(
    species: Species | Sequence[Species],
    count: int,
    *,
    seed: int,
    energy: tuple[float, float] = (10.0, 100.0),
    spectrum: Literal["flat", "log"] = "flat",
    angle: float = 30.0,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> Showers:
    """Showers of Geant4 in a CLIC-like stack (`femtobarn.simulate.clic_stack`), kept in the cache.

    Args:
        species: "e-", "gamma", "pi0", "pi-", or several; each has `count` showers, in this order.
        count: Showers of each species.
        seed: Another seed, other showers.
        energy: Range of the total energy, GeV.
        spectrum: Uniform in the energy or in its logarithm.
        angle: Largest angle to the normal of the face, degrees.
        workers, scheduler, progress: See `femtobarn.simulate.chunks.run_chunks`.

    Raises:
        InputError: An unknown species, energies or angle out of range.
        MissingExtraError: calzone is not installed.
    """
    names = (species,) if isinstance(species, str) else tuple(species)
    guns = [Gun(name, energy, spectrum, angle) for name in names]
    parts = [
        clic_showers(gun, count, seed=seed, workers=workers, scheduler=scheduler, progress=progress)
        for gun in guns
    ]
    whole = join(parts)
    value = whole.pop("value") * np.float32(UNIT)
    return Showers(whole.pop("first"), whole.pop("cell"), value, whole)


def write_showers(path: str | Path, showers: Showers) -> None:
    """Write the published layout with its columns of shower shapes; the file appears when it is complete.

    Raises:
        InputError: The file cannot be written.
    """

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            file.attrs["dataset"] = NAME
            cells = {"ECAL": ECAL, "HCAL": HCAL}
            for name, shape in cells.items():
                packing = {"chunks": (1, *shape), "compression": "gzip", "compression_opts": 2}
                file.create_dataset(name, (len(showers), *shape), np.float32, **packing)
            shapes = np.empty((len(showers), len(FEATURES)))
            for start in range(0, len(showers), _ROWS):
                rows = np.arange(start, min(start + _ROWS, len(showers)))
                ecal, hcal = showers.dense(rows)
                file["ECAL"][rows[0] : rows[-1] + 1], file["HCAL"][rows[0] : rows[-1] + 1] = ecal, hcal
                shapes[rows] = features(ecal, hcal)
            for name, column in zip(FEATURES, shapes.T, strict=True):
                file[name] = column.astype(np.float32)
            for name, column in showers.columns.items():
                file[_LAYOUT[name]] = column
            file["conversion"] = np.zeros(len(showers), np.int32)  # there is nothing before the face

    try:
        write_whole(Path(path), write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def describe() -> str:
    """The data set in plain text: where it is, its columns with their units."""
    lines = [SUMMARY, "", f"published: {RECORD}", f"licence: {LICENCE}", ""]
    lines.append(
        "format: HDF5, one data set a column; also shower shapes under the names of the published files"
    )
    lines += ["", f"{'column':11} {'unit':9} {'in the files':27} what"]
    lines += [f"{name:11} {unit:9} {file:27} {what}" for name, unit, what, file in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


class _File:
    """One file in the published layout under our names."""

    def __init__(self, path: Path) -> None:
        self._file = Hdf5File(path, known=(*_LAYOUT.values(), "target"))
        check_columns(("ECAL",), self._file.names, str(path))
        if not {"energy", "target"} & set(self._file.columns):
            raise InputError(f"{path}: no column 'energy' nor 'target': are these LCD showers?")
        known = [name for name in ("pdg", *_ANGLES) if _LAYOUT[name] in self._file.columns]
        self.columns = ("ecal", "hcal", "energy", *known)
        self._window = self._shape(path, "ECAL", (ECAL, (25, 25, 25)))
        if "HCAL" in self._file.columns:
            self._shape(path, "HCAL", (HCAL,))
        for name in known:
            self._shape(path, _LAYOUT[name], ((), (1,)))  # some files have (N, 1)
        if "energy" in self._file.columns:
            self._shape(path, "energy", ((), (1,)))
        elif len(target := self._file.shapes["target"]) != 1 or target[0] < 2:
            raise InputError(
                f"{path}: expected the energy in column 1 of 'target', got {target} numbers a shower"
            )

    def _shape(self, path: Path, name: str, wanted: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
        found = self._file.shapes[name]
        if found not in wanted:
            shapes = " or ".join(map(str, wanted))
            cells = "cells " if name in ("ECAL", "HCAL") else ""
            raise InputError(f"{path}: expected {cells}{name} of shape {shapes} a shower, got {found}")
        return found

    def __len__(self) -> int:
        return len(self._file)

    def where(self, row: int) -> str:
        """File and row."""
        return self._file.where(row)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Rows as float32 windows and float64 columns."""
        check_columns(columns, self.columns, self.where(0))
        return {name: self._read(name, start, stop) for name in columns}

    def _read(self, name: str, start: int, stop: int) -> np.ndarray:
        if name == "ecal":
            cells = as_float32(self._file.read(("ECAL",), start, stop)["ECAL"])
            edge = (ECAL[0] - self._window[0]) // 2
            return np.pad(cells, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        if name == "hcal" and "HCAL" not in self._file.columns:
            rows = max(min(stop, len(self)) - start, 0)
            return np.zeros((rows, *HCAL), np.float32)
        if name == "energy" and "energy" not in self._file.columns:
            target = self._file.read(("target",), start, stop)["target"][:, 1]
            return self._finite("target", target, start).astype(np.float64)
        stored = self._file.read((_LAYOUT[name],), start, stop)[_LAYOUT[name]]
        if name == "hcal":
            return as_float32(stored)
        return self._finite(_LAYOUT[name], stored.reshape(len(stored)), start).astype(
            np.int32 if name == "pdg" else np.float64
        )

    def _finite(self, name: str, column: np.ndarray, start: int) -> np.ndarray:
        if not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise InputError(f"{self.where(start + row)}: {name} is {column[row]}, expected a finite number")
        return column


def _hits(first: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the cells of these showers, and how many each has."""
    counts = first[rows + 1] - first[rows]
    before = np.concatenate(([0], np.cumsum(counts)[:-1])) if len(rows) else np.zeros(0, np.int64)
    return np.arange(int(counts.sum())) + np.repeat(first[rows] - before, counts), counts
