"""Dark showers against QCD: whole events as images of tracker, ECAL and HCAL (arXiv:2306.13595, arXiv:2306.12955).

`open_images` reads the authors' two formats, fine HDF5 images and the small public sample of coarse ones in
``.npz``; `stand_in` makes such events with Pythia and the parametrised detector.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Integer

from femtobarn.data.atomic import write_whole
from femtobarn.data.hdf5 import Hdf5File, write_hdf5
from femtobarn.data.npy import NumpyFile
from femtobarn.data.opening import as_float32, given_files
from femtobarn.data.source import Arrays, InMemory, Source
from femtobarn.errors import InputError
from femtobarn.physics.event_images import COARSE, FINE, pooled
from femtobarn.simulate.chunks import run_chunks
from femtobarn.simulate.dark_images import QCD as QCD
from femtobarn.simulate.dark_images import DarkImages, chunks_of, in_full, pool, source_of, suep_name

NAME = "dark_showers"
SUMMARY = "QCD, SUEP and semi-visible jets as tracker, ECAL and HCAL images (stand-in: Pythia and a detector)"
RECORD = (
    "github.com/Luca96/dark-autoencoders, data/n_tracks (MPL-2.0): 1002 + 682 QCD events and nine signals"
)
#: Our name, unit, what it is, in the file.
COLUMNS = (
    ("image", "GeV", "(phi 72, eta 58, 3): transverse energy in tracker, ECAL and HCAL", "images"),
    ("n_tracks", "", "tracks of the event's own vertex", "n_tracks; NTrk_PUcorr"),
    ("label", "", "0 QCD, 1 SUEP, 2 semi-visible jets", "labels; not in HDF5"),
    ("mass", "GeV", "of the scalar or of the Z', 0 for QCD", "masses, as a code; not in HDF5"),
    ("ht", "GeV", "scalar sum of the pT of jets", "stand-in only"),
    ("weight", "", "by which a QCD event counts in a rate", "stand-in only"),
    ("pileup", "", "mean number of collisions laid over it", "stand-in only"),
)
#: Masses in GeV by the codes of the files, which are unique only together with the label.
MASSES = {
    0: {0: 0.0},
    1: {1: 125.0, 2: 200.0, 3: 300.0, 4: 400.0, 5: 700.0, 6: 1000.0},
    2: {5: 2100.0, 6: 3100.0, 7: 4100.0},
}
HT = 500.0  #: GeV, which every event of both samples exceeds
#: Data sets of the authors' HDF5 files that an image is made of, and the count of tracks.
HDF5_CHANNELS, HDF5_TRACKS = ("ImageTrk_PUcorr", "ImageECAL", "ImageHCAL"), "NTrk_PUcorr"
#: Files of the public sample that its authors trained on; other QCD files are for tests.
TRAINING_FILES = ("qcd_gensim_101_2.npz", "qcd_gensim_102_6.npz")
TRAINING = "QCD for training"


class Produced(NamedTuple):
    """Events of the stand-in, and how they were produced."""

    events: InMemory
    tried: int
    """Collisions made for them."""
    passed: int
    """Collisions that passed the cut on HT, somewhat more than there are events."""
    share: float
    """Of the cross section that passes: as `passed` / `tried`, but weighted where events have weights."""
    cross_section: float
    """Of what was tried, pb."""
    process: str
    """What was tried: the name of the process."""


def open_images(path: str | Path, *, fine: bool = False) -> Source:
    """Events of one file: coarse images of ``.npz`` or of HDF5, whose fine images are summed piece by piece.

    Args:
        path: Of either format, recognised by its ending.
        fine: Give the images of an HDF5 file as they are, (eta 286, phi 360, 3).

    Raises:
        InputError: No such file, another layout, energies that are negative or not finite, or fine images of a
            file that has coarse ones.
    """
    place = Path(path)
    if place.suffix != ".npz":
        return _FineImages(place, fine=fine)
    if fine:
        raise InputError(f"{place}: expected fine images in HDF5, these are coarse ones")
    return _coarse(place)


def sample_name(path: Path) -> str:
    """What a file holds, by its name: "QCD", "SUEP 125 GeV", "SVJ 2.1 TeV"; for any other name the name itself."""
    if path.stem.startswith("qcd"):
        return QCD
    if found := re.match(r"suep_gensim_h(\d+)_", path.stem):
        return suep_name(float(found[1]))
    if found := re.match(r"svj_(\d+)", path.stem):
        return f"SVJ {float(found[1]) / 1000:g} TeV"
    return path.stem


def find_samples(files: Path | Sequence[Path]) -> dict[str, list[Path]]:
    """Files by what they hold (`sample_name`), QCD first, then signals by mass; `TRAINING` for QCD to train on.

    What to train on is known for the public sample: from its folders ``train`` and ``test``, or by the names of its
    files. All other files of QCD are under "QCD".

    Raises:
        InputError: No files, one given twice, or no QCD among them.
    """
    folder = files if isinstance(files, Path) and (files / "train").is_dir() else None
    parts = [folder / "train", folder / "test"] if folder else [files]
    paths = [path for part in parts for path in given_files(part, ".npz", ".h5", ".hdf5")]
    found: dict[str, list[Path]] = {}
    for path in paths:
        name = sample_name(path)
        taught = path.name in TRAINING_FILES or (folder is not None and path.parent.name == "train")
        found.setdefault(TRAINING if name == QCD and taught else name, []).append(path)
    if QCD not in found and TRAINING not in found:
        raise InputError(f"expected files of QCD (qcd*), got {', '.join(path.name for path in paths)}")
    return {name: found[name] for name in sorted(found, key=_order)}


def published_folder() -> Path | None:
    """Folder of the public sample, ``dark_showers`` in that which FEMTOBARN_DATA names; None if it is not there."""
    root = os.environ.get("FEMTOBARN_DATA")
    folder = Path(root) / NAME if root else None
    return folder if folder and folder.is_dir() else None


def write_coarse(
    path: str | Path,
    image: Float32[np.ndarray, "event 72 58 3"],
    *,
    n_tracks: Integer[np.ndarray, "event"],
    label: int = 0,
    code: int = 0,
) -> None:
    """Write coarse images in the layout of the public sample.

    Raises:
        InputError: A label and a code of a mass that there are not, columns of different length, or the file cannot be
            written.
    """
    _mass(label, code, str(path))
    count = len(image)
    if len(n_tracks) != count:
        raise InputError(f"expected a count of tracks for each of {count} images, got {len(n_tracks)}")
    columns = {
        "images": image,
        "labels": np.full(count, label, np.float32),
        "masses": np.full(count, code, np.float32),
        "n_tracks": n_tracks.astype(np.float32)[:, None],
    }

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **columns)  # type: ignore[arg-type]

    try:
        write_whole(Path(path), write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def write_fine(
    path: str | Path, image: Float[np.ndarray, "event 286 360 3"], *, n_tracks: Integer[np.ndarray, "event"]
) -> None:
    """Write fine images in the layout of the authors' HDF5 files, in float16 as theirs.

    Raises:
        InputError: Columns of different length, or the file cannot be written.
    """
    channels = {name: image[..., i].astype(np.float16) for i, name in enumerate(HDF5_CHANNELS)}
    write_hdf5(Path(path), channels | {HDF5_TRACKS: n_tracks.astype(np.int32)[:, None]}, {})


def stand_in(
    sample: str,
    count: int,
    *,
    seed: int,
    pileup: tuple[float, float] = (0.0, 0.0),
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> InMemory:
    """Events above the cut on HT from Pythia, in the parametrised detector of the authors; the cache keeps them.

    Args:
        sample: "QCD", or such as "SUEP 125 GeV". Scalars up to 300 GeV are made with a hard jet, since few would
            pass without.
        count: Events.
        seed: Of the sample.
        pileup: Range of the mean number of collisions laid over an event; the published samples have 50.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar.

    Raises:
        InputError: No events, an unknown sample, or a range that is none.
    """
    return produced(
        sample, count, seed=seed, pileup=pileup, workers=workers, scheduler=scheduler, progress=progress
    ).events


def produced(
    sample: str,
    count: int,
    *,
    seed: int,
    pileup: tuple[float, float] = (0.0, 0.0),
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> Produced:
    """The stand-in with its cross section and the share that passes the cut; else as `stand_in`."""
    if count < 1:
        raise InputError(f"expected at least one event, got {count}")
    settings = DarkImages(sample, pileup, HT)
    if pileup[1] > 0:  # once, not in each process
        pool(settings, workers=workers, scheduler=scheduler, progress=progress)
    chunks = chunks_of(settings, count, seed=seed)
    label = f"images of {sample}"
    parts = run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label=label)
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    totals = {name: table[name].sum() for name in ("tried", "passed", "tried_weight", "passed_weight")}
    columns = {"image": in_full(table)} | {
        name: table[name] for name in ("n_tracks", "ht", "weight", "pileup")
    }
    share = float(totals["passed_weight"] / totals["tried_weight"])
    section = float(table["cross_section"].mean())
    tried, passed = int(totals["tried"]), int(totals["passed"])
    return Produced(InMemory(columns), tried, passed, share, section, source_of(sample)[0].name)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns with their units."""
    lines = [SUMMARY, "", f"published: {RECORD}", ""]
    lines += [f"HDF5 of the authors: {', '.join(HDF5_CHANNELS)} (event, eta 286, phi 360), {HDF5_TRACKS}", ""]
    lines += [f"{'column':8} {'unit':4} {'from':30} what"]
    lines += [f"{name:8} {unit:4} {source:30} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


class _FineImages:
    """Source of an HDF5 file of the authors."""

    def __init__(self, path: Path, *, fine: bool) -> None:
        self._fine = fine
        self._file = Hdf5File(path, known=[*HDF5_CHANNELS, HDF5_TRACKS])
        shapes = dict.fromkeys(HDF5_CHANNELS, FINE[:2]) | {HDF5_TRACKS: (1,)}
        for name, shape in shapes.items():
            there = self._file.shapes.get(name)
            if there != shape and (there is not None or name != HDF5_TRACKS):
                got = "none" if there is None else f"(event, {', '.join(map(str, there))})"
                wanted = ", ".join(map(str, shape))
                raise InputError(f"{path}: expected {name} of shape (event, {wanted}), got {got}")
        self.columns = ("image", *(["n_tracks"] if HDF5_TRACKS in self._file.columns else []))

    def __len__(self) -> int:
        return len(self._file)

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return self._file.where(row)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows; fine images take 1.2 MB each while they are read."""
        wanted = {"image": HDF5_CHANNELS, "n_tracks": (HDF5_TRACKS,)}
        stored = self._file.read([name for column in columns for name in wanted[column]], start, stop)
        found = {"n_tracks": stored[HDF5_TRACKS][:, 0]} if "n_tracks" in columns else {}
        if "image" in columns:
            image = np.stack([as_float32(stored[name]) for name in HDF5_CHANNELS], axis=-1)
            _check_energies(image, lambda row: self.where(start + row))
            found["image"] = image if self._fine else pooled(image)
        return {column: found[column] for column in columns}


def _coarse(path: Path) -> InMemory:
    """Source of a file of the public sample."""
    file = NumpyFile(path)
    names = {"image": "images", "n_tracks": "n_tracks", "label": "labels", "mass": "masses"}
    if missing := [name for name in names.values() if name not in file.columns]:
        raise InputError(f"{path}: expected the arrays {', '.join(names.values())}, {missing[0]} is missing")
    stored = file.read(list(names.values()), 0, len(file))
    shapes = {"images": COARSE, "n_tracks": (1,), "labels": (), "masses": ()}
    for name, shape in shapes.items():
        if stored[name].shape[1:] != shape:
            raise InputError(
                f"{path}: expected {name} of shape {('event', *shape)}, got {stored[name].shape}"
            )
    image = as_float32(stored["images"])
    _check_energies(image, file.where)
    codes, which = np.unique(
        np.stack((stored["labels"], stored["masses"]), axis=1), axis=0, return_inverse=True
    )
    masses = np.array([_mass(label, code, str(path)) for label, code in codes.tolist()])
    return InMemory(
        {
            "image": image,
            "n_tracks": stored["n_tracks"][:, 0],
            "label": stored["labels"].astype(np.int64),
            "mass": masses[which.ravel()] if len(image) else np.zeros(0),
        }
    )


def _mass(label: float, code: float, place: str) -> float:
    known = MASSES.get(label, {}).get(code)  # type: ignore[call-overload]
    if known is None:
        raise InputError(f"{place}: there is no sample of label {label:g} and code of the mass {code:g}")
    return float(known)


def _check_energies(image: np.ndarray, where: Callable[[int], str]) -> None:
    wrong = ~(np.isfinite(image) & (image >= 0))
    if wrong.any():
        place = np.argwhere(wrong)[0]
        raise InputError(
            f"{where(int(place[0]))}: expected energies of 0 GeV or more, got {image[tuple(place)]:g}"
        )


def _order(name: str) -> tuple[int, str, float]:
    """QCD, then signals by mass."""
    mass = re.search(r" ([\d.]+) [GT]eV$", name)
    kind = name.split(" ")[0] if mass else name
    return (name not in (TRAINING, QCD), "" if name == TRAINING else kind, float(mass[1]) if mass else 0.0)
