"""Events in EDM4hep (podio): tree ``events`` with generator particles and reconstructed particles.

Branches are those of EDM4hep before version 1 (``MCRecoAssociations``), as in the FCC samples of 2023.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.data.collections import Collection, read_collection
from femtobarn.errors import InputError
from femtobarn.simulate.particles import Particles

NAME = "edm4hep"
SUMMARY = "Events in EDM4hep: generator and reconstructed particles with links (FCC)"
SAMPLE = (
    "github.com/scikit-hep/coffea, tests/samples/test_FCC_Winter2023.root (commit 060992a), "
    "100 e+e- events at 240 GeV, Delphes with the IDEA detector"
)
#: Branch, unit, what it is.
COLUMNS = (
    ("Particle: PDG, generatorStatus, charge", "", "generator particles; status 1 are the stable ones"),
    ("Particle: momentum, mass", "GeV", "their momentum"),
    ("Particle: vertex, time", "mm, ns", "where they start"),
    ("ReconstructedParticles: energy, momentum", "GeV", "what the detector made of them"),
    ("ReconstructedParticles: type, charge", "", "code 0 (track), 22 or 130; charge"),
    ("MCRecoAssociations#0, #1", "", "links from reconstructed to generator particles"),
)

_TREE = "events"
_C = 299.792458  # mm/ns


class Reconstructed(NamedTuple):
    """Reconstructed particles and the generator particles they are linked to."""

    candidates: Particles
    truth: Int[np.ndarray, "particle"]  # row in `generator_particles` of the one with most energy, -1 if none


def generator_particles(path: str | Path) -> Particles:
    """The stable particles (status 1).

    Raises:
        InputError: What is wrong with the file.
        MissingExtraError: uproot is not installed.
    """
    return _every(path).keep(_generator(path).columns["generatorStatus"] == 1)


def reconstructed(path: str | Path) -> Reconstructed:
    """Particles of the detector: tracks as pions, photons, neutral hadrons; all start at 0.

    Raises:
        InputError: What is wrong with the file, or with a link in it.
        MissingExtraError: uproot is not installed.
    """
    generator, every = _generator(path), _every(path)
    columns = ("type", "charge", "energy", "momentum.x", "momentum.y", "momentum.z")
    found = _read(path, "ReconstructedParticles", columns, events=every.events)
    charge, code = found.columns["charge"].astype(np.float64), found.columns["type"].astype(np.int64)
    pdg = np.where(charge != 0, 211 * np.sign(charge).astype(np.int64), code)
    momentum = found.stack("energy", "momentum.x", "momentum.y", "momentum.z")
    candidates = Particles(found.offset, pdg, charge, momentum, np.zeros_like(momentum))
    return Reconstructed(candidates, _linked(path, candidates, every, generator))


def describe() -> str:
    """The data set in plain text: where a sample is, and its branches with their units."""
    lines = [SUMMARY, "", f"sample: {SAMPLE}", "format: ROOT, tree events; needs the extra root", ""]
    lines += [f"{'branches':42} {'unit':9} what"]
    lines += [f"{name:42} {unit:9} {what}" for name, unit, what in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _generator(path: str | Path) -> Collection:
    axes = [f"{what}.{axis}" for what in ("momentum", "vertex") for axis in "xyz"]
    return _read(path, "Particle", ("generatorStatus", "PDG", "charge", "mass", "time", *axes))


def _every(path: str | Path) -> Particles:
    found = _generator(path)
    p = found.stack("momentum.x", "momentum.y", "momentum.z")
    energy = np.sqrt((p**2).sum(axis=1) + found.columns["mass"] ** 2)
    vertex = found.stack("time", "vertex.x", "vertex.y", "vertex.z")
    vertex[:, 0] *= _C
    pdg, charge = found.columns["PDG"].astype(np.int64), found.columns["charge"].astype(np.float64)
    return Particles(found.offset, pdg, charge, np.column_stack((energy, p)), vertex)


def _read(path: str | Path, kind: str, columns: tuple[str, ...], events: int | None = None) -> Collection:
    return read_collection(path, tree=_TREE, prefix=f"{kind}/{kind}.", columns=columns, events=events)


def _linked(path: str | Path, candidates: Particles, every: Particles, generator: Collection) -> np.ndarray:
    ends = [_read(path, f"MCRecoAssociations#{end}", ("index",), events=every.events) for end in (0, 1)]
    if not np.array_equal(ends[0].offset, ends[1].offset):
        raise InputError(f"{path}: MCRecoAssociations#0 and #1 differ in length")
    event = ends[0].event
    mine = ends[0].columns["index"] + candidates.offset[event]
    theirs = ends[1].columns["index"] + every.offset[event]
    for rows, offset in ((mine, candidates.offset), (theirs, every.offset)):
        if ((rows < offset[event]) | (rows >= offset[event + 1])).any():
            raise InputError(f"{path}: a link in MCRecoAssociations points beyond its event")
    stable = generator.columns["generatorStatus"] == 1
    row = np.where(stable, np.cumsum(stable) - 1, -1)[theirs]
    order = np.argsort(np.where(row >= 0, every.momentum[theirs, 0], -1.0), kind="stable")
    truth = np.full(len(candidates.pdg), -1)
    truth[mine[order]] = row[order]  # the last one, with most energy, stays
    return truth
