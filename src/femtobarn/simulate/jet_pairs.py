"""Pairs of a generated and a reconstructed jet: collisions in the parametrised detector, or formulas."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError, require
from femtobarn.physics.jet_pairs import Cloud, JetPairs, cloud, jet_pairs
from femtobarn.physics.vectors import cylindrical
from femtobarn.simulate.chunks import Arrays, Chunks, run_chunks
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import Process, dijets, minimum_bias
from femtobarn.simulate.collisions.pythia import version
from femtobarn.simulate.collisions.sample import CollisionSettings, collisions, event_chunk
from femtobarn.simulate.detector import CMS, CMS_NO_PILEUP, candidates, detect
from femtobarn.simulate.detector.card import INVISIBLE
from femtobarn.simulate.particles import Particles, joined
from femtobarn.simulate.toy_jets import toy_jets

_VERSION = 1  # raise it when the same settings give other pairs
_EVENTS_PER_CHUNK = 500
_AT_ONCE = 100  # events in the detector; with pile-up they take much memory
_POOL = 500  # soft collisions to draw pile-up from, made once
_ENERGY = 13_000.0  # GeV, of the two protons
_ACCEPTANCE = 5.0  # largest |pseudorapidity| of a generated particle


@dataclass(frozen=True)
class PairSample:
    """Which pairs `simulated_pairs` makes."""

    process: Process = field(default_factory=lambda: dijets((150.0, 500.0)))
    """Of the collisions."""
    pt: tuple[float, float] = (150.0, 500.0)
    """Range of the generated jets' transverse momentum, GeV."""
    eta: float = 2.4
    """Their largest |pseudorapidity|."""
    radius: float = 0.4
    """Of the anti-kT algorithm."""
    distance: float = 0.2
    """Largest distance of the reconstructed jet in (eta, phi)."""
    particles: int = 50
    """Hardest particles listed of each jet."""
    pileup: float = 0.0
    """Mean number of further collisions in an event; with any, hadrons are measured as in Delphes' pile-up card."""

    def __post_init__(self) -> None:
        if self.pileup < 0 or 5 * self.pileup > _POOL:
            raise InputError(f"expected a mean of 0 to {_POOL // 5} collisions, got {self.pileup:g}")


def simulated_pairs(
    sample: PairSample,
    events: int,
    *,
    seed: int,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> JetPairs:
    """Pairs from `events` collisions, kept in the cache for the next call; about two an event.

    Args:
        sample: Process, cuts, pile-up.
        events: Number of collisions.
        seed: Of the sample; each chunk of 500 collisions has its own from it.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar.

    Raises:
        InputError: No collisions asked for, or impossible cuts.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    if events < 1:
        raise InputError(f"expected at least one collision, got {events}")
    require("fastjet", extra="generate")
    chunks = Chunks(pair_chunk, sample, events, _EVENTS_PER_CHUNK, seed, (_VERSION, *version()))
    label = "collisions in the detector"
    parts = run_chunks(chunks, workers=workers, scheduler=scheduler, progress=progress, label=label)
    first = np.repeat([chunks.items(i).start for i in range(len(parts))], [len(p["event"]) for p in parts])
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    before, after = (Cloud(columns[f"{side}_momentum"], columns[f"{side}_mask"]) for side in _SIDES)
    return JetPairs(before, after, columns["event"] + first, int(columns["wanted"].sum()))


_SIDES = ("generated", "reconstructed")


def pair_chunk(sample: PairSample, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the sample."""
    begin, draws = seed.spawn(2)
    settings = CollisionSettings(sample.process, _ENERGY, mpi=True)
    events = Particles(**event_chunk(settings, items, begin))  # the pairs are kept, not the many particles
    found = detected_pairs(events, sample, generator=np.random.default_rng(draws))
    columns = {
        f"{side}_{name}": array
        for side, each in zip(_SIDES, (found.generated, found.reconstructed), strict=True)
        for name, array in each._asdict().items()
    }
    return columns | {"event": found.event, "wanted": np.array([found.wanted])}


def detected_pairs(events: Particles, sample: PairSample, *, generator: np.random.Generator) -> JetPairs:
    """What the detector makes of the jets of these events; another call gives another measurement of the same jets."""
    parts, card = [], CMS if sample.pileup else CMS_NO_PILEUP
    pool = collisions(minimum_bias(), _POOL, seed=1, workers=1) if sample.pileup else None
    for first in range(0, events.events, _AT_ONCE):
        some = _events(events, first, min(first + _AT_ONCE, events.events))
        visible = some.keep(~np.isin(np.abs(some.pdg), INVISIBLE) & _central(some.momentum))
        crossing = overlay(some, pool, mean=sample.pileup, generator=generator)[0] if pool else some
        measured = candidates(detect(crossing, card=card, generator=generator))
        found = jet_pairs(
            visible.momentum,
            visible.offset,
            measured.momentum,
            measured.offset,
            radius=sample.radius,
            distance=sample.distance,
            pt=sample.pt,
            eta=sample.eta,
            particles=sample.particles,
        )
        parts.append(replace(found, event=found.event + first))
    return _joined(parts)


def measured_again(sample: PairSample, events: int, times: int, *, seed: int) -> JetPairs:
    """The hardest jet of each of some collisions, measured `times` times; `event` is the number of the collision.

    A measurement in which the jet finds no partner is left out, a collision without such a jet too.
    """
    made = collisions(sample.process, events, seed=seed, workers=1)
    copies = joined([_events(made, i, i + 1) for i in range(events) for _ in range(times)])
    found = detected_pairs(copies, sample, generator=np.random.default_rng([seed, 1]))
    # The jets of an event stand in the order of their pT, but the hardest may have found no partner once.
    first = found.take(np.unique(found.event, return_index=True)[1])
    number = first.event // times
    known = np.unique(number, return_index=True)[1][np.searchsorted(np.unique(number), number)]
    same = (first.generated.momentum == first.generated.momentum[known]).all(axis=(1, 2))
    return replace(first.take(np.flatnonzero(same)), event=number[same], wanted=copies.events)


def toy_pairs(count: int, *, particles: int, generator: np.random.Generator) -> JetPairs:
    """Quark jets of `toy_jets` with 150 to 500 GeV, and what `toy_response` makes of them."""
    relative, mask = toy_jets("q", count, generator=generator, particles=particles)
    pt = 150.0 * (10 / 3) ** generator.uniform(size=(count, 1))
    eta, phi = generator.uniform(-2, 2, (count, 1)), generator.uniform(-np.pi, np.pi, (count, 1))
    made = _turned(relative[..., 2] * pt, relative[..., 0] + eta, relative[..., 1] + phi, mask)
    return JetPairs(made, toy_response(made, generator=generator), np.arange(count), count)


def toy_response(jets: Cloud, *, generator: np.random.Generator) -> Cloud:
    """Nine in ten particles above 1 GeV, their pT within a tenth and their angles within 0.01: for tests alone."""
    pt = np.hypot(jets.momentum[..., 0], jets.momentum[..., 1])
    eta = np.arcsinh(np.divide(jets.momentum[..., 2], pt, out=np.zeros_like(pt), where=pt > 0))
    phi = np.arctan2(jets.momentum[..., 1], jets.momentum[..., 0])
    noise = generator.normal(size=(3, *pt.shape))
    kept = jets.mask & (generator.uniform(size=pt.shape) < 0.9) & (pt > 1)
    kept[:, 0] |= jets.mask[:, 0]  # no jet is lost
    return _turned(pt * np.exp(0.1 * noise[0]), eta + 0.01 * noise[1], phi + 0.01 * noise[2], kept)


def _joined(parts: Sequence[JetPairs]) -> JetPairs:
    generated = Cloud(*map(np.concatenate, zip(*(part.generated for part in parts), strict=True)))
    reconstructed = Cloud(*map(np.concatenate, zip(*(part.reconstructed for part in parts), strict=True)))
    event = np.concatenate([part.event for part in parts])
    return JetPairs(generated, reconstructed, event, sum(part.wanted for part in parts))


def _turned(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, mask: np.ndarray) -> Cloud:
    momentum = np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=-1)
    owner = np.nonzero(mask)[0]
    return cloud(momentum[mask], owner, len(mask), particles=mask.shape[1])


def _events(particles: Particles, start: int, stop: int) -> Particles:
    offset = particles.offset[start : stop + 1]
    rows = slice(offset[0], offset[-1])
    return Particles(offset - offset[0], *(column[rows] for column in particles[1:]))


def _central(momentum: Float[np.ndarray, "particle 4"]) -> Bool[np.ndarray, "particle"]:
    inside: np.ndarray = np.abs(cylindrical(momentum)[:, 1]) < _ACCEPTANCE
    return inside
