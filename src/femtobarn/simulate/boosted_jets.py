"""Large jets of one origin as a detector sees them, with the kind of each particle: Pythia, `detect`, anti-kT.

Processes of boosted bosons, and `detected_jets`, which makes jets of any process. Without pile-up.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate.chunks import Arrays, Chunks
from femtobarn.simulate.collisions.jets import enough_jets, run_jet_chunks
from femtobarn.simulate.collisions.processes import Process, PtRange
from femtobarn.simulate.collisions.pythia import (
    Records,
    final_particles,
    hard_pair,
    next_records,
    start_pythia,
    version,
    within,
)
from femtobarn.simulate.detector import candidates, detect

_VERSION = 1  # raise it when the same settings give other jets
_JETS_PER_CHUNK = 500
_PATIENCE = 4000  # events without a single jet before we give up
_PICOBARN = 1e9  # in a millibarn

_TO_NEUTRINOS = ("23:onMode = off", "23:onIfAny = 12 14 16")
_TO_LEPTONS = ("24:onMode = off", "24:onIfAny = 11 13")
_TO_QUARKS = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")


def boosted_higgs(decay: tuple[int, int], pt_hat: PtRange) -> Process:
    """H Z with Z to neutrinos and H W with W to a lepton; H to this pair (PDG codes without sign).

    With a pair of W of which both go to quarks (24, 24) there is H Z alone, for all W decay alike.
    """
    associated = ("HiggsSM:ffbar2HZ = on", *_TO_NEUTRINOS)
    only = ("25:onMode = off", f"25:onIfMatch = {decay[0]} {decay[1]}", *_within(pt_hat))
    if decay == (24, 24):
        return Process("H to WW to quarks", (*associated, *_TO_QUARKS, *only), (25,))
    lines = (*associated, "HiggsSM:ffbar2HW = on", *_TO_LEPTONS, *only)
    return Process(f"H to {decay[0]} {decay[1]}", lines, (25,))


def higgs_to_lepton_and_quarks(pt_hat: PtRange, *, positive: bool) -> Process:
    """H Z with Z to neutrinos, H to two W: the one of this charge to e or mu, the other to quarks."""
    leptons, quarks = ("Pos", "Neg") if positive else ("Neg", "Pos")
    decays = ("24:onMode = off", f"24:on{leptons}IfAny = 11 13", f"24:on{quarks}IfAny = 1 2 3 4 5")
    lines = ("HiggsSM:ffbar2HZ = on", *_TO_NEUTRINOS, *decays, "25:onMode = off", "25:onIfMatch = 24 24")
    return Process("H to l nu q q", (*lines, *_within(pt_hat)), (25,))


def invisible_z_and_jet(pt_hat: PtRange) -> Process:
    """Z to neutrinos and a quark or gluon, which becomes the jet."""
    lines = ("WeakBosonAndParton:qqbar2gmZg = on", "WeakBosonAndParton:qg2gmZq = on", "WeakZ0:gmZmode = 2")
    return Process("Z and jet", (*lines, *_TO_NEUTRINOS, *_within(pt_hat)), (1, 2, 3, 4, 5, 21))


def leptonic_tops(pt_hat: PtRange) -> Process:
    """t tbar, each to b, e or mu, and a neutrino."""
    lines = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *_TO_LEPTONS)
    return Process("top pairs to leptons", (*lines, *_within(pt_hat)), (6,))


@dataclass(frozen=True)
class DetectedJets:
    """Which jets `detected_jets` makes. The defaults are those of JetClass (arXiv:2202.03772)."""

    process: Process
    """Whose hard particles become the jets."""
    pt: tuple[float, float] = (500.0, 1000.0)
    """Range of the jets' transverse momentum, GeV."""
    eta: float = 2.0
    """Largest |pseudorapidity| of a jet."""
    radius: float = 0.8
    """Of the anti-kT algorithm, and the largest distance of a jet from its hard particle."""
    energy: float = 13_000.0
    """Of the two protons together, GeV."""

    def __post_init__(self) -> None:
        if not self.process.partons:
            raise InputError(f"{self.process.name}: no partons to match jets with")
        if not 0 < self.pt[0] < self.pt[1] or min(self.eta, self.radius, self.energy) <= 0:
            raise InputError(f"expected jets of 0 < low < high GeV and lengths above 0, got {self}")


class SeenJets(NamedTuple):
    """Jets of particle-flow candidates in flat arrays, one jet after the other."""

    first: Int[np.ndarray, "boundary"]  # candidates of jet j are rows first[j] to first[j + 1]
    momentum: Float[np.ndarray, "candidate 4"]  # energy, px, py, pz in GeV; the hardest of a jet first
    pdg: Int[np.ndarray, "candidate"]  # 11, 13, 211 with sign, 22, 130
    cross_section: float  # of the process, pb, for one jet: as Pythia gives it, times jets per event


def detected_jets(
    sample: DetectedJets,
    count: int,
    *,
    seed: int,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> SeenJets:
    """`count` jets from Pythia 8, the detector of CMS without pile-up, and FastJet; the cache keeps them.

    Of each collision the jets within the cuts are taken that have a hard particle of the process within their
    radius. All decay products need not be inside. The first jets of a larger sample with the same seed are the
    smaller sample, whatever the number of workers.

    Args:
        sample: Process and cuts.
        count: Number of jets.
        seed: Of the sample; each chunk of 500 jets has its own from it.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar with the rate.

    Raises:
        InputError: No jets asked for, impossible settings, or a process that gives no such jets.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    chunks = Chunks(detected_chunk, sample, count, _JETS_PER_CHUNK, seed, (_VERSION, *version()))
    parts = run_jet_chunks(chunks, sample.process, workers=workers, scheduler=scheduler, progress=progress)
    sizes = np.concatenate([part["size"] for part in parts])
    momentum, pdg = (np.concatenate([part[name] for part in parts]) for name in ("momentum", "pdg"))
    weight = [len(part["size"]) for part in parts]
    cross_section = float(np.average([part["cross_section"] for part in parts], weights=weight))
    return SeenJets(np.concatenate(([0], np.cumsum(sizes))), momentum, pdg, cross_section)


def detected_chunk(sample: DetectedJets, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the sample: as many jets as there are items."""
    ours, theirs = seed.spawn(2)
    generator = np.random.default_rng(ours)
    pythia = start_pythia(sample.process, seed=theirs, energy=sample.energy, mpi=True)

    def draw(missing: int) -> tuple[Arrays, int]:
        records = next_records(pythia, max(20, missing))
        return _jets_of(sample, pythia, records, generator), len(records.offset) - 1

    sought = f"{sample.process.name}: no jet of {sample.pt} GeV"
    table, collisions = enough_jets(draw, len(items), patience=_PATIENCE, sought=sought)
    size = table["size"][: len(items)]
    kept = int(size.sum())
    section = pythia.infoPython().sigmaGen() * _PICOBARN * len(table["size"]) / collisions
    return {
        "size": size,
        "momentum": table["momentum"][:kept],
        "pdg": table["pdg"][:kept],
        "cross_section": np.array(section),
    }


def _jets_of(sample: DetectedJets, pythia: Any, records: Records, generator: np.random.Generator) -> Arrays:
    seen = candidates(detect(final_particles(pythia, records), generator=generator))
    jets = anti_kt(seen.momentum, seen.offset, radius=sample.radius, min_pt=sample.pt[0])
    pt = np.hypot(jets.momentum[:, 1], jets.momentum[:, 2])
    jets = jets.keep((pt < sample.pt[1]) & within(jets.momentum, sample.eta))
    codes, hard = hard_pair(records)
    _, jet_eta, jet_phi, _ = cylindrical(jets.momentum).T[..., None]
    _, eta, phi, _ = np.moveaxis(cylindrical(hard[jets.event]), -1, 0)
    near = np.hypot(jet_eta - eta, delta_phi(jet_phi, phi)) < sample.radius
    jets = jets.keep((near & np.isin(np.abs(codes), sample.process.partons)[jets.event]).any(axis=1))
    size = np.diff(jets.first)
    momentum = seen.momentum[jets.constituent]
    owner = np.repeat(np.arange(len(size)), size)
    order = np.lexsort((-np.hypot(momentum[:, 1], momentum[:, 2]), owner))
    return {
        "size": size,
        "momentum": momentum[order].astype(np.float32),
        "pdg": seen.pdg[jets.constituent][order].astype(np.int16),
    }


def _within(pt_hat: PtRange) -> tuple[str, str]:
    return f"PhaseSpace:pTHatMin = {pt_hat[0]:g}", f"PhaseSpace:pTHatMax = {pt_hat[1]:g}"
