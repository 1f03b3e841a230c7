"""Events of a level-1 trigger with a lepton: the anomaly detection data challenge of 2021 (arXiv:2107.02157).

Published as HDF5 files, one for the background, one for each signal, one of unknown content. Of each event the missing
energy, 4 electrons, 4 muons and 10 jets.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from femtobarn.data.hdf5 import Hdf5File, opened_hdf5
from femtobarn.data.opening import as_float32, given_files
from femtobarn.data.source import Arrays, Concatenated, Source, check_columns
from femtobarn.errors import InputError

NAME = "adc2021"
SUMMARY = "Level-1 objects of events with a lepton: W, Z, QCD, top, and four signals (ADC2021)"
RECORD = "mpp-hep.github.io/ADC2021; Zenodo 10.5281/zenodo.5046389 (background), one record for each signal"
#: Files, and the events in those whose number is known.
FILES = {
    "background_for_training.h5": 13_451_915,
    "Ato4l_lepFilter_13TeV_filtered.h5": 55_969,
    "hChToTauNu_13TeV_PU20_filtered.h5": None,
    "hToTauTau_13TeV_PU20_filtered.h5": None,
    "leptoquark_LOWMASS_lepFilter_13TeV_filtered.h5": None,
    "BlackBox_13TeV_PU20.h5": 4_210_492,
}
#: Our name, unit, what it is, in the file.
COLUMNS = (
    (
        "objects",
        "GeV, rad",
        "pT, eta, phi of 19 objects in the order of KINDS; zeros for padding",
        "Particles",
    ),
    ("mask", "", "true where there is an object", "Particles, Class"),
    ("event", "", "number of the event, in the file of unknown content", "EvtId"),
)
#: Kinds of objects in their order, how many, and their class in the file; a place without an object has class 0.
KINDS = (("missing energy", 1), ("electron", 4), ("muon", 4), ("jet", 10))

_CLASS = np.repeat(np.arange(1, len(KINDS) + 1), [count for _, count in KINDS])
_FEATURES = ("Pt", "Eta", "Phi", "Class")


class Adc2021File:
    """Source of the events of one file in the published layout, checked as they are read.

    Raises:
        InputError: No such file, not HDF5 or cut short, or another layout.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = Hdf5File(path, known=("Particles", "EvtId"))
        check_columns(["Particles"], self._file.columns, str(path))
        shape = self._file.shapes["Particles"]
        if shape != (len(_CLASS), len(_FEATURES)):
            raise InputError(
                f"{path}: expected Particles (event, 19, 4), got (event, {', '.join(map(str, shape))})"
            )
        if self._file.shapes.get("EvtId", ()) != ():
            raise InputError(f"{path}: expected one number an event in EvtId")
        self.columns = ("objects", "mask") + (("event",) if "EvtId" in self._file.columns else ())
        with opened_hdf5(path) as file:
            names = file.texts("Particles_Names") if "Particles_Names" in file else list(_FEATURES)
        if names != list(_FEATURES):
            raise InputError(
                f"{path}: expected Particles_Names {', '.join(_FEATURES)}, got {', '.join(names)}"
            )

    def __len__(self) -> int:
        return len(self._file)

    def where(self, row: int) -> str:
        """File and row."""
        return self._file.where(row)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Events `start` to `stop`; reals as float32.

        Raises:
            InputError: A number that is not finite, an object in the place of another kind, or padding with a pT.
        """
        check_columns(columns, self.columns, str(self.path))
        names = ["Particles", *(["EvtId"] if "event" in columns else [])]
        raw = self._file.read(names, start, stop)
        particles = as_float32(raw["Particles"])
        kind = particles[..., 3]
        complaints = {
            "finite numbers": np.isfinite(particles).all(axis=(1, 2)),
            "class 0 or that of the place of each object": ((kind == 0) | (kind == _CLASS)).all(axis=1),
            "zeros where the class is 0": ((kind != 0) | ~particles.any(axis=2)).all(axis=1),
            "a pT of 0 or more": (particles[..., 0] >= 0).all(axis=1),
        }
        for expected, right in complaints.items():
            if not right.all():
                raise InputError(f"{self.where(start + int(right.argmin()))}: expected {expected}")
        found = {"objects": particles[..., :3], "mask": kind != 0, "event": raw.get("EvtId", np.empty(0))}
        return {name: found[name] for name in columns}


def open_events(files: str | Path | Sequence[str | Path]) -> Source:
    """Events of one file, of several, or of all in a folder by name, as a source that reads piece by piece.

    Raises:
        InputError: What is wrong, with the file.
    """
    return Concatenated([Adc2021File(path) for path in given_files(files, ".h5")])


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [
        SUMMARY,
        "",
        f"published: {RECORD}",
        f"files: {', '.join(f'{name} ({n:,})' if n else name for name, n in FILES.items())}",
        f"layout: HDF5, Particles (event, 19, 4) = {', '.join(_FEATURES)}; "
        + ", ".join(f"{count} {name}" for name, count in KINDS),
        "",
        f"{'column':9} {'unit':9} {'from':18} what",
    ]
    lines += [f"{name:9} {unit:9} {source:18} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)
