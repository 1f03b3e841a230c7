"""Output of Delphes (arXiv:1307.6346): tree ``Delphes`` with generator particles, tracks and energy flow."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.collections import Collection, finite, read_collection
from femtobarn.errors import InputError
from femtobarn.physics.vectors import cartesian
from femtobarn.simulate.particles import Particles

NAME = "delphes"
SUMMARY = "Output of Delphes: generator particles, tracks, energy flow, with links"
SAMPLE = (
    "github.com/scikit-hep/scikit-hep-testdata, src/skhep_testdata/data/uproot-issue513.root (commit f51b8fb), "
    "10 events at 13 TeV"
)
#: Branch, unit, what it is.
COLUMNS = (
    ("Particle: PID, Status, Charge", "", "generator particles; Status 1 are the stable ones"),
    ("Particle: E, Px, Py, Pz", "GeV", "their momentum"),
    ("Particle: T, X, Y, Z", "s, mm", "where they start"),
    ("Track, EFlowTrack: PT, Eta, Phi", "GeV, rad", "tracks, before and after energy flow"),
    ("Track, EFlowTrack: XOuter, YOuter, ZOuter", "mm", "where the track reaches the calorimeters"),
    ("Track, EFlowTrack: Particle", "", "link to the generator particle"),
    ("EFlowPhoton, EFlowNeutralHadron: E, Eta, Phi", "GeV, rad", "calorimeter energy without a track"),
)

_TREE = "Delphes"
_C = 2.99792458e11  # mm/s
_MASS = {11: 0.000511, 13: 0.10566}  # GeV; others are taken for pions
_PION = 0.13957


class DelphesTracks(NamedTuple):
    """Tracks, the particles they are of, and where they reach the calorimeters."""

    candidates: Particles
    truth: Int[np.ndarray, "track"]  # row in `generator_particles`, -1 if that is not stable
    outer: Float[np.ndarray, "track 3"]  # x, y, z in mm


def generator_particles(path: str | Path) -> Particles:
    """The stable particles (Status 1).

    Raises:
        InputError: What is wrong with the file.
        MissingExtraError: uproot is not installed.
    """
    found = _generator(path, "PID", "Charge", "E", "Px", "Py", "Pz", "T", "X", "Y", "Z")
    vertex = found.stack("T", "X", "Y", "Z")
    vertex[:, 0] *= _C
    pdg, charge = found.columns["PID"].astype(np.int64), found.columns["Charge"].astype(np.float64)
    every = Particles(found.offset, pdg, charge, found.stack("E", "Px", "Py", "Pz"), vertex)
    return every.keep(found.columns["Status"] == 1)


def tracks(path: str | Path, kind: Literal["Track", "EFlowTrack"] = "Track") -> DelphesTracks:
    """Tracks as the tracker measures them, or after energy flow; electron, muon or pion by their PID.

    Raises:
        InputError: What is wrong with the file, or a link that leads nowhere.
        MissingExtraError: uproot is not installed.
    """
    generator = _generator(path, "fUniqueID")
    columns = ("PT", "Eta", "Phi", "PID", "Charge", "XOuter", "YOuter", "ZOuter", "Particle")
    found = _read(path, kind, columns)
    code = np.abs(found.columns["PID"])
    mass = np.select([code == lepton for lepton in _MASS], list(_MASS.values()), _PION)
    pt, eta, phi = found.stack("PT", "Eta", "Phi").T
    eta = np.where(pt > 0, eta, 0)  # energy flow may scale a track to nothing, with eta = 1000
    with np.errstate(over="ignore", invalid="ignore"):
        momentum = finite(cartesian(np.stack((pt, eta, phi, mass), axis=1)), f"{path}: {kind}")
    charge = found.columns["Charge"].astype(np.float64)
    lepton = np.isin(code, list(_MASS))
    pdg = np.where(lepton, found.columns["PID"], 211 * np.sign(charge)).astype(np.int64)
    candidates = Particles(found.offset, pdg, charge, momentum, np.zeros_like(momentum))
    outer = found.stack("XOuter", "YOuter", "ZOuter")
    return DelphesTracks(candidates, _linked(path, found, generator), outer)


def neutrals(path: str | Path, kind: Literal["EFlowPhoton", "EFlowNeutralHadron"]) -> Particles:
    """Calorimeter energy that no track explains, without mass; all start at 0.

    Raises:
        InputError: What is wrong with the file.
        MissingExtraError: uproot is not installed.
    """
    found = _read(path, kind, ("E", "Eta", "Phi"))
    energy, eta, phi = found.stack("E", "Eta", "Phi").T
    rows = len(energy)
    with np.errstate(over="ignore", invalid="ignore"):
        parts = np.stack((energy / np.cosh(eta), eta, phi, np.zeros(rows)), axis=1)
        momentum = finite(cartesian(parts), f"{path}: {kind}")
    code = 22 if kind == "EFlowPhoton" else 130
    return Particles(found.offset, np.full(rows, code), np.zeros(rows), momentum, np.zeros((rows, 4)))


def describe() -> str:
    """The data set in plain text: where a sample is, and its branches with their units."""
    lines = [SUMMARY, "", f"sample: {SAMPLE}", "format: ROOT, tree Delphes; needs the extra root", ""]
    lines += [f"{'branches':45} {'unit':9} what"]
    lines += [f"{name:45} {unit:9} {what}" for name, unit, what in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _generator(path: str | Path, *columns: str) -> Collection:
    return _read(path, "Particle", ("Status", *columns))


def _read(path: str | Path, kind: str, columns: tuple[str, ...]) -> Collection:
    return read_collection(path, tree=_TREE, prefix=f"{kind}.", columns=columns)


def _linked(path: str | Path, found: Collection, generator: Collection) -> np.ndarray:
    """Row among the stable particles that each track's reference leads to; numbers are unique in an event."""

    def key(event: np.ndarray, number: np.ndarray) -> np.ndarray:
        return (event.astype(np.uint64) << np.uint64(32)) | number.astype(np.uint64)

    known = key(generator.event, generator.columns["fUniqueID"])
    wanted = key(found.event, found.columns["Particle"])
    order = np.argsort(known)
    place = np.append(order, -1)[np.searchsorted(known, wanted, sorter=order)]  # -1 beyond the last
    if (place < 0).any() or (known[place] != wanted).any():
        raise InputError(f"{path}: a track refers to a particle that is not in its event")
    stable = generator.columns["Status"] == 1
    return np.where(stable, np.cumsum(stable) - 1, -1)[place]
