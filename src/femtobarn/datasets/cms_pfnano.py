"""CMS full simulation with particle-flow and generator candidates: NanoAOD files with ``PFCands`` ("PFNano").

A file has per event what the generator made (`generator_particles`, without pile-up), what the detector made of
it (`particle_flow`, with pile-up), and the jets of both with links to their candidates (`jets`).
"""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.collections import Collection, read_collection
from femtobarn.errors import InputError
from femtobarn.physics.vectors import cartesian
from femtobarn.simulate.particles import Particles

NAME = "cms_pfnano"
SUMMARY = "CMS full simulation: particle-flow candidates, generator particles, jets (NanoAOD)"
SAMPLE = "github.com/scikit-hep/coffea, tests/samples/pfnano.root (commit 060992a), 10 events, 13 TeV"
#: Branch, unit, what it is.
COLUMNS = (
    ("GenCands_pt, eta, phi, mass", "GeV, rad", "stable particles of the hard collision, no pile-up"),
    ("GenCands_charge, pdgId", "", "their charge and PDG code"),
    ("PFCands_pt, eta, phi, mass", "GeV, rad", "particle-flow candidates, pile-up included"),
    ("PFCands_charge, pdgId", "", "their charge and kind"),
    ("PFCands_puppiWeight", "", "probability of not being pile-up (PUPPI); 0 or 1 for tracks"),
    ("GenJetAK8_pt, eta, phi, mass", "GeV, rad", "generator jets, anti-kT R = 0.8; GenJet_ the same for 0.4"),
    (
        "FatJet_pt, eta, phi, mass, rawFactor",
        "GeV, rad",
        "PUPPI jets, corrected; uncorrected: pt (1 - rawFactor)",
    ),
    ("GenFatJetCands_, FatJetPFCands_", "", "links: jetIdx, pFCandsIdx; GenJetCands_, JetPFCands_ for 0.4"),
)

#: Branches of jets, of their links, and of the candidates linked to.
_JETS = {
    "FatJet": ("FatJetPFCands_", "PFCands_"),
    "Jet": ("JetPFCands_", "PFCands_"),
    "GenJetAK8": ("GenFatJetCands_", "GenCands_"),
    "GenJet": ("GenJetCands_", "GenCands_"),
}
_KINEMATICS = ("pt", "eta", "phi", "mass")


class ParticleFlow(NamedTuple):
    """Reconstructed candidates and how likely each is no pile-up."""

    candidates: Particles
    puppi: Float[np.ndarray, "particle"]


class Jets(NamedTuple):
    """Jets of many events, one event after the other, and which candidates are in them."""

    offset: Int[np.ndarray, "boundary"]
    momentum: Float[np.ndarray, "jet 4"]  # energy, px, py, pz in GeV, without correction
    correction: Float[np.ndarray, "jet"]  # what CMS multiplies that by
    jet: Int[np.ndarray, "link"]  # row of the jet
    candidate: Int[np.ndarray, "link"]  # row of its candidate, of all candidates in the file


def generator_particles(path: str | Path) -> Particles:
    """Stable particles of the hard collision, without pile-up; all start at 0, for the file does not say where.

    Raises:
        InputError: What is wrong with the file.
        MissingExtraError: uproot is not installed.
    """
    return _particles(path, "GenCands_")[0]


def particle_flow(path: str | Path) -> ParticleFlow:
    """Reconstructed candidates, those of pile-up included, and their PUPPI weights; all start at 0.

    Raises:
        InputError: What is wrong with the file.
        MissingExtraError: uproot is not installed.
    """
    particles, found = _particles(path, "PFCands_", "puppiWeight")
    return ParticleFlow(particles, found.columns["puppiWeight"].astype(np.float64))


def jets(path: str | Path, kind: Literal["FatJet", "Jet", "GenJetAK8", "GenJet"]) -> Jets:
    """Jets of one kind with their links.

    Raises:
        InputError: What is wrong with the file, or with a link in it.
        MissingExtraError: uproot is not installed.
    """
    prefix, linked = _JETS[kind]
    reconstructed = not kind.startswith("Gen")
    columns = (*_KINEMATICS, *(("rawFactor",) if reconstructed else ()))
    members = read_collection(path, tree="Events", prefix=linked, columns=("pt",))
    events = len(members.offset) - 1
    found = read_collection(path, tree="Events", prefix=f"{kind}_", columns=columns, events=events)
    links = read_collection(
        path, tree="Events", prefix=prefix, columns=("jetIdx", "pFCandsIdx"), events=events
    )
    momentum, raw = cartesian(found.stack(*_KINEMATICS)), np.ones(len(found.columns["pt"]))
    if reconstructed:
        raw -= found.columns["rawFactor"]
    jet, candidate = links.columns["jetIdx"].astype(np.int64), links.columns["pFCandsIdx"].astype(np.int64)
    real = jet >= 0  # links of jets below the file's threshold are kept with -1
    event = links.event[real]
    jet, candidate = jet[real] + found.offset[event], candidate[real] + members.offset[event]
    if (jet >= found.offset[event + 1]).any() or (candidate >= members.offset[event + 1]).any():
        raise InputError(f"{path}: {prefix}jetIdx or pFCandsIdx points beyond its event")
    return Jets(found.offset, momentum * raw[:, None], 1 / raw, jet, candidate)


def describe() -> str:
    """The data set in plain text: where a sample is, and its branches with their units."""
    lines = [SUMMARY, "", f"sample: {SAMPLE}", "format: ROOT, tree Events; needs the extra root", ""]
    lines += [f"{'branches':38} {'unit':9} what"]
    lines += [f"{name:38} {unit:9} {what}" for name, unit, what in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _particles(path: str | Path, prefix: str, *others: str) -> tuple[Particles, Collection]:
    """Particles of a collection, and all that was read of it."""
    columns = (*_KINEMATICS, "charge", "pdgId", *others)
    found = read_collection(path, tree="Events", prefix=prefix, columns=columns)
    particles = Particles(
        found.offset,
        found.columns["pdgId"].astype(np.int64),
        found.columns["charge"].astype(np.float64),
        cartesian(found.stack(*_KINEMATICS)),
        np.zeros((len(found.columns["pt"]), 4)),
    )
    return particles, found
