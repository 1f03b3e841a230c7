"""Trigger-cell charges of HGCAL silicon wafers: CMS simulation, as published with arXiv:2306.04712.

`open_wafers` reads the published CSV files, the later ROOT ntuples and femtobarn's own HDF5 (from
`write_wafers`). All give the same columns, as far as a format has them; `COLUMNS` has their units.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from femtobarn.data import checksums as files
from femtobarn.data.csv import CsvFile
from femtobarn.data.hdf5 import Hdf5File, write_hdf5
from femtobarn.data.opening import as_float32
from femtobarn.data.root import RootTree
from femtobarn.data.source import Arrays, Concatenated, FileSource, check_columns
from femtobarn.data.split import split_by_group
from femtobarn.errors import InputError
from femtobarn.physics.wafer import CELLS, hexagonal_coordinates

__all__ = [
    "WaferSource",
    "checksums",
    "describe",
    "open_wafers",
    "published_split",
    "split_by_group",
    "write_wafers",
]

NAME = "hgcal"
SUMMARY = "Trigger-cell charges of HGCAL silicon wafers (CMS simulation; stand-in from Geant4)"
#: Names under which the two samples were published; a folder of that name is taken for the sample.
TTBAR, ELECTRONS = "HGCal22Data_signal_driven_ttbar_v11", "elegun"
RECORD = (
    "CERNBox share YpAWu24aw6EaBk7 and a public web folder, both named in the code of arXiv:2306.04712 "
    "(github.com/fastmachinelearning/fastml-science, sensor-data-compression); no DOI; not verified that "
    "they still resolve"
)
LICENCE = "none stated with the data"
FORMATS = (
    ("CSV without header", "CALQ_0 to CALQ_47 in fields 0-47, tc_eta and tc_phi in fields 55 and 56"),
    ("CSV with header", "by name; recognised by its first field, which is not a number"),
    ("ROOT", "tree HGCalTriggerNtuple, branches wafer_CALQ0 to 63 (8x8 layout), wafer_eta, wafer_layer ..."),
    ("HDF5", "femtobarn's own, from datasets.hgcal.write_wafers"),
)
#: Our name, unit, what it is; then its name in CSV and in ROOT, "" where there is none.
COLUMNS = (
    ("charge", "counts", "charge of the 48 trigger cells, 35 a transverse MIP", "CALQ_0...", "CALQ0..."),
    ("eta", "", "pseudorapidity of the wafer", "tc_eta", "eta"),
    ("phi", "rad", "azimuth of the wafer", "tc_phi", "phi"),
    ("layer", "", "layer of the calorimeter, 1 to 47", "layer", "layer"),
    ("u", "", "wafer coordinate u", "waferu", "waferu"),
    ("v", "", "wafer coordinate v", "waferv", "waferv"),
    ("type", "", "sensor thickness: 0, 1, 2 for 120, 200, 300 um", "", "wafertype"),
    ("module", "", "shape of the module; FI, FM, FO are full ones", "ModType", ""),
    ("event", "", "event number in its file", "entry", "entry"),
    ("shower", "", "number of the shower, femtobarn's stand-in only", "", ""),
    ("pid", "", "PDG code of the shower's particle, stand-in only", "", ""),
    ("energy", "GeV", "kinetic energy of the shower's particle, stand-in only", "", ""),
    ("sim_energy", "as stored", "true energy in the wafer (stand-in: MeV)", "SimEnergyTotal", "simenergy"),
    ("sim_fraction", "", "that over the event's (stand-in: shower's) energy", "SimEnergyFraction", ""),
    ("signal_fraction", "", "shower over shower and pile-up in the wafer, stand-in only", "", ""),
)  # fmt: skip

_FORMAT = 1
_ROWS = 8192  # read at a time; small enough for the cache of a processor
_COUNTING = 4  # wafers from which on charges 0, 1, 2, ... are taken for numbers of rows
_LIMITS = {"eta": 10.0, "phi": 6.2832}  # of what places a wafer
_WHOLE = ("layer", "u", "v", "type", "event", "shower", "pid")  # numbers, which a CSV file has as reals
_NO_WAFER = -999  # what the ntuples have in place of charges for scintillator modules
_Layout = dict[str, tuple[str, ...]]


class WaferSource:
    """Source of wafers under our names, all 48 charges as the column "charge", empty wafers left out.

    Every charge is read once when the source is made: to check it, and to find the empty wafers.

    Args:
        file: Rows as a file has them.
        layout: Which of its columns make one of ours; 48 of them make "charge".
        repair: Called with the raw columns of "charge", may mend them.

    Attributes:
        columns: Our names of what the file has.
        empty: Wafers left out because all their charges are zero.

    Raises:
        InputError: A charge that is negative or not finite, not 48 cells, a first cell that counts the rows, a
            place that is none, or no wafer with any charge.
    """

    def __init__(
        self, file: FileSource, layout: _Layout, repair: Callable[[np.ndarray], np.ndarray] = lambda raw: raw
    ) -> None:
        self._file, self._layout, self._repair = file, layout, repair
        self.columns = tuple(layout)
        kept, counting = [np.empty(0, np.int64)], len(file) >= _COUNTING
        place = [name for name in _LIMITS if name in layout]
        for start in range(0, len(file), _ROWS):
            raw = self._raw(("charge", *place), start, start + _ROWS)
            charge = raw["charge"]
            _check(charge, lambda row, start=start: file.where(start + row))  # type: ignore[misc]
            rows = np.flatnonzero(charge.any(axis=1))
            kept.append(start + rows)
            for name in place:
                self._numbers(name, raw[name][rows], start + rows)
            numbers = np.arange(start, start + len(charge))
            counting = counting and any(np.array_equal(charge[:, 0], numbers + first) for first in (0, 1))
        if counting:
            raise InputError(
                f"{file.where(0)}: the charges of cell 0 count the rows: is it an index of pandas? Write the file "
                "without it (index=False)"
            )
        self._kept = np.concatenate(kept)
        self.empty = len(file) - len(self._kept)
        if not len(self._kept):
            raise InputError(f"{file.where(0)}: no wafer with any charge, {self.empty} empty ones")

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Wafers `start` to `stop`, empty ones not counted; charges and other reals as float32.

        Raises:
            InputError: A number that is not finite, no whole one where one is expected, or too large for a place.
        """
        check_columns(columns, self.columns, self._file.where(0))
        stop = max(min(stop, len(self)), start)
        parts = [self._piece(columns, first, min(first + _ROWS, stop)) for first in range(start, stop, _ROWS)]
        parts = parts or [self._piece(columns, 0, 0)]
        return {name: np.concatenate([part.pop(name) for part in parts]) for name in columns}

    def _piece(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        rows = self._kept[start:stop]
        first, last = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        raw = self._raw(columns, first, last)
        return {
            name: values[rows - first]
            if name == "charge"
            else self._numbers(name, values[rows - first], rows)
            for name, values in raw.items()
        }

    def _numbers(self, name: str, values: np.ndarray, rows: Int[np.ndarray, "row"]) -> np.ndarray:
        """A column beside the charges in its type, if it can be what it is called; `rows` are those of the file."""
        if values.ndim != 1 or (values.dtype.kind == "U") != (name == "module"):
            raise InputError(
                f"{self._file.where(0)}: expected one {'word' if name == 'module' else 'number'} a wafer in {name}, "
                f"got {values.dtype} of shape {values.shape[1:]}"
            )
        if name == "module":
            return values
        most = _LIMITS.get(name, np.finfo(np.float32).max)
        bad = ~(np.abs(values.astype(np.float64)) <= most)  # NaN too
        if name in _WHOLE:
            bad |= values != np.round(values)
        if bad.any():
            row = int(bad.argmax())
            whole = "a whole number" if name in _WHOLE else "a finite number"
            limit = f", of at most {most:.4g}" if name in _LIMITS else ""
            raise InputError(
                f"{self._file.where(int(rows[row]))}: {name} is {values[row]:g}, expected {whole}{limit}"
            )
        if name in _WHOLE:
            return values.astype(np.int64)
        return values.astype(np.float32) if values.dtype.kind == "f" else values

    def _raw(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        names = dict.fromkeys(name for column in columns for name in self._layout[column])
        found = self._file.read(tuple(names), start, stop)
        table = {}
        for column in columns:
            parts = [found[name] for name in self._layout[column]]
            if column != "charge":
                table[column] = parts[0]
                continue
            charge = np.stack(parts, axis=1) if len(parts) > 1 else parts[0]
            if charge.dtype.kind == "f" or len(parts) > 1:
                charge = as_float32(charge)
            table[column] = self._repair(charge)
        return table


def open_wafers(path: str | Path) -> WaferSource:
    """Wafers of a file, or of all files of a folder in the order of their names, as a source.

    CSV files with and without header, ROOT ntuples and femtobarn's HDF5 are told apart by their suffix
    (.csv, .root, .h5 or .hdf5); a folder must hold one kind. In the ROOT ntuples cell (u, v) is branch
    CALQ(8 u + v), after the producer's source code (forks of github.com/cms-sw/cmssw); no such file was at
    hand to verify it. Where CALQ0 is missing, as in the list of the published training code, it is taken
    from AEin0.

    Raises:
        InputError: What is wrong, with the file and, where it helps, the line.
        MissingExtraError: A ROOT file, and uproot is not installed.
    """
    path = Path(path)
    found = _files(path)
    suffix = found[0].suffix
    if suffix == ".csv":
        parts: list[FileSource] = [CsvFile(file, names=_headerless, text=("ModType",)) for file in found]
    elif suffix == ".root":
        parts = [_ntuple(file) for file in found]
    else:
        parts = [Hdf5File(file, known=[ours for ours, *_ in COLUMNS]) for file in found]
    whole = parts[0] if len(parts) == 1 else Concatenated(parts)
    if suffix == ".csv":
        return WaferSource(whole, _csv_layout(whole))
    if suffix == ".root":
        return _open_ntuple(whole)
    return WaferSource(whole, _own_layout(whole))


def write_wafers(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write wafers as HDF5 that `open_wafers` reads; the file appears when it is complete.

    Raises:
        InputError: No "charge" of shape (n, 48), a charge that is negative or not finite, columns of
            different length, names that are not in `COLUMNS`.
    """
    check_columns(list(arrays), [column[0] for column in COLUMNS], "wafers")
    if "charge" not in arrays:
        raise InputError("wafers without a column 'charge'")
    _check(np.asarray(arrays["charge"]), lambda row: f"row {row}")
    write_hdf5(Path(path), arrays, {"dataset": NAME, "format": _FORMAT})


def published_split(n: int) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " validation"]]:
    """Row numbers of training and validation as in the published code: the first 20 % validate."""
    first = int(0.2 * n)
    return np.arange(first, n), np.arange(first)


def checksums(path: str | Path) -> dict[str, str]:
    """Fingerprint of each file that `open_wafers` would read, by its path; see `femtobarn.data.checksums`."""
    return {str(file): files.checksum(file) for file in _files(Path(path))}


def describe() -> str:
    """The data set in plain text: where it is, its formats, its columns with their units."""
    lines = [
        SUMMARY,
        "",
        f"published: {RECORD}",
        f"samples: {TTBAR} (nElinks_5), {ELECTRONS}",
        f"licence: {LICENCE}",
    ]
    lines += ["", "formats:"] + [f"  {name}: {what}" for name, what in FORMATS]
    lines += ["", f"{'column':16} {'unit':10} {'CSV':18} {'ROOT (wafer_...)':17} what"]
    lines += [f"{name:16} {unit:10} {csv:18} {root:17} {what}" for name, unit, what, csv, root in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _files(path: Path) -> list[Path]:
    kinds = {".csv": ".csv", ".root": ".root", ".h5": ".h5", ".hdf5": ".h5"}
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix in kinds and file.is_file())
        if not found:
            raise InputError(f"{path}: the folder holds no file that ends in {', '.join(kinds)}")
        if len({kinds[file.suffix] for file in found}) > 1:
            raise InputError(f"{path}: files of several kinds; give one file, or a folder with one kind")
        return found
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.suffix not in kinds:
        raise InputError(
            f"{path}: expected a file that ends in {', '.join(kinds)}, or a folder of such files"
        )
    return [path]


def _check(charge: np.ndarray, where: Callable[[int], str]) -> None:
    if charge.ndim != 2 or charge.shape[1] != CELLS:
        raise InputError(
            f"{where(0)}: expected {CELLS} trigger cells a wafer, got charges of shape {charge.shape}"
        )
    bad = ~(np.isfinite(charge) & (charge >= 0))
    if bad.any():
        row, cell = np.argwhere(bad)[0]
        raise InputError(
            f"{where(int(row))}: charge of cell {cell} is {charge[row, cell]:g}, expected 0 or more"
        )


def _headerless(fields: int) -> tuple[str, ...]:
    """Names of the fields of a published file without header (from the code of arXiv:2306.04712)."""
    named = {**{i: f"CALQ_{i}" for i in range(CELLS)}, 55: "tc_eta", 56: "tc_phi"}
    return tuple(named.get(i, f"field_{i}") for i in range(fields))


def _csv_layout(file: FileSource) -> _Layout:
    charge = tuple(f"CALQ_{i}" for i in range(CELLS))
    check_columns(charge, file.columns, file.where(0))
    return {"charge": charge} | {
        ours: (csv,) for ours, _, _, csv, _ in COLUMNS if ours != "charge" and csv in file.columns
    }


def _own_layout(file: FileSource) -> _Layout:
    check_columns(["charge"], file.columns, file.where(0))
    return {ours: (ours,) for ours, *_ in COLUMNS if ours in file.columns}


def _ntuple(path: Path) -> RootTree:
    return RootTree(path, tree="HGCalTriggerNtuple", prefix="wafer_", size="layer")


def _open_ntuple(file: FileSource) -> WaferSource:
    index = [f"{8 * u + v}" for u, v in hexagonal_coordinates()]
    charge = [f"CALQ{i}" for i in index]
    missing = "CALQ0" not in file.columns
    if missing:
        charge[index.index("0")] = "AEin0"
        charge += [f"AEin{i}" for i in index]
    check_columns(charge, file.columns, file.where(0))
    layout = {"charge": tuple(charge)} | {
        ours: (root,) for ours, *_, root in COLUMNS if ours != "charge" and root in file.columns
    }
    return WaferSource(file, layout, _with_first_cell if missing else _without_scintillators)


def _without_scintillators(charge: np.ndarray) -> np.ndarray:
    """Modules without silicon have no charges; as empty wafers they are left out."""
    return np.where((charge == _NO_WAFER).all(axis=1, keepdims=True), 0, charge)


def _with_first_cell(raw: np.ndarray) -> np.ndarray:
    """Charge of cell (0, 0) from AEin, which is the charge over one number for the whole wafer."""
    charge, normalised = _without_scintillators(raw[:, :CELLS]), raw[:, CELLS:]
    first = int(np.flatnonzero((hexagonal_coordinates() == 0).all(axis=1))[0])
    others = np.arange(CELLS) != first
    known, shares = charge[:, others].sum(axis=1), normalised[:, others].sum(axis=1)
    scale = np.divide(known, shares, out=np.zeros_like(known), where=shares > 0)
    charge[:, first] = np.round(np.maximum(normalised[:, first], 0) * scale)
    return charge
