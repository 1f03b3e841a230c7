"""Pile-up: further soft collisions in the same bunch crossing, drawn from a pool made once."""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.simulate.particles import Particles

_LEAST_POOL = 5  # times the mean number of collisions


@dataclass(frozen=True)
class LuminousRegion:
    """Where and when the collisions of a crossing happen: normal in z and t, cut in z.

    The defaults are those of the public Delphes card of CMS with pile-up (delphes/delphes,
    cards/delphes_card_CMS_PileUp.tcl, commit 0ee14ba): 5.3 cm, 160 ps, |z| < 25 cm.
    """

    z: float = 53.0
    """Standard deviation along the beam, mm."""
    ct: float = 47.97
    """Standard deviation of the time, times the speed of light, mm."""
    largest_z: float = 250.0
    """The collisions are within this of the middle, mm."""

    def __post_init__(self) -> None:
        if min(self.z, self.ct, self.largest_z) <= 0:
            raise InputError(f"expected lengths above 0 mm, got {self}")


def overlay(
    events: Particles,
    pool: Particles,
    *,
    mean: float | Float[np.ndarray, "event"],
    generator: np.random.Generator,
    region: LuminousRegion | None = None,
) -> tuple[Particles, Int[np.ndarray, "particle"]]:
    """Each event with a Poisson number of collisions from the pool, and the collision each particle is from.

    Every collision, the event's own too, gets its own vertex in the luminous region; those of the pool are
    turned by a random angle about the beam and may be drawn more than once. An event's own particles come
    first and have collision 0; the others count from 1. At a mean of 200 an event has 50 000 particles, or
    4 MB: overlay some hundred at a time.

    Args:
        events: The collisions of interest.
        pool: Soft collisions, such as ``collisions(minimum_bias(), 2000, seed=1)``.
        mean: Mean number of collisions added to an event, one for all or one for each; the actual number is Poisson
            distributed.
        generator: The only source of randomness.
        region: Where the vertices are.

    Raises:
        InputError: A negative mean, or a pool of fewer than five times the mean, which would show.
    """
    means = np.asarray(mean, np.float64)  # of whole numbers NumPy knows no infinity
    low, high = float(np.min(means, initial=np.inf)), float(np.max(means, initial=0.0))
    if not low >= 0:
        raise InputError(f"expected a mean of 0 or more collisions, got {low:g}")
    if pool.events < _LEAST_POOL * high:
        raise InputError(
            f"expected a pool of at least {_LEAST_POOL * high:g} collisions for a mean of {high:g}, "
            f"got {pool.events}"
        )
    numbers = generator.poisson(mean, events.events)
    drawn = generator.integers(max(pool.events, 1), size=numbers.sum())
    turn = generator.uniform(-np.pi, np.pi, len(drawn))
    vertex = _vertices(len(drawn) + events.events, region or LuminousRegion(), generator)

    # All collisions in their order: an event's own, then those drawn for it, then the next event's.
    own = np.cumsum(numbers + 1) - (numbers + 1)
    others = np.delete(np.arange(len(vertex)), own)
    size = np.empty(len(vertex), np.int64)
    size[own], size[others] = np.diff(events.offset), np.diff(pool.offset)[drawn]
    start = np.concatenate(([0], np.cumsum(size)))
    crossings = _empty(start[np.append(own, len(size))], like=events)
    collision = np.empty(start[-1], np.int32)

    every, no_turn = np.arange(events.events), np.zeros(events.events)
    _place(events, every, no_turn, vertex[own], 0 * every, start[own], crossings, collision)
    number = others - np.repeat(own, numbers)
    _place(pool, drawn, turn, vertex[others], number, start[others], crossings, collision)
    return crossings, collision


def _empty(offset: Int[np.ndarray, "boundary"], *, like: Particles) -> Particles:
    columns = [np.empty((offset[-1], *column.shape[1:]), column.dtype) for column in like[1:]]
    return Particles(offset, *columns)


@njit(cache=True)
@no_type_check
def _place(source, drawn, turn, vertex, number, start, target, collision):
    """Copy the drawn collisions of a source, each turned and shifted, to their places in the target."""
    offset, pdg, charge, momentum, place = source
    _, new_pdg, new_charge, new_momentum, new_place = target
    for i in range(len(drawn)):
        cos, sin = np.cos(turn[i]), np.sin(turn[i])
        shift = start[i] - offset[drawn[i]]
        for row in range(offset[drawn[i]], offset[drawn[i] + 1]):
            to = row + shift
            new_pdg[to], new_charge[to], collision[to] = pdg[row], charge[row], number[i]
            new_momentum[to, 0], new_momentum[to, 3] = momentum[row, 0], momentum[row, 3]
            new_momentum[to, 1] = cos * momentum[row, 1] - sin * momentum[row, 2]
            new_momentum[to, 2] = sin * momentum[row, 1] + cos * momentum[row, 2]
            new_place[to, 0], new_place[to, 3] = place[row, 0] + vertex[i, 0], place[row, 3] + vertex[i, 3]
            new_place[to, 1] = cos * place[row, 1] - sin * place[row, 2] + vertex[i, 1]
            new_place[to, 2] = sin * place[row, 1] + cos * place[row, 2] + vertex[i, 2]


def _vertices(
    n: int, region: LuminousRegion, generator: np.random.Generator
) -> Float[np.ndarray, "collision 4"]:
    cut = ndtr(-region.largest_z / region.z)
    z = region.z * ndtri(generator.uniform(cut, 1 - cut, n))
    ct = generator.normal(0.0, region.ct, n)
    return np.column_stack((ct, np.zeros(n), np.zeros(n), z))
