"""Jets of known origin: collisions, clustered, matched to the particles of the hard process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError, require
from femtobarn.physics.clustering import Jets, anti_kt
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.collisions.processes import Process
from femtobarn.simulate.collisions.pythia import (
    Records,
    hard_pair,
    next_records,
    start_pythia,
    version,
    visible_particles,
    within,
)

_VERSION = 1  # raise it when the same settings give other jets
_JETS_PER_CHUNK = 4000  # to start Pythia takes as long as some 40 jets
_PATIENCE = 2000  # events without a single jet before we give up
_LEADING = 2  # jets of an event that are looked at


@dataclass(frozen=True)
class JetSample:
    """Which jets `matched_jets` makes. The defaults are those of JetNet (arXiv:2106.11535)."""

    process: Process
    """Whose hard particles become the jets."""
    pt: tuple[float, float] = (800.0, 1600.0)
    """Range of the jets' transverse momentum, GeV."""
    eta: float = 5.0
    """Largest |pseudorapidity| of a jet."""
    radius: float = 0.8
    """Of the anti-kT algorithm, and the acceptance."""
    matching: float = 0.4
    """Largest distance in (eta, phi) of the jet from the hard particle, which has not yet recoiled."""
    min_pt: float = 1.0
    """Constituents below this, GeV, are not listed; jets are made with them."""
    acceptance: float = 5.0
    """Largest |pseudorapidity| of a particle."""
    energy: float = 13_000.0
    """Of the two protons together, GeV."""
    mpi: bool = False
    """Whether the protons' remnants interact too; it adds 10 to 18 GeV to the mass of a W or Z jet."""

    def __post_init__(self) -> None:
        if not self.process.partons:
            raise InputError(f"{self.process.name}: no partons to match jets with")
        if not 0 < self.pt[0] < self.pt[1]:
            raise InputError(f"expected jets of 0 < low < high GeV, got {self.pt}")
        if min(self.eta, self.radius, self.matching, self.acceptance, self.energy) <= 0 or self.min_pt < 0:
            raise InputError(f"expected lengths and energies above 0, and min_pt >= 0, got {self}")


class MatchedJets(NamedTuple):
    """Jets with their constituents in flat arrays, hardest first, one jet after the other."""

    first: Int[np.ndarray, "boundary"]  # constituents of jet j are rows first[j] to first[j + 1]
    constituent: Float[np.ndarray, "constituent 4"]  # energy, px, py, pz in GeV
    momentum: Float[np.ndarray, "jet 4"]  # of the whole jet, from constituents below the cut too
    parton: Float[np.ndarray, "jet 4"]  # momentum of the hard particle
    pdg: Int[np.ndarray, "jet"]  # its code


def matched_jets(
    sample: JetSample,
    count: int,
    *,
    seed: int,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> MatchedJets:
    """`count` jets from Pythia 8 and FastJet, kept in the cache for the next call.

    Of each collision the two jets of largest pT are taken, if they pass the cuts and a hard particle of the
    process is near; two jets of one collision follow each other. The first jets of a larger sample with the
    same seed are the smaller sample, whatever the number of workers.

    Args:
        sample: Process and cuts.
        count: Number of jets.
        seed: Of the sample; each chunk of 4000 jets has its own from it.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar with the rate.

    Raises:
        InputError: No jets asked for, impossible settings, or a process that gives no such jets.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    chunks = Chunks(jet_chunk, sample, count, _JETS_PER_CHUNK, seed, (_VERSION, *version()))
    parts = run_jet_chunks(chunks, sample.process, workers=workers, scheduler=scheduler, progress=progress)
    sizes = np.concatenate([part["size"] for part in parts])
    columns = ("constituent", "momentum", "parton", "pdg")
    return MatchedJets(
        _boundaries(sizes), *(np.concatenate([part[name] for part in parts]) for name in columns)
    )


def jet_chunk(sample: JetSample, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the sample: as many jets as there are items."""
    pythia = start_pythia(sample.process, seed=seed, energy=sample.energy, mpi=sample.mpi)

    def draw(missing: int) -> tuple[Arrays, int]:
        records = next_records(pythia, -(-missing // _LEADING))  # hence no more than are needed
        return _jets_of(sample, pythia, records), len(records.offset) - 1

    sought = f"{sample.process.name}: no jet of {sample.pt} GeV"
    table, _ = enough_jets(draw, len(items), patience=_PATIENCE, sought=sought)
    per_jet = {name: table[name][: len(items)] for name in ("size", "momentum", "parton", "pdg")}
    return per_jet | {"constituent": table["constituent"][: per_jet["size"].sum()]}


def run_jet_chunks(
    chunks: Chunks, process: Process, *, workers: int, scheduler: str | None, progress: bool
) -> list[Arrays]:
    """The chunks of a sample of jets from a process.

    Raises:
        InputError: No jets asked for.
        MissingExtraError: fastjet is not installed.
    """
    if chunks.total < 1:
        raise InputError(f"expected at least one jet, got {chunks.total}")
    require("fastjet", extra="generate")
    label = f"jets from {process.name}"
    return run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label=label)


def enough_jets(
    draw: Callable[[int], tuple[Arrays, int]], count: int, *, patience: int, sought: str
) -> tuple[Arrays, int]:
    """At least `count` jets as one table, and the number of collisions that they took.

    Args:
        draw: For a number of jets that are missing, a table of jets, "size" among its columns, and the number of
            collisions that were looked at for it.
        count: Number of jets.
        patience: Collisions in a row without a single jet before we give up.
        sought: Beginning of the message then, such as "top pairs: no jet of 500 GeV".

    Raises:
        InputError: We gave up.
    """
    found, collisions, fruitless = 0, 0, 0
    parts: list[Arrays] = []
    while found < count:
        part, made = draw(count - found)
        parts.append(part)
        seen = len(part["size"])
        found, collisions = found + seen, collisions + made
        fruitless = 0 if seen else fruitless + made
        if fruitless >= patience:
            raise InputError(f"{sought} in {fruitless} collisions")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, collisions


def _jets_of(sample: JetSample, pythia: Any, records: Records) -> Arrays:
    momentum, offset = visible_particles(pythia, records, eta=sample.acceptance)
    jets = anti_kt(momentum, offset, radius=sample.radius, min_pt=sample.pt[0])
    rank = np.arange(len(jets.momentum)) - jets.offset[jets.event]
    pt = np.hypot(jets.momentum[:, 1], jets.momentum[:, 2])
    jets = jets.keep((rank < _LEADING) & (pt < sample.pt[1]) & within(jets.momentum, sample.eta))
    return _with_their_partons(sample, jets, momentum, *hard_pair(records))


def _with_their_partons(
    sample: JetSample,
    jets: Jets,
    momentum: Float[np.ndarray, "particle 4"],
    pdg: Int[np.ndarray, "event 2"],
    hard: Float[np.ndarray, "event 2 4"],
) -> Arrays:
    _, jet_eta, jet_phi, _ = cylindrical(jets.momentum).T[..., None]
    _, eta, phi, _ = np.moveaxis(cylindrical(hard[jets.event]), -1, 0)
    distance = np.hypot(jet_eta - eta, delta_phi(jet_phi, phi))
    distance[~np.isin(np.abs(pdg), sample.process.partons)[jets.event]] = np.inf
    nearest, close = distance.argmin(axis=1), distance.min(axis=1) < sample.matching
    jets, nearest = jets.keep(close), nearest[close]
    constituent = momentum[jets.constituent]
    owner = np.repeat(np.arange(len(nearest)), np.diff(jets.first))
    pt = np.hypot(constituent[:, 1], constituent[:, 2])
    order = np.lexsort((-pt, owner))
    order = order[pt[order] >= sample.min_pt]
    return {
        "size": np.bincount(owner[order], minlength=len(nearest)),
        "constituent": constituent[order].astype(np.float32),
        "momentum": jets.momentum,
        "parton": hard[jets.event, nearest],
        "pdg": pdg[jets.event, nearest],
    }


def padded(
    values: Float[np.ndarray, "constituent feature"], first: Int[np.ndarray, "boundary"], *, particles: int
) -> tuple[Float[np.ndarray, "jet particle feature"], Bool[np.ndarray, "jet particle"]]:
    """The first `particles` rows of each jet with zeros behind them, and which rows are real."""
    rank = np.arange(particles)
    mask = rank < np.diff(first)[:, None]
    table = np.zeros((*mask.shape, values.shape[1]), values.dtype)
    table[mask] = values[(first[:-1, None] + rank)[mask]]
    return table, mask


def _boundaries(sizes: Int[np.ndarray, "jet"]) -> Int[np.ndarray, "boundary"]:
    return np.concatenate(([0], np.cumsum(sizes)))
