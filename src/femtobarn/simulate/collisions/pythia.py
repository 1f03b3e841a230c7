"""Pythia 8 as a source of event records in flat arrays."""

import importlib.metadata
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, Shaped

from femtobarn.errors import InputError, require
from femtobarn.simulate.collisions.processes import Process
from femtobarn.simulate.particles import Particles

_LARGEST_BATCH = 200  # events taken at a time, so that their records stay small
_SEEDS = 900_000_000  # Pythia takes 1 to this
_HARD = 5  # row of the first outgoing particle of the hard process in every record


class Records(NamedTuple):
    """Complete event records of some collisions, one after the other."""

    offset: Int[np.ndarray, "boundary"]  # rows of event i are offset[i] to offset[i + 1]
    pdg: Int[np.ndarray, "row"]
    status: Int[np.ndarray, "row"]  # of Pythia; positive for final particles
    columns: Any  # all that Pythia gives, as an awkward record
    weight: Float[np.ndarray, "event"]  # by which each collision counts; 1 unless the process prefers some

    def momentum(self, rows: Int[np.ndarray, "*rows"]) -> Float[np.ndarray, "*rows 4"]:
        """Energy, px, py, pz of some rows, GeV."""
        return _four(self.columns["p"], rows)

    def vertex(self, rows: Int[np.ndarray, "row"]) -> Float[np.ndarray, "row 4"]:
        """Where some particles start: c t, x, y, z in mm; zeros, where the protons meet, if nothing is stored."""
        stored = self.columns["vProd"]
        index = stored.index.data[rows]
        vertex: np.ndarray = np.zeros((len(rows), 4))
        vertex[index >= 0] = _four(stored.content, index[index >= 0])
        return vertex


def start_pythia(process: Process, *, seed: np.random.SeedSequence, energy: float, mpi: bool) -> Any:
    """Pythia, silent, ready for proton-proton collisions of this process.

    Raises:
        InputError: Pythia does not know a setting, or cannot start with them.
        MissingExtraError: pythia8mc is not installed.
    """
    tables = _as_installed()
    pythia = type(tables)(tables.settings, tables.particleData, False)
    lines = (
        "Print:quiet = on",
        f"Beams:eCM = {energy:g}",
        f"PartonLevel:MPI = {'on' if mpi else 'off'}",
        "Random:setSeed = on",
        f"Random:seed = {1 + int(seed.generate_state(1)[0]) % _SEEDS}",
    )
    for line in (*lines, *process.settings):
        if not pythia.readString(line):
            raise InputError(f"{process.name}: Pythia does not know the setting {line!r}")
    if not pythia.init():
        raise InputError(f"{process.name}: Pythia cannot start with {', '.join(process.settings)}")
    return pythia


def next_records(pythia: Any, events: int) -> Records:
    """Records of the next collisions, `events` or somewhat fewer: at most 200, less those in which Pythia fails.

    Raises:
        InputError: Pythia fails in all of them.
    """
    events = min(events, _LARGEST_BATCH)
    made = pythia.nextBatch(events, "skip").layout
    batch = made.content("prt")
    if not len(batch):
        raise InputError(f"Pythia made none of {events} collisions: are the settings possible?")
    rows, weights = batch.content, made.content("info")["weights"]
    nominal = weights.content.data[weights.offsets.data[:-1]]  # those of variations come after it
    return Records(batch.offsets.data, rows["id"].data, rows["status"].data, rows, nominal)


def final_particles(pythia: Any, records: Records) -> Particles:
    """Pythia's final particles, which reach the detector or decay in it; neutrinos are among them."""
    rows = np.flatnonzero(records.status > 0)
    pdg = records.pdg[rows]
    return Particles(
        np.searchsorted(rows, records.offset),
        pdg,
        by_code(pythia.particleData.charge, pdg).astype(np.float32),
        records.momentum(rows),
        records.vertex(rows),
    )


def visible_particles(
    pythia: Any, records: Records, *, eta: float
) -> tuple[Float[np.ndarray, "particle 4"], Int[np.ndarray, "boundary"]]:
    """Momenta of the final particles within |pseudorapidity| `eta` but neutrinos and the like, and offsets."""
    rows = np.flatnonzero(records.status > 0)
    rows = rows[by_code(pythia.particleData.isVisible, records.pdg[rows])]
    momentum = records.momentum(rows)
    inside = within(momentum, eta)
    return momentum[inside], np.searchsorted(rows[inside], records.offset)


def hard_pair(records: Records) -> tuple[Int[np.ndarray, "event 2"], Float[np.ndarray, "event 2 4"]]:
    """PDG codes and momenta of the two particles that leave the hard process, before they radiate."""
    rows = records.offset[:-1, None] + [_HARD, _HARD + 1]
    return records.pdg[rows], records.momentum(rows)


def within(momentum: Float[np.ndarray, "row 4"], eta: float) -> Bool[np.ndarray, "row"]:
    """Whether |pseudorapidity| is below `eta`; false for what flies along the beam."""
    inside: np.ndarray = np.abs(momentum[:, 3]) < np.sinh(eta) * np.hypot(momentum[:, 1], momentum[:, 2])
    return inside


def by_code(
    property_of: Callable[[int], float], pdg: Integer[np.ndarray, "particle"]
) -> Shaped[np.ndarray, "particle"]:
    """A property of each particle, looked up once for each code, such as ``pythia.particleData.charge``."""
    codes, which = np.unique(pdg, return_inverse=True)
    return np.array([property_of(code) for code in codes.tolist()])[which]


def version() -> tuple[int, ...]:
    """Version of the installed Pythia, such as (8, 317, 2).

    Raises:
        MissingExtraError: pythia8mc is not installed.
    """
    require("pythia8mc", extra="generate")
    return tuple(map(int, re.findall(r"\d+", importlib.metadata.version("pythia8mc"))))


@lru_cache(maxsize=1)
def _as_installed() -> Any:
    """A Pythia that is never started: to read its tables takes a third of the time that a start takes."""
    return require("pythia8mc", extra="generate").Pythia("", False)


def _four(vectors: Any, rows: np.ndarray) -> np.ndarray:
    return np.stack([vectors[name].data[rows] for name in ("e", "px", "py", "pz")], axis=-1)
