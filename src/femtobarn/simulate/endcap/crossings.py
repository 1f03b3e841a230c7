"""The particles of bunch crossings on the face: pile-up from a pool of soft collisions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import minimum_bias
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.endcap.geometry import Endcap
from femtobarn.simulate.endcap.incoming import Incoming, arriving
from femtobarn.simulate.guns import soft_particles
from femtobarn.simulate.particles import Particles, joined

_FAR = 5.0  # pseudorapidity of what a vertex shifted by 25 cm may send into the endcap
_TOGETHER = 20  # crossings overlaid at once: 50 000 particles each at pile-up 200


@dataclass(frozen=True)
class Crossings:
    """Pile-up on the face of an endcap, drawn from a pool of soft collisions made once."""

    endcap: Endcap
    pool: Particles

    @classmethod
    def pythia(
        cls, endcap: Endcap, *, collisions_in_pool: int, seed: int, workers: int = 1, progress: bool = False
    ) -> "Crossings":
        """Pool of minimum-bias collisions of 14 TeV from Pythia 8, kept in the cache.

        Raises:
            MissingExtraError: pythia8mc is not installed.
        """
        made = collisions(
            minimum_bias(), collisions_in_pool, seed=seed, energy=14_000.0, workers=workers, progress=progress
        )
        return cls(endcap, made)

    @cached_property
    def _forward(self) -> Particles:
        """What of the pool may reach the endcap: the others need not be copied for each crossing."""
        p = self.pool.momentum
        slope = p[:, 3] / np.maximum(np.hypot(p[:, 1], p[:, 2]), 1e-12)
        return self.pool.keep((slope > np.sinh(1.0)) & (slope < np.sinh(_FAR)) & (p[:, 0] > 0.2))

    def incoming(self, mean: float, events: int, *, generator: np.random.Generator) -> Incoming:
        """Particles on the face of crossings with a Poisson number of collisions.

        Args:
            mean: Mean number of collisions.
            events: Crossings.
            generator: Source of randomness.

        Raises:
            InputError: The pool is too small, see `overlay`.
        """
        parts = []
        for start in range(0, events, _TOGETHER):
            some = min(_TOGETHER, events - start)
            nothing = Particles(np.zeros(some + 1, np.int64), *(column[:0] for column in self._forward[1:]))
            crossing, _ = overlay(nothing, self._forward, mean=mean, generator=generator)
            parts.append(arriving(crossing, self.endcap))
        return _joined(parts)


def soft_crossings(endcap: Endcap, *, collisions_in_pool: int, seed: int) -> Crossings:
    """The same from a model of soft collisions by their averages (`soft_particles`), where Pythia is not at hand.

    Pions and photons only, half as many of both as Pythia has at 14 TeV, and no neutral hadrons.
    """
    generator = np.random.default_rng(seed)
    low, high = endcap.eta[0] - 0.3, endcap.eta[1] + 0.3
    parts = []
    for _ in range(collisions_in_pool):
        made = soft_particles(1, eta=(low, high), face=endcap.face, generator=generator)
        charge = np.sign(made["pid"]) * (np.abs(made["pid"]) == 211)
        mass = np.where(charge != 0, 0.13957, 0.0)
        energy = made["energy"] + mass
        momentum = np.sqrt(energy**2 - mass**2)[:, None] * made["direction"]
        n = len(made)
        parts.append(
            Particles(
                np.array([0, n]),
                made["pid"].astype(np.int64),
                charge.astype(np.float64),
                np.column_stack((energy, momentum)),
                np.zeros((n, 4)),
            )
        )
    return Crossings(endcap, joined(parts))


def _joined(parts: list[Incoming]) -> Incoming:
    starts = np.cumsum([0, *(len(part.pdg) for part in parts)])
    offsets = [part.offset[:-1] + start for part, start in zip(parts, starts, strict=False)]
    columns = [np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]]
    return Incoming(np.concatenate([*offsets, starts[-1:]]), *columns)
