"""Events in EDM4hep (podio): tree ``events`` with generator particles and reconstructed particles.

Read are the files of three generations, as the FCC samples have them: links in ``MCRecoAssociations#0``, ``#1`` (podio
before 0.17), in ``_MCRecoAssociations_rec``, ``_sim`` (EDM4hep before 1), in ``_MCRecoAssociations_from``, ``_to`` and
the kind of a particle in ``PDG`` instead of ``type`` (EDM4hep 1). Where ``type`` is 0, as in the samples of spring
2021, a neutral particle is what the cluster is that it is made of: in ``EFlowPhoton`` or in ``EFlowNeutralHadron``.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from femtobarn.data.collections import Collection, branches, finite, read_collection
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
    ("ReconstructedParticles: type or PDG, charge", "", "code 0 (track), 22 or 130; charge"),
    ("ReconstructedParticles#0, EFlow...: energy", "", "clusters that tell what neutrals of type 0 are"),
    ("CalorimeterHits: energy, position, time, cellID", "GeV, mm, ns", "cells of the calorimeters"),
    (
        "MCRecoAssociations#0, #1",
        "",
        "links from reconstructed to generator particles; names of later versions above",
    ),
)

_TREE = "events"
_PARTICLES = "ReconstructedParticles"
#: Branches of the two ends of a link, and of the clusters of a particle, by generation; the latest first.
_LINKS = (
    ("_MCRecoAssociations_from", "_MCRecoAssociations_to"),
    ("_MCRecoAssociations_rec", "_MCRecoAssociations_sim"),
    ("MCRecoAssociations#0", "MCRecoAssociations#1"),
)
_CLUSTERS = ("_ReconstructedParticles_clusters", "ReconstructedParticles#0")
_NEUTRAL = {"EFlowPhoton": 22, "EFlowNeutralHadron": 130}
_C = 299.792458  # mm/ns


class Reconstructed(NamedTuple):
    """Reconstructed particles and the generator particles they are linked to."""

    candidates: Particles
    truth: Int[np.ndarray, "particle"]  # row in `generator_particles` of the one with most energy, -1 if none


class CalorimeterHits(NamedTuple):
    """Hits of many events; those of event i have the rows `offset[i]` to `offset[i + 1]`."""

    offset: Int[np.ndarray, "boundary"]
    energy: Float[np.ndarray, "hit"]  # GeV
    position: Float[np.ndarray, "hit 3"]  # mm
    time: Float[np.ndarray, "hit"]  # ns
    cell: UInt64[np.ndarray, "hit"]


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
    generator, every, there = _generator(path), _every(path), branches(path, tree=_TREE)
    kind = "PDG" if f"{_PARTICLES}.PDG" in there else "type"
    columns = (kind, "charge", "energy", "momentum.x", "momentum.y", "momentum.z")
    found = _read(path, _PARTICLES, columns)
    charge, code = found.columns["charge"].astype(np.float64), found.columns[kind].astype(np.int64)
    nameless = (charge == 0) & (code == 0)
    if nameless.any():
        code[nameless] = _of_clusters(path, found, nameless, there)
    pdg = np.where((charge != 0) & (code == 0), 211 * np.sign(charge).astype(np.int64), code)
    momentum = found.stack("energy", "momentum.x", "momentum.y", "momentum.z")
    candidates = Particles(found.offset, pdg, charge, momentum, np.zeros_like(momentum))
    ends = _ends(path, there)
    return Reconstructed(candidates, _linked(path, ends, candidates, every, generator))


def calorimeter_hits(path: str | Path, collection: str = "CalorimeterHits") -> CalorimeterHits:
    """Hits of a collection of `edm4hep::CalorimeterHit`.

    Raises:
        InputError: What is wrong with the file: no such collection, numbers that are not finite, an energy below 0.
        MissingExtraError: uproot is not installed.
    """
    found = _read(path, collection, ("energy", "time", "cellID", *(f"position.{axis}" for axis in "xyz")))
    energy = found.columns["energy"].astype(np.float64)
    if (energy < 0).any():
        raise InputError(f"{path}: hit {int(np.argmax(energy < 0))} of {collection} has {energy.min():g} GeV")
    position = found.stack("position.x", "position.y", "position.z")
    time = found.columns["time"].astype(np.float64)
    return CalorimeterHits(found.offset, energy, position, time, found.columns["cellID"].astype(np.uint64))


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
    with np.errstate(over="ignore"):
        energy = np.sqrt((p**2).sum(axis=1) + found.columns["mass"].astype(np.float64) ** 2)
    vertex = found.stack("time", "vertex.x", "vertex.y", "vertex.z")
    vertex[:, 0] *= _C
    pdg, charge = found.columns["PDG"].astype(np.int64), found.columns["charge"].astype(np.float64)
    return Particles(
        found.offset, pdg, charge, finite(np.column_stack((energy, p)), f"{path}: Particle"), vertex
    )


def _read(path: str | Path, kind: str, columns: tuple[str, ...]) -> Collection:
    return read_collection(path, tree=_TREE, prefix=f"{kind}.", columns=columns)


def _of_clusters(
    path: str | Path, found: Collection, wanted: Bool[np.ndarray, "particle"], there: frozenset[str]
) -> Int[np.ndarray, "wanted"]:
    """Codes of neutral particles by the collection that their cluster is in.

    Which number a collection has is nowhere in the tree. It is the one whose clusters have the energies of the
    particles made of them.
    """
    links = next((name for name in _CLUSTERS if f"{name}.index" in there), None)
    missing = [name for name in _NEUTRAL if f"{name}.energy" not in there]
    if links is None or missing:
        raise InputError(
            f"{path}: neutral particles of type 0, and nothing to tell photons from hadrons by: no branch "
            f"{', '.join(missing) if missing else ' or '.join(_CLUSTERS)}"
        )
    begin, end = (
        _read(path, _PARTICLES, (f"clusters_{name}",)).columns[f"clusters_{name}"].astype(np.int64)[wanted]
        for name in ("begin", "end")
    )
    members = _read(path, links, ("index", "collectionID"))
    event = found.event[wanted]
    link = members.offset[event] + begin
    if (end <= begin).any() or (link >= members.offset[event + 1]).any():
        raise InputError(f"{path}: neutral particles of type 0 without a cluster in {links}: what are they?")
    index, number = (members.columns[name].astype(np.int64)[link] for name in ("index", "collectionID"))
    energy, codes = found.columns["energy"][wanted], np.zeros(len(link), np.int64)
    for name, code in _NEUTRAL.items():
        clusters = _read(path, name, ("energy",))
        for one in np.unique(number):
            mine = number == one
            row = clusters.offset[event[mine]] + index[mine]
            inside = (index[mine] >= 0) & (row < clusters.offset[event[mine] + 1])
            if inside.all() and np.allclose(clusters.columns["energy"][row], energy[mine], rtol=1e-3):
                codes[mine] = code
    if not codes.all():
        raise InputError(
            f"{path}: neutral particles of type 0 whose clusters are neither in {' nor in '.join(_NEUTRAL)}"
        )
    return codes


def _ends(path: str | Path, there: frozenset[str]) -> list[Collection]:
    """Rows of the reconstructed and of the generator particle of each link."""
    names = next((names for names in _LINKS if {f"{name}.index" for name in names} <= there), None)
    if names is None:
        raise InputError(
            f"{path}: no links to the generator particles: expected {' or '.join(map(', '.join, _LINKS))}"
        )
    ends = [_read(path, name, ("index",)) for name in names]
    if not np.array_equal(ends[0].offset, ends[1].offset):
        raise InputError(f"{path}: {' and '.join(names)} differ in length")
    return ends


def _linked(
    path: str | Path, ends: list[Collection], candidates: Particles, every: Particles, generator: Collection
) -> Int[np.ndarray, "particle"]:
    """Row in `generator_particles` of the particle with most energy that each candidate is linked to."""
    event = ends[0].event
    mine = ends[0].columns["index"] + candidates.offset[event]
    theirs = ends[1].columns["index"] + every.offset[event]
    for rows, offset in ((mine, candidates.offset), (theirs, every.offset)):
        if ((rows < offset[event]) | (rows >= offset[event + 1])).any():
            raise InputError(f"{path}: a link to a generator particle points beyond its event")
    stable = generator.columns["generatorStatus"] == 1
    row = np.where(stable, np.cumsum(stable) - 1, -1)[theirs]
    order = np.argsort(np.where(row >= 0, every.momentum[theirs, 0], -1.0), kind="stable")
    truth = np.full(len(candidates.pdg), -1)
    truth[mine[order]] = row[order]  # the last one, with most energy, stays
    return truth
