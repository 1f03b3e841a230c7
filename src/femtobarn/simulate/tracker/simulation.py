"""Particles in, hits with cells and truth out."""

import numpy as np
from jaxtyping import Int, UInt64

from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Cells, Hits, TrueParticles, Truth
from femtobarn.physics.tracks.weights import trackml_weights
from femtobarn.simulate.detector import draws
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker.clusters import clusters
from femtobarn.simulate.tracker.detector import TRACKML, Tracker
from femtobarn.simulate.tracker.geometry import modules
from femtobarn.simulate.tracker.noise import expected, joined, noise
from femtobarn.simulate.tracker.transport import Crossings, Track, transport


def tracker(
    particles: Particles,
    *,
    generator: np.random.Generator,
    detector: Tracker = TRACKML,
    barcode: Int[np.ndarray, "particle"] | None = None,
) -> Hits:
    """Hits, cells and truth of all events at once, as the TrackML challenge has them.

    Helices through 18 728 modules (`transport`), charge in their channels, clusters that particles may share
    (`clusters`), and noise (`noise`). Hits are numbered from 1, by volume, layer and module. A hit that particles
    share belongs to the one that gave it the most charge.

    Each event takes one number from `generator` and makes the others of it, so that an event comes out the same
    alone and among others.

    Args:
        particles: Stable particles of all collisions; the neutral ones are left out.
        generator: Source of randomness.
        detector: Field, matter, inefficiency, noise.
        barcode: The identifier of each particle; by default `barcodes`.

    Raises:
        InputError: Numbers that are not finite.
    """
    for name, column in (("momentum", particles.momentum), ("vertex", particles.vertex)):
        if not np.isfinite(column).all():
            row = int(np.argwhere(~np.isfinite(column))[0][0])
            raise InputError(f"particle {row}: its {name} is {column[row]}, expected finite numbers")
    barcode = barcodes(particles) if barcode is None else barcode
    keys = draws.event_keys(generator, particles.events)
    number = np.arange(len(particles.pdg)) - particles.offset[:-1][particles.event]
    own = draws.numbered(draws.derived(keys, 0)[particles.event], number)
    charged = particles.charge != 0
    kept, barcode, own = particles.keep(charged), barcode[charged], own[charged]
    signal = _signal(kept, own, detector)

    event = kept.event[signal.particle]
    mean = expected(np.bincount(event, minlength=kept.events), detector.noise)
    parts, events, cell_keys = (
        [signal],
        [event],
        [draws.numbered(own[signal.particle], signal.module + (1 << 20))],
    )
    for index, key in enumerate(draws.derived(keys, 1)):
        source = np.random.default_rng(int(key))
        part = noise(int(source.poisson(mean[index])), generator=source)
        parts.append(part)
        events.append(np.full(len(part.module), index))
        cell_keys.append(source.integers(0, 2**64, size=len(part.module), dtype=np.uint64))
    return _hits(joined(*parts), np.concatenate(events), np.concatenate(cell_keys), kept, barcode)


def barcodes(
    particles: Particles, collision: Int[np.ndarray, "particle"] | None = None
) -> Int[np.ndarray, "particle"]:
    """Identifiers as in the challenge: 2^52 times the collision, from 1, plus 2^36 times the particle in it."""
    collision = np.zeros(len(particles.pdg), np.int64) if collision is None else collision.astype(np.int64)
    change = np.ones(len(collision), bool)
    change[1:] = (np.diff(collision) != 0) | (np.diff(particles.event) != 0)
    first = np.flatnonzero(change)
    within = np.arange(len(collision)) - np.repeat(first, np.diff(np.append(first, len(collision))))
    return ((collision + 1) << 52) | ((within + 1) << 36)


def _signal(particles: Particles, keys: UInt64[np.ndarray, "particle"], detector: Tracker) -> Crossings:
    momentum = particles.momentum.astype(np.float64)
    mass = np.sqrt(np.maximum(momentum[:, 0] ** 2 - (momentum[:, 1:] ** 2).sum(axis=1), 0.0))
    seen = np.hypot(momentum[:, 1], momentum[:, 2]) >= detector.least_pt
    tracks = Track(
        np.ascontiguousarray(particles.vertex[:, 1:], np.float64),
        np.ascontiguousarray(momentum[:, 1:]),
        np.where(seen, particles.charge, 0).astype(np.float64),
        mass,
        (np.abs(particles.pdg) > 100).astype(np.float64),  # leptons have codes below
        keys,
    )
    place, value = np.array(detector.field, float).T.copy()
    return transport(
        tracks, field=(place, value), material=detector.material, inefficiency=detector.inefficiency
    )


def _hits(
    crossings: Crossings,
    event: Int[np.ndarray, "crossing"],
    keys: UInt64[np.ndarray, "crossing"],
    particles: Particles,
    barcode: Int[np.ndarray, "particle"],
) -> Hits:
    group = event * len(modules().volume) + crossings.module
    order = np.argsort(group, kind="stable")
    crossings = Crossings(*(column[order] for column in crossings))
    found = clusters(crossings.module, group[order], crossings.local, keys[order])
    event, main = event[order][found.crossing], found.crossing
    module, particle = crossings.module[main], crossings.particle[main]
    position = modules().centre[module] + np.einsum(
        "nij,nj->ni", modules().rotation[module, :, :2], found.local
    )
    offset = np.searchsorted(event, np.arange(particles.events + 1))
    momentum = particles.momentum[:, 1:].astype(np.float64)
    true = TrueParticles(
        particles.offset,
        barcode,
        particles.pdg,
        np.sign(particles.charge).astype(np.int64),
        particles.vertex[:, 1:].astype(np.float64),
        momentum,
        np.bincount(particle[particle >= 0], minlength=len(barcode)),
    )
    weight = trackml_weights(particle, crossings.position[main, 2], true, offset)
    truth = Truth(particle, crossings.position[main], crossings.momentum[main], weight)
    number = np.arange(len(main)) - offset[event] + 1
    return Hits(
        offset, position, modules().volume[module], modules().layer[module], modules().module[module], number,
        Cells(found.offset, found.channel, found.value), truth, true,
    )  # fmt: skip
