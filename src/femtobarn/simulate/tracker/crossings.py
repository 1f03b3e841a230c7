"""Hits of whole bunch crossings: a pool of soft collisions, laid over each other, through the tracker."""

import numpy as np

from femtobarn.physics.tracks.hits import Hits
from femtobarn.simulate.collisions.pileup import LuminousRegion, overlay
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker.detector import TRACKML, Tracker
from femtobarn.simulate.tracker.simulation import tracker


def crossings(
    count: int,
    pool: Particles,
    *,
    pileup: float,
    generator: np.random.Generator,
    z: float = 5.5,
    detector: Tracker = TRACKML,
) -> Hits:
    """Hits of crossings, each of a Poisson number of collisions and one more, all drawn from a pool.

    Args:
        count: How many.
        pool: Collisions, such as those of `femtobarn.simulate.collisions`.
        pileup: Mean number of further collisions.
        generator: Source of randomness.
        z: Standard deviation of the vertices along the beam, mm: 5.5 in the accuracy phase of the TrackML challenge,
            55.5 in the throughput phase.
        detector: The tracker.

    Raises:
        InputError: As `overlay`.
    """
    own = generator.integers(pool.events, size=count)
    rows = [np.arange(pool.offset[i], pool.offset[i + 1]) for i in own]
    offset = np.cumsum([0, *map(len, rows)])
    events = Particles(offset, *(column[np.concatenate(rows)] for column in pool[1:]))
    particles, _ = overlay(events, pool, mean=float(pileup), generator=generator, region=LuminousRegion(z=z))
    return tracker(particles, generator=generator, detector=detector)
