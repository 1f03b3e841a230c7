"""JetNet: jets of gluons, light quarks, tops, W and Z bosons at 1 TeV as particle clouds (arXiv:2106.11535).

`open_jets` reads the published HDF5 files piece by piece; `write_jets` writes the same layout; `stand_in`
makes jets with Pythia 8 and FastJet where the files are not at hand. All give the same columns.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.data.hardest import hardest
from femtobarn.data.hdf5 import Hdf5File, write_hdf5
from femtobarn.data.kind import Kind, kind_attributes
from femtobarn.data.opening import as_float32, check_file, given_files
from femtobarn.data.source import Arrays, Concatenated, InMemory, Source, check_columns
from femtobarn.errors import InputError, check_known, nearest
from femtobarn.physics.records import Records, flat, relative
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate.collisions import processes
from femtobarn.simulate.collisions.jets import JetSample, MatchedJets, matched_jets, padded

NAME = "jetnet"
SUMMARY = "Jets of gluons, quarks, tops, W and Z as particle clouds (JetNet; stand-in from Pythia 8)"
RECORD = "Zenodo 10.5281/zenodo.6975118 (30 particles), 10.5281/zenodo.6975117 (150 particles)"
LICENCE = "CC-BY 4.0"
#: The order in which the JetNet package joins them.
CLASSES = ("g", "q", "t", "w", "z")
#: Jets in the published file of each class.
PUBLISHED_JETS = {"g": 177_252, "q": 170_679, "t": 177_945, "w": 177_172, "z": 176_952}
#: Of the files with 30 particles, after third-party metadata of a copy of the record.
MD5 = {
    "g.hdf5": "4f537329da897a22a59762c9fd8b74da",
    "q.hdf5": "0ede789774bb74d4795c5d19d7ef66c6",
    "t.hdf5": "6c9d0663b352c85f74fcd2553e6872bf",
    "w.hdf5": "16cc265cb039f76bba43bab408916e3e",
    "z.hdf5": "90ffacd034dc87c802bc43385af9fea3",
}
#: Our name, unit, what it is, where it comes from.
COLUMNS = (
    ("particles", "", "(eta, phi, pT) of the hardest particles relative to the jet", "particle_features 0-2"),
    ("mask", "", "true where there is a particle, false where padding", "particle_features 3"),
    ("jet", "GeV", "pT, eta, mass and number of particles listed", "jet_features"),
    ("file", "", "which of the files the jet is from, counted from 0", ""),
)

_LAYOUT = ("particle_features", "jet_features")
_FEATURES = ("eta_rel", "phi_rel", "pt_rel")
_JET_FEATURES = ("pt", "eta", "mass", "multiplicity")
_MOST = 150  # particles of a jet in any published file
_PT_HAT = (990.0, 1010.0)


class JetSource:
    """Source of the jets of several files under our names, checked as they are read.

    Args:
        files: Paths of HDF5 files in the published layout.
        particles: How many of the hardest particles to give; as many as the files have if None.

    Attributes:
        columns: "particles", "mask", "jet", "file".
        particles: Particles of a jet, padding included.

    Raises:
        InputError: A file that is missing, cut short or of another layout, files with different numbers of
            particles, or fewer particles in them than asked for.
    """

    columns = tuple(column[0] for column in COLUMNS)

    def __init__(self, files: Sequence[Path], *, particles: int | None = None) -> None:
        parts = [Hdf5File(path, known=_LAYOUT) for path in files]
        widths = [_width(part) for part in parts]
        if len(set(widths)) > 1 and particles is None:
            listed = ", ".join(f"{path.name} {width}" for path, width in zip(files, widths, strict=True))
            raise InputError(f"files with different numbers of particles: {listed}; say how many to give")
        self.particles = widths[0] if particles is None else particles
        if not 1 <= self.particles <= min(widths):
            raise InputError(
                f"{files[widths.index(min(widths))]}: expected 1 to {min(widths)} particles to be asked for, "
                f"got {self.particles}"
            )
        self._parts = [_Narrow(part, self.particles) for part in parts]
        self._file = Concatenated(self._parts)
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return len(self._file)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Jets `start` to `stop`; reals as float32.

        Raises:
            InputError: A number that is not finite, a mask that is not 0 or 1 or does not fit the particles,
                or a jet without particles.
        """
        check_columns(columns, self.columns, self._file.where(0))
        stop = max(min(stop, len(self)), start)
        found = self._file.read(_LAYOUT, start, stop)
        raw = {name: as_float32(array) for name, array in found.items()}
        _check(raw["particle_features"], raw["jet_features"], lambda row: self._file.where(start + row))
        table = _named(raw["particle_features"], raw["jet_features"])
        table["file"] = np.searchsorted(self._ends, np.arange(start, stop), side="right")
        return {name: table[name] for name in columns}


def open_jets(files: str | Path | Sequence[str | Path], *, particles: int | None = None) -> Source:
    """Jets of one file, of several, or of all in a folder, as a source that reads piece by piece.

    A folder gives its files in the order of `CLASSES`, as the JetNet package joins them, and then by name.

    Args:
        files: Files in the published layout, or a folder that holds such (.hdf5 or .h5).
        particles: How many of the hardest particles to give; as many as the files have if None.

    Raises:
        InputError: What is wrong, with the file.
    """
    paths = given_files(files, ".hdf5", ".h5")
    if isinstance(files, str | Path):
        paths = sorted(paths, key=_rank)
    return JetSource(paths, particles=particles)


def write_jets(
    path: str | Path,
    particles: Float[np.ndarray, "jet particle 3"],
    mask: Bool[np.ndarray, "jet particle"],
    jet: Float[np.ndarray, "jet 4"],
    *,
    kind: Kind | None = None,
) -> None:
    """Write jets in the published layout; the file appears when it is complete.

    Args:
        path: Where to.
        particles: (eta_rel, phi_rel, pt_rel), hardest first.
        mask: True where there is a particle; what stands elsewhere is written as zeros.
        jet: pT, eta, mass (GeV) and number of particles.
        kind: What they are, which the file then says; where it is not said, `evaluate jets` does not take them for
            real ones by itself.

    Raises:
        InputError: A number that is not finite, a jet without particles, or the file cannot be written.
    """
    clean = np.where(mask[..., None], particles, 0)
    features = np.concatenate((clean, mask[..., None]), axis=2, dtype=np.float32, casting="unsafe")
    _check(features, jet, lambda row: f"jet {row}")
    write_hdf5(
        Path(path),
        {"particle_features": features, "jet_features": jet.astype(np.float32)},
        kind_attributes(kind),
    )


def write_records(
    path: str | Path, jets: Records, *, particles: int = _MOST, kind: Kind | None = None
) -> None:
    """Write awkward records of the particles of jets, such as constituents of coffea's NanoEvents, as `write_jets`.

    A jet is the sum of its particles.

    Args:
        path: Where to.
        jets: pt, eta, phi and mass of the particles of each jet, GeV; see `physics.records`.
        particles: The hardest of each jet that are written.
        kind: See `write_jets`.

    Raises:
        InputError: Records that are none of particles in jets, a jet without particles, or see `write_jets`.
    """
    momentum, count = flat(jets)
    empty = np.diff(count) == 0
    if empty.any() or not len(momentum):
        raise InputError(f"jet {int(empty.argmax()) if empty.any() else 0}: expected at least one particle")
    whole = cylindrical(np.add.reduceat(momentum, count[:-1]))
    table, mask = relative(jets, most=particles)
    write_jets(path, table, mask, np.column_stack((whole[:, [0, 1, 3]], mask.sum(axis=1))), kind=kind)


def library_split(
    n: int, *, fractions: Sequence[float] = (0.7, 0.15, 0.15)
) -> tuple[Int[np.ndarray, " rows"], ...]:
    """Row numbers of each part as the JetNet package splits its joined classes: one fixed permutation.

    The published trainings of single classes use fractions (0.7, 0.3).

    Raises:
        InputError: Fractions that are negative or add up to more than 1.
    """
    if min(fractions, default=-1.0) < 0 or sum(fractions) > 1 + 1e-9:
        raise InputError(f"expected fractions of 0 or more that add up to at most 1, got {tuple(fractions)}")
    order = np.random.default_rng(42).permutation(n)
    cuts = (np.cumsum(fractions) * n + 1e-6).astype(int)  # 0.7 + 0.2 + 0.1 is a little less than 1
    return tuple(np.split(order, cuts)[: len(fractions)])


def check_md5(path: str | Path) -> None:
    """Compare a published file, under its published name, with the checksum of the record.

    Raises:
        InputError: The file differs, or has a name for which no checksum is known.
    """
    path = Path(path)
    if path.name not in MD5:
        raise InputError(f"{path}: no published checksum for this name; {nearest(path.name, MD5)}")
    check_file(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != MD5[path.name]:
        raise InputError(f"{path}: expected the published file with md5 {MD5[path.name]}, got md5 {found}")


def known_as(files: Sequence[Path]) -> str:
    """ "JetNet g" for the published file of a class, proved by its checksum; "own jets" for any others.

    Published numbers may stand beside those obtained on published files only.
    """
    if len(files) == 1 and files[0].name in MD5:
        with contextlib.suppress(InputError):
            check_md5(files[0])
            return f"JetNet {files[0].stem}"
    return "own jets"


def stand_in(
    jet_class: str,
    count: int,
    *,
    seed: int,
    particles: int = 30,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> InMemory:
    """Jets like JetNet's from Pythia 8 and FastJet: the same columns, from the particles themselves.

    As in JetNet the hard particles have 1 TeV within 1 %, and anti-kT jets of radius 0.8 with 0.8 to 1.6 TeV
    are kept. JetNet had MadGraph, the underlying event and a detector; here there is neither, jets are
    matched to their hard particle within 0.4, and particles below 1 GeV are not listed. So **numbers obtained
    on these jets must not be set beside those published for JetNet**. Jets are kept in the cache for the next
    call, and a larger sample with the same seed starts with the smaller one.

    Args:
        jet_class: One of `CLASSES`; "q" is u, d, s.
        count: Number of jets.
        seed: Of the sample.
        particles: How many of the hardest particles to give, at most 150.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar with the rate.

    Raises:
        InputError: An unknown class, or no jets or particles asked for.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    check_known("class of jets", [jet_class], CLASSES)
    if not 1 <= particles <= _MOST:
        raise InputError(f"expected 1 to {_MOST} particles of a jet, got {particles}")
    sample = JetSample(_process(jet_class))
    jets = matched_jets(sample, count, seed=seed, workers=workers, scheduler=scheduler, progress=progress)
    return InMemory(_relative(jets, particles))


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [
        SUMMARY,
        "",
        f"published: {RECORD}",
        f"files: {', '.join(MD5)}; with 150 particles g150.hdf5 and so on",
        f"jets: {', '.join(f'{name} {n}' for name, n in PUBLISHED_JETS.items())}",
        f"licence: {LICENCE}",
        "",
        "layout: HDF5 with particle_features (jet, particle, 4) = eta_rel, phi_rel, pt_rel, mask",
        "        and jet_features (jet, 4) = pT, eta, mass, number of particles",
        "",
        f"{'column':12} {'unit':6} {'from':24} what",
    ]
    lines += [f"{name:12} {unit:6} {source:24} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


class _Narrow:
    """A file's hardest particles only."""

    columns = _LAYOUT

    def __init__(self, file: Hdf5File, particles: int) -> None:
        self._file, self._particles, self.where = file, particles, file.where

    def __len__(self) -> int:
        return len(self._file)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        table = self._file.read(columns, start, stop)
        if "particle_features" in table:
            particles = table["particle_features"]
            table["particle_features"] = hardest(particles[..., 2], particles[..., 3] > 0.5, self._particles)(
                particles
            )
        return table


def _width(file: Hdf5File) -> int:
    """Particles of a jet in this file, whose layout is checked."""
    check_columns(_LAYOUT, file.names, str(file.path))
    particles, jet = (file.shapes[name] for name in _LAYOUT)
    if len(particles) != 2 or particles[1] != len(_FEATURES) + 1 or jet != (len(_JET_FEATURES),):
        raise InputError(
            f"{file.path}: expected particle_features (jet, particle, 4) and jet_features (jet, 4), "
            f"got (jet, {', '.join(map(str, particles))}) and (jet, {', '.join(map(str, jet))})"
        )
    return particles[0]


def _named(features: np.ndarray, jet: np.ndarray) -> Arrays:
    jet = jet.copy()
    jet[:, 3] = np.minimum(jet[:, 3], features.shape[1])
    return {
        "particles": features[..., :3],
        "mask": features[..., 3] > 0.5,
        "jet": jet,
    }


def _check(features: np.ndarray, jet: np.ndarray, where: Callable[[int], str]) -> None:
    for array, names in ((features, (*_FEATURES, "mask")), (jet, _JET_FEATURES)):
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0]
            raise InputError(
                f"{where(int(place[0]))}: {names[place[-1]]} is {array[tuple(place)]}, expected finite"
            )
    mask = features[..., 3]
    complaints = {
        "a mask of 0 or 1": ((mask != 0) & (mask != 1)).any(axis=1),
        "zeros where the mask is 0": (features[..., :3].any(axis=2) & (mask == 0)).any(axis=1),
        "pt_rel above 0 where the mask is 1": ((features[..., 2] <= 0) & (mask == 1)).any(axis=1),
        "at least one particle": ~mask.any(axis=1),
        "a jet of pT above 0": jet[:, 0] <= 0,
    }
    for expected, bad in complaints.items():
        if bad.any():
            row = int(bad.argmax())
            raise InputError(
                f"{where(row)}: expected {expected}; {bad.sum()} of the {len(bad)} jets read are like this one"
            )


def _rank(file: Path) -> int:
    """Place of a file of the record among its classes."""
    name = file.stem.removesuffix(str(_MOST))
    return CLASSES.index(name) if name in CLASSES else len(CLASSES)


def _process(jet_class: str) -> processes.Process:
    return {
        "g": processes.gluons(_PT_HAT),
        "q": processes.quarks(_PT_HAT),
        "t": processes.top_pairs(_PT_HAT, hadronic=True),
        "w": processes.w_pairs(_PT_HAT),
        "z": processes.z_pairs(_PT_HAT),
    }[jet_class]


def _relative(jets: MatchedJets, particles: int) -> Arrays:
    """Particles in the coordinates of JetNet: relative to their jet."""
    jet = cylindrical(jets.momentum)
    pt, eta, phi, _ = cylindrical(jets.constituent).T
    jet_pt, jet_eta, jet_phi, _ = np.repeat(jet, np.diff(jets.first), axis=0).T
    relative = np.stack((eta - jet_eta, delta_phi(phi, jet_phi), pt / jet_pt), axis=1)
    table, mask = padded(relative.astype(np.float32), jets.first, particles=particles)
    features = np.column_stack((jet[:, [0, 1, 3]], mask.sum(axis=1))).astype(np.float32)
    return {"particles": table, "mask": mask, "jet": features}
