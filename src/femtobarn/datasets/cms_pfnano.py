"""CMS full simulation with particle-flow and generator candidates: NanoAOD files with such ("PFNano").

A file has per event what the generator made (`generator_particles`, without pile-up), what the detector made of
it (`particle_flow`, with pile-up), and the jets of both with links to their candidates (`jets`). Branches have other
names by version: ``PFCands_``, ``FatJetPFCands_pFCandsIdx`` in PFNano of NanoAOD 9, ``PFCand_``,
``FatJetPFCand_pfCandIdx`` in NanoAOD 15, which lists the candidates of AK8 jets for everybody and has PUPPI weights in
the momenta. NanoAOD 12 and others without candidates are refused with the branches looked for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.collections import Collection, branches, finite, read_collection
from femtobarn.data.root import opened_root
from femtobarn.errors import InputError
from femtobarn.physics.clustering import Jets as ClusteredJets
from femtobarn.physics.jet_pairs import Cloud, JetPairs, hardest_particles, match_jets
from femtobarn.physics.vectors import cartesian
from femtobarn.simulate.particles import Particles

NAME = "cms_pfnano"
SUMMARY = "CMS full simulation: particle-flow candidates, generator particles, jets (NanoAOD)"
SAMPLE = "github.com/scikit-hep/coffea, tests/samples/pfnano.root (commit 060992a), 10 events, 13 TeV"
#: Branch, unit, what it is.
COLUMNS = (
    ("GenCands_pt, eta, phi, mass", "GeV, rad", "stable particles of the hard collision, no pile-up"),
    ("GenCands_charge, pdgId", "", "their charge and PDG code"),
    (
        "PFCands_pt, eta, phi, mass",
        "GeV, rad",
        "particle-flow candidates, pile-up included; PFCand_ in NanoAOD 15",
    ),
    ("PFCands_charge, pdgId", "", "their charge and kind"),
    ("PFCands_puppiWeight", "", "probability of not being pile-up (PUPPI); 0 or 1 for tracks"),
    ("GenJetAK8_pt, eta, phi, mass", "GeV, rad", "generator jets, anti-kT R = 0.8; GenJet_ the same for 0.4"),
    (
        "FatJet_pt, eta, phi, mass, rawFactor",
        "GeV, rad",
        "PUPPI jets, corrected; uncorrected: pt (1 - rawFactor)",
    ),
    ("GenFatJetCands_, FatJetPFCands_", "", "links: jetIdx, pFCandsIdx; GenJetCands_, JetPFCands_ for 0.4"),
    ("FatJetPFCand_", "", "the same in NanoAOD 15: jetIdx, pfCandIdx"),
)

#: Prefixes of candidates, by version; the first whose branches are there is taken.
_FLOW = ("PFCands_", "PFCand_")
_GENERATOR = ("GenCands_",)
#: Of jets: prefix and column of their links, and the candidates that these lead to.
_LINKS = {
    "FatJet": (("FatJetPFCands_", "pFCandsIdx", "PFCands_"), ("FatJetPFCand_", "pfCandIdx", "PFCand_")),
    "Jet": (("JetPFCands_", "pFCandsIdx", "PFCands_"), ("JetPFCand_", "pfCandIdx", "PFCand_")),
    "GenJetAK8": (("GenFatJetCands_", "pFCandsIdx", "GenCands_"),),
    "GenJet": (("GenJetCands_", "pFCandsIdx", "GenCands_"),),
}
#: Charges of the kinds of candidates; the others are neutral.
_CHARGED = {211: 1, 11: -1, 13: -1}
_TREE = "Events"
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
    return _particles(path, _found(path, _GENERATOR, "candidates of the generator"))[0]


def particle_flow(path: str | Path) -> ParticleFlow:
    """Reconstructed candidates, those of pile-up included, and their PUPPI weights; all start at 0.

    In NanoAOD 15 these are the candidates of AK8 jets, and their momenta are weighted already: the weights are 1.

    Raises:
        InputError: What is wrong with the file, or that it has no candidates.
        MissingExtraError: uproot is not installed.
    """
    prefix = _found(path, _FLOW, "candidates of particle flow")
    weighted = f"{prefix}puppiWeight" not in branches(path, tree=_TREE)
    particles, found = _particles(path, prefix, *(() if weighted else ("puppiWeight",)))
    puppi = np.ones(len(particles.pdg)) if weighted else found.columns["puppiWeight"].astype(np.float64)
    return ParticleFlow(particles, puppi)


def jets(path: str | Path, kind: Literal["FatJet", "Jet", "GenJetAK8", "GenJet"]) -> Jets:
    """Jets of one kind with their links.

    Raises:
        InputError: What is wrong with the file, or with a link in it, or that it has none.
        MissingExtraError: uproot is not installed.
    """
    prefix = _found(path, [name for name, _, _ in _LINKS[kind]], f"links from {kind} to candidates", "jetIdx")
    index, linked = next(rest for name, *rest in _LINKS[kind] if name == prefix)
    reconstructed = not kind.startswith("Gen")
    columns = (*_KINEMATICS, *(("rawFactor",) if reconstructed else ()))
    members = read_collection(path, tree=_TREE, prefix=linked, columns=("pt",))
    found = read_collection(path, tree=_TREE, prefix=f"{kind}_", columns=columns)
    links = read_collection(path, tree=_TREE, prefix=prefix, columns=("jetIdx", index))
    momentum, raw = _momenta(path, found, kind), np.ones(len(found.columns["pt"]))
    if reconstructed:
        raw -= found.columns["rawFactor"]
    jet, candidate = (links.columns[name].astype(np.int64) for name in ("jetIdx", index))
    real = jet >= 0  # links of jets below the file's threshold are kept with -1
    event = links.event[real]
    jet, candidate = jet[real] + found.offset[event], candidate[real]
    inside = (jet < found.offset[event + 1]) & (candidate >= 0)
    candidate = candidate + members.offset[event]
    if not (inside & (candidate < members.offset[event + 1])).all():
        raise InputError(f"{path}: {prefix}jetIdx or {index} points beyond its event")
    return Jets(found.offset, momentum * raw[:, None], 1 / raw, jet, candidate)


def jet_pairs(path: str | Path, *, distance: float = 0.2, particles: int = 50) -> JetPairs:
    """AK8 jets of the generator and the reconstructed ones at their place, each with its linked candidates.

    Momenta of candidates are weighted with PUPPI, those of weight 0 are left out. Partners as in
    `femtobarn.physics.jet_pairs.match_jets`; a generated jet without one has no reconstructed particles.

    Args:
        path: A PFNano file with both.
        distance: Largest distance of partners in (eta, phi).
        particles: Hardest particles listed of each jet.

    Raises:
        InputError: What is wrong with the file.
        MissingExtraError: uproot is not installed.
    """
    with opened_root(Path(path)):
        flow, made = particle_flow(path), generator_particles(path)
        found = jets(path, "GenJetAK8"), jets(path, "FatJet")
    before = _clustered(found[0], made.momentum)
    after = _clustered(found[1], flow.candidates.momentum * flow.puppi[:, None])
    rows = match_jets(before[0], after[0], distance=distance)
    count = len(before[0].momentum)
    generated = hardest_particles(*before, np.arange(count), particles=particles)
    momentum, mask = np.zeros_like(generated.momentum), np.zeros_like(generated.mask)
    momentum[rows[:, 0]], mask[rows[:, 0]] = hardest_particles(*after, rows[:, 1], particles=particles)
    return JetPairs(generated, Cloud(momentum, mask), before[0].event, count)


def _clustered(found: Jets, momentum: Float[np.ndarray, "particle 4"]) -> tuple[ClusteredJets, np.ndarray]:
    """The jets as if they had been clustered here, and the momenta of what is in them."""
    order = np.argsort(found.jet, kind="stable")
    first = np.searchsorted(found.jet[order], np.arange(len(found.momentum) + 1))
    return ClusteredJets(found.offset, found.momentum, first, found.candidate[order]), momentum


def describe() -> str:
    """The data set in plain text: where a sample is, and its branches with their units."""
    lines = [SUMMARY, "", f"sample: {SAMPLE}", "format: ROOT, tree Events; needs the extra root", ""]
    lines += [f"{'branches':38} {'unit':9} what"]
    lines += [f"{name:38} {unit:9} {what}" for name, unit, what in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _momenta(path: str | Path, found: Collection, name: str) -> Float[np.ndarray, "object 4"]:
    with np.errstate(over="ignore", invalid="ignore"):
        momentum = cartesian(found.stack(*_KINEMATICS))
    return finite(momentum, f"{path}: {name}")


def _found(path: str | Path, prefixes: Sequence[str], what: str, column: str = "pt") -> str:
    """Which of the prefixes the file has branches of.

    Raises:
        InputError: None of them.
    """
    there = branches(path, tree=_TREE)
    for prefix in prefixes:
        if f"{prefix}{column}" in there:
            return prefix
    wanted = " or ".join(f"{prefix}{column}" for prefix in prefixes)
    raise InputError(
        f"{path}: no {what}: expected a branch {wanted}; PFNano has them, NanoAOD from version 15 on those "
        "of AK8 jets in particle flow"
    )


def _particles(path: str | Path, prefix: str, *others: str) -> tuple[Particles, Collection]:
    """Particles of a collection, and all that was read of it; charges by the kind where they are not given."""
    charged = f"{prefix}charge" in branches(path, tree=_TREE)
    columns = (*_KINEMATICS, "pdgId", *(("charge",) if charged else ()), *others)
    found = read_collection(path, tree=_TREE, prefix=prefix, columns=columns)
    pdg = found.columns["pdgId"].astype(np.int64)
    size = np.select([np.abs(pdg) == kind for kind in _CHARGED], list(_CHARGED.values()), 0)
    charge = found.columns["charge"] if charged else np.sign(pdg) * size
    momentum = _momenta(path, found, prefix)
    particles = Particles(
        found.offset, pdg, charge.astype(np.float64), momentum, np.zeros((len(momentum), 4))
    )
    return particles, found
