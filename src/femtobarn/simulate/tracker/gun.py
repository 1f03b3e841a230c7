"""Charged particles of soft collisions by their averages, where no generator is at hand."""

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError
from femtobarn.simulate.particles import Particles

# Of charged particles of events of the TrackML challenge: a Tsallis fit to pT of primaries, a flat pseudorapidity,
# the numbers of a collision, the share that starts off the beam and how far.
_POWER, _TEMPERATURE = 5.96, 0.160  # GeV
_LEAST_PT, _MOST_PT = 0.1, 50.0  # GeV
_MEAN, _SHAPE = 53.0, 1.3  # of a negative binomial
_DISPLACED, _RADIUS = 0.1, 60.0  # mm
_PION = 0.13957


def soft_collisions(
    events: int,
    *,
    pileup: float,
    generator: np.random.Generator,
    z: float = 5.5,
    across: float = 0.015,
    eta: float = 4.0,
) -> Particles:
    """Charged pions of events with a Poisson number of collisions, at least one.

    Args:
        events: How many.
        pileup: Mean number of collisions of an event.
        generator: Source of randomness.
        z: Standard deviation of the vertices along the beam, mm: 5.5 in the accuracy phase of the challenge, 55.5 in
            the throughput phase.
        across: The same across the beam, mm.
        eta: Largest pseudorapidity.

    Raises:
        InputError: Numbers that are not above 0.
    """
    if events < 1 or min(pileup, z, across, eta) <= 0:
        raise InputError(
            f"expected numbers above 0, got {events} events, {pileup}, {z} mm, {across} mm, {eta}"
        )
    vertices = np.maximum(generator.poisson(pileup, events), 1)
    sizes = 1 + generator.negative_binomial(_SHAPE, _SHAPE / (_SHAPE + _MEAN), vertices.sum())
    place = generator.normal(0.0, (across, across, z), (len(sizes), 3))
    count = int(sizes.sum())
    event = np.repeat(np.repeat(np.arange(events), vertices), sizes)
    momentum = _momenta(count, eta, generator)
    start = np.repeat(place, sizes, axis=0)
    far = np.flatnonzero(generator.random(count) < _DISPLACED)
    direction = momentum[far] / np.hypot(momentum[far, 0], momentum[far, 1])[:, None]
    start[far] += direction * generator.exponential(_RADIUS, len(far))[:, None]
    charge = generator.choice((-1.0, 1.0), count)
    energy = np.sqrt((momentum**2).sum(axis=1) + _PION**2)
    return Particles(
        np.searchsorted(event, np.arange(events + 1)),
        (211 * charge).astype(np.int64),
        charge,
        np.column_stack((energy, momentum)),
        np.column_stack((np.zeros(count), start)),
    )


def _momenta(count: int, eta: float, generator: np.random.Generator) -> Float[np.ndarray, "particle 3"]:
    """Flat in eta; pT from a table of the cumulative spectrum pT (1 + mT / (n T))^-n."""
    grid = np.geomspace(_LEAST_PT, _MOST_PT, 2000)
    mass = np.hypot(grid, _PION) - _PION
    density = grid * (1 + mass / (_POWER * _TEMPERATURE)) ** -_POWER
    below = np.concatenate(([0.0], np.cumsum(np.diff(grid) * (density[1:] + density[:-1]) / 2)))
    pt = np.interp(generator.random(count) * below[-1], below, grid)
    pseudorapidity, phi = generator.uniform(-eta, eta, count), generator.uniform(-np.pi, np.pi, count)
    return np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(pseudorapidity)), axis=1)
