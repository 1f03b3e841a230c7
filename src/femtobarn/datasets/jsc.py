"""Jet substructure classification: the hls4ml jets of gluons, quarks, W, Z and tops near 1 TeV.

`open_jets` reads the published HDF5 files piece by piece, `from_openml` takes the table of OpenML, and
`stand_in` makes such jets with Pythia 8 and FastJet. All give the same 16 observables and the same labels.
"""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from femtobarn.data.hardest import hardest
from femtobarn.data.hdf5 import OpenHdf5, opened_hdf5
from femtobarn.data.opening import as_float32, given_files, numbers
from femtobarn.data.source import (
    Arrays,
    Concatenated,
    FileSource,
    InMemory,
    Source,
    check_columns,
    check_unique,
)
from femtobarn.errors import InputError, nearest
from femtobarn.physics.substructure import OBSERVABLES, observables
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate.chunks import Chunks, run_chunks
from femtobarn.simulate.collisions import processes
from femtobarn.simulate.collisions.jets import JetSample, jet_chunk, padded
from femtobarn.simulate.collisions.pythia import version

NAME = "jsc"
SUMMARY = "Jets of g, q, W, Z, t: 16 observables and the particles (hls4ml; stand-in from Pythia 8)"
RECORD = (
    "Zenodo 10.5281/zenodo.3602260: particle lists, 620 000 jets to train and 260 000 to validate",
    "OpenML 42468, hls4ml_lhc_jets_hlf: the observables of 830 000 jets",
)
LICENCE = "CC BY 4.0 (Zenodo)"
CLASSES = ("g", "q", "w", "z", "t")  #: A label is the place in this list, the order in the files.
FORMATS = (
    ("HDF5, particle lists", "jets (jet, 59), jetConstituentList (jet, particle, 16), and the names of both"),
    ("HDF5, observables", "a table t_allpar_new with fields j_zlogz ... j_g, j_q, j_w, j_z, j_t"),
    ("arrays", "data (jet, 16) and target ('g', 'q', ...) of OpenML's table, for from_openml"),
)
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    ("features", "", "the 16 observables named below, the mass in GeV", "j_zlogz ..."),
    ("label", "", "0 to 4 for g, q, w, z, t", "j_g ... j_t"),
    ("jet", "GeV", "pT, eta, mass and number of particles", "j_pt, j_eta, j_mass, j_multiplicity"),
    ("particles", "", "(eta, phi, pT) relative to the jet", "j1_etarel, j1_phirel, j1_ptrel"),
    ("mask", "", "true where there is a particle, false where padding", "j1_pt > 0"),
)

_TABLE = "t_allpar_new"
_JET = ("pt", "eta", "mass", "multiplicity")
_PARTICLE = ("etarel", "phirel", "ptrel", "pt")
_PUBLISHED_NAME = re.compile(r"jetImage_\d+_\d+p_\d+_\d+\.h5|processed-pythia82-.*truth\.z")
_VERSION = 1  # raise it when the same settings give another stand-in
_JETS_PER_CHUNK = 500
_PT_HAT = (990.0, 1010.0)


def open_jets(files: str | Path | Sequence[str | Path], *, particles: int | None = None) -> Source:
    """Jets of one file, of several, or of all in a folder in the order of their names.

    The two HDF5 layouts in `FORMATS` are flagged apart by what is in a file, whatever its name ends in. Files
    without particle lists give no columns "particles" and "mask"; all files must have the same columns.

    Args:
        files: Files, or a folder with files that end in .h5 or .hdf5.
        particles: How many of the hardest listed particles to give; all if None.

    Raises:
        InputError: What is wrong, with the file.
    """
    paths = given_files(files, ".h5", ".hdf5")
    parts: list[FileSource] = [JetFile(path, particles=particles) for path in paths]
    return parts[0] if len(parts) == 1 else Concatenated(parts)


class JetFile:
    """Source of the jets of one HDF5 file, checked as they are read.

    Args:
        path: The file.
        particles: How many of the hardest listed particles to give; all if None.

    Attributes:
        columns: Those of `COLUMNS` that the file has.

    Raises:
        InputError: No such file, not HDF5, neither of the two layouts, or not so many particles listed.
    """

    def __init__(self, path: Path, *, particles: int | None = None) -> None:
        self.path = path
        with opened_hdf5(path) as file:
            self._table = _TABLE in file
            self._names = (
                file.records(_TABLE).dtype.names if self._table else _names(file, "jetFeatureNames", path)
            )
            check_unique(self._names, str(path))
            check_columns([f"j_{name}" for name in (*OBSERVABLES, *_JET, *CLASSES)], self._names, str(path))
            shape = (len(file.records(_TABLE)),) if self._table else file.shape("jets")
            self._rows = shape[0]
            if not self._table and shape != (self._rows, len(self._names)):
                raise InputError(f"{path}: expected jets of {len(self._names)} named features, got {shape}")
            self.columns = tuple(column[0] for column in COLUMNS[:3])
            if not self._table and "jetConstituentList" in file:
                self._listed(file, particles)
            elif particles is not None:
                raise InputError(
                    f"{path}: expected lists of particles, since {particles} of each jet are wanted"
                )

    def _listed(self, file: OpenHdf5, particles: int | None) -> None:
        names = _names(file, "particleFeatureNames", self.path)
        check_unique(names, str(self.path))
        check_columns([f"j1_{name}" for name in _PARTICLE], names, str(self.path))
        self._places = [names.index(f"j1_{name}") for name in _PARTICLE]
        shape = file.shape("jetConstituentList")
        least = (
            self._rows,
            1 if particles is None else particles,
            max(self._places) + 1,
        )  # j1_pdgid has no column
        if len(shape) != 3 or shape[0] != self._rows or min(np.subtract(shape, least)) < 0 or least[1] < 1:
            raise InputError(f"{self.path}: expected jetConstituentList of at least {least}, got {shape}")
        self._particles = shape[1] if particles is None else particles
        self.columns += ("particles", "mask")

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Jets `start` to `stop`; reals as float32, which is all the files hold.

        Raises:
            InputError: A number that is not finite, or a jet that is not of exactly one class.
        """
        check_columns(columns, self.columns, str(self.path))
        rows = slice(start, max(start, min(stop, self._rows)))
        with opened_hdf5(self.path) as file:
            raw = file.records(_TABLE)[rows] if self._table else file.read("jets", rows.start, rows.stop)
            listed = {"particles", "mask"} & set(columns)
            lists = file.read("jetConstituentList", rows.start, rows.stop) if listed else None
        found = self._of_jets(raw, rows)
        if lists is not None:
            found |= self._of_particles(lists)
        for name, array in found.items():
            if not np.isfinite(array).all():
                row = start + int(np.argwhere(~np.isfinite(array))[0, 0])
                raise InputError(f"{self.where(row)}: expected finite numbers in {name}")
        return {name: found[name] for name in columns}

    def _of_jets(self, raw: np.ndarray, rows: slice) -> Arrays:
        def columns(names: Sequence[str]) -> np.ndarray:
            if self._table:
                each = [numbers(raw[f"j_{name}"], f"{self.path}: j_{name}") for name in names]
                if odd := [name for name, column in zip(names, each, strict=True) if column.ndim != 1]:
                    raise InputError(f"{self.path}: expected one number a jet in j_{odd[0]}")
                return np.stack(each, axis=1)
            return raw[:, [self._names.index(f"j_{name}") for name in names]]

        flags = columns(CLASSES)
        if not ((flags.sum(axis=1) == 1) & (flags.max(axis=1, initial=0) == 1)).all():
            row = int(np.argmax((flags.sum(axis=1) != 1) | (flags.max(axis=1) != 1)))
            flagged = ", ".join(f"j_{name} {flag:g}" for name, flag in zip(CLASSES, flags[row], strict=True))
            raise InputError(f"{self.where(rows.start + row)}: expected one class of jet, got {flagged}")
        return {
            "features": as_float32(columns(OBSERVABLES)),
            "label": flags.argmax(axis=1),
            "jet": as_float32(columns(_JET)),
        }

    def _of_particles(self, lists: np.ndarray) -> Arrays:
        raw = as_float32(lists[..., self._places])
        mask = raw[..., 3] > 0
        first = hardest(raw[..., 3], mask, self._particles)
        return {"particles": first(np.where(mask[..., None], raw[..., :3], 0)), "mask": first(mask)}


def from_openml(
    data: Float[np.ndarray, "jet 16"],
    target: Shaped[np.ndarray, "jet"],
    *,
    names: Sequence[str] = OBSERVABLES,
) -> InMemory:
    """Columns "features" and "label" of OpenML's table, as scikit-learn's `fetch_openml` gives it.

    Args:
        data: `fetch_openml("hls4ml_lhc_jets_hlf", as_frame=False).data`.
        target: Its `.target`: "g", "q", "w", "z" or "t".
        names: Its `.feature_names`; in whatever order, the observables come out in ours.

    Raises:
        InputError: Other observables or classes than these, not one class a jet, or numbers not finite.
    """
    check_columns(OBSERVABLES, names, "the table")
    if len(names) != len(OBSERVABLES) or len(data) != len(target):
        raise InputError(
            f"expected 16 names and a class for each jet, got {len(names)} and {len(target)} classes"
        )
    kinds = np.asarray(target).astype(str)
    unknown = sorted(set(kinds.tolist()) - set(CLASSES))
    if unknown:
        raise InputError(f"expected jets of {', '.join(CLASSES)}, got {unknown[0]!r}")
    if not np.isfinite(data).all():
        raise InputError(f"jet {int(np.argwhere(~np.isfinite(data))[0, 0])}: expected finite observables")
    label = (kinds[:, None] == np.array(CLASSES)).argmax(axis=1)
    features = data[:, [list(names).index(name) for name in OBSERVABLES]]
    return InMemory({"features": features.astype(np.float32), "label": label})


def has_published_names(files: Sequence[Path]) -> bool:
    """Whether all files are named as the published ones.

    The records give no checksums of the files inside their archives. With the right number of jets it is what there
    is to tell them from the user's own, beside which published numbers must not stand.
    """
    names = [
        file.name
        for path in files
        for file in (given_files(path, ".h5", ".hdf5") if path.is_dir() else [path])
    ]
    return all(_PUBLISHED_NAME.fullmatch(name) for name in names)


def published_split(n: int) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]:
    """Row numbers of training and test as in the published trainings on OpenML's table: 20 % test.

    That is scikit-learn's `train_test_split(..., test_size=0.2, random_state=42)`.
    """
    order = np.random.RandomState(42).permutation(n)
    test = -(-n // 5)
    return order[test:], order[:test]


def stand_in(
    count: int, *, seed: int, particles: int = 150, workers: int = 2, progress: bool = False
) -> InMemory:
    """Jets like those of hls4ml from Pythia 8 and FastJet, a fifth of each class, in turn; all columns.

    Anti-kT jets of radius 0.8 from hard particles of 1 TeV within 1 %, matched to these within 0.4, from
    particles of 1 GeV or more, without the underlying event; the observables are those of
    `physics.substructure`. The published jets had a detector's granularity and resolution: here there is
    none. So **numbers obtained on these jets must not be set beside those published**. Jets are kept in the
    cache for the next call, and a larger sample with the same seed starts with the smaller one.

    Args:
        count: Number of jets of all classes.
        seed: Of the sample.
        particles: How many of the hardest particles to give; the observables are of all.
        workers: Processes.
        progress: Show a bar for each class.

    Raises:
        InputError: No jets or no particles asked for.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    if count < 1 or particles < 1:
        raise InputError(f"expected at least one jet and one particle, got {count} and {particles}")
    kinds = [
        _of_class(name, -(-(count - place) // len(CLASSES)), seed, particles, workers, progress)
        for place, name in enumerate(CLASSES[:count])
    ]
    rank, kind = np.divmod(np.arange(count), len(CLASSES))
    order = rank + np.concatenate(([0], np.cumsum([len(part["features"]) for part in kinds])))[kind]
    joined = {name: np.concatenate([part[name] for part in kinds])[order] for name in kinds[0]}
    return InMemory({"features": joined.pop("features"), "label": kind, **joined})


def substructure_chunk(sample: JetSample, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the stand-in: matched jets with their 16 observables."""
    jets = jet_chunk(sample, items, seed)
    first = np.concatenate(([0], np.cumsum(jets["size"])))
    momentum, mask = padded(jets["constituent"], first, particles=int(jets["size"].max()))
    return jets | {"features": observables(momentum, mask).astype(np.float32)}


def describe() -> str:
    """The data set in plain text: where it is, its formats, its columns with their units."""
    lines = [SUMMARY, "", "published:", *(f"  {record}" for record in RECORD), f"licence: {LICENCE}"]
    lines += ["", "formats:"] + [f"  {name}: {what}" for name, what in FORMATS]
    lines += ["", f"{'column':12} {'unit':6} {'from':37} what"]
    lines += [f"{name:12} {unit:6} {source:37} {what}" for name, unit, what, source in COLUMNS]
    lines += [
        "",
        "features:",
        *textwrap.wrap(", ".join(OBSERVABLES), 100, initial_indent="  ", subsequent_indent="  "),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _of_class(name: str, count: int, seed: int, particles: int, workers: int, progress: bool) -> Arrays:
    sample = JetSample(_process(name))
    chunks = Chunks(substructure_chunk, sample, count, _JETS_PER_CHUNK, seed, (_VERSION, *version()))
    parts = run_chunks(chunks, workers=workers, progress=progress, label=f"jets from {sample.process.name}")
    size, momentum, constituent, features = (
        np.concatenate([part[column] for part in parts])
        for column in ("size", "momentum", "constituent", "features")
    )
    jet = cylindrical(momentum)
    pt, eta, phi, _ = cylindrical(constituent).T
    jet_pt, jet_eta, jet_phi, _ = np.repeat(jet, size, axis=0).T
    relative = np.stack((eta - jet_eta, delta_phi(phi, jet_phi), pt / jet_pt), axis=1)
    table, mask = padded(
        relative.astype(np.float32), np.concatenate(([0], np.cumsum(size))), particles=particles
    )
    summary = np.column_stack((jet[:, [0, 1, 3]], size)).astype(np.float32)
    return {"features": features, "jet": summary, "particles": table, "mask": mask}


def _process(name: str) -> processes.Process:
    return {
        "g": processes.gluons(_PT_HAT),
        "q": processes.quarks(_PT_HAT),
        "w": processes.w_pairs(_PT_HAT),
        "z": processes.z_pairs(_PT_HAT),
        "t": processes.top_pairs(_PT_HAT, hadronic=True),
    }[name]


def _names(file: OpenHdf5, key: str, path: Path) -> list[str]:
    """Names of features as the file has them, which are bytes."""
    wanted = {"jetFeatureNames": "jets", "particleFeatureNames": "jetConstituentList"}[key]
    if key not in file or wanted not in file:
        raise InputError(
            f"{path}: expected a table {_TABLE}, or {wanted} with {key}; {nearest(key, file.names())}"
        )
    return file.texts(key)
