"""Simulated crossings of a share of the full density, made where they are needed, and events of the user."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femtobarn.datasets import trackml
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import selected
from femtobarn.physics.tracks import Hits, TrackFinder, learn_finder
from femtobarn.runs import Provenance
from femtobarn.simulate.collisions.processes import minimum_bias
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import crossings


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    folder: Path | None = None
    """Folder with TrackML events and their truth, solved as they are beside the simulated crossings."""
    pileup: float = 200.0
    """Mean number of collisions of a crossing at full density."""
    z: float = 5.5
    """Standard deviation of the collisions along the beam, mm: 5.5 in the accuracy phase of the challenge."""
    folder_z: float = 55.5
    """Standard deviation of the collisions along the beam in the events of the folder, mm: 55.5 in the throughput
    phase of the challenge. Windows are learned for each."""
    learned: int = 3
    """Crossings of full density from which the windows are learned."""
    pool: int = 4000
    """Soft collisions from Pythia that the crossings are drawn from."""

    def __post_init__(self) -> None:
        if min(self.pileup, self.z, self.folder_z) <= 0 or self.learned < 1 or self.pool < 10:
            raise InputError(f"numbers above 0 and at least 10 soft collisions expected: got {self}")


@dataclass(frozen=True)
class Crossings:
    """Simulated crossings; the same call gives the same crossing."""

    settings: Data
    seed: int
    pool: Particles

    @property
    def provenance(self) -> Provenance:
        """Of the simulated crossings."""
        content = {"pileup": self.settings.pileup, "z": self.settings.z, "seed": self.seed}
        return Provenance("stand-in", trackml.NAME, "Pythia 8, pile-up, tracker", generator=content)

    @property
    def sizes(self) -> dict[str, int]:
        """Crossings to learn from."""
        return {"train": self.settings.learned}

    def crossings(self, count: int, density: float, *, seed: int, z: float | None = None) -> Hits:
        """Hits of some crossings; other seeds give others."""
        draw = np.random.default_rng([self.seed, seed])
        spread = self.settings.z if z is None else z
        return crossings(count, self.pool, pileup=density * self.settings.pileup, generator=draw, z=spread)

    def finder(self, *, z: float | None = None) -> TrackFinder:
        """Windows of layers and triplets, for primary particles above 0.5 GeV with five hits."""
        hits = self.crossings(self.settings.learned, 1.0, seed=0, z=z)
        return learn_finder(hits, selected(hits))


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Crossings:
    """The pool of soft collisions.

    Raises:
        InputError: There is no folder of that name.
    """
    if settings.folder is not None:
        trackml.event_names(settings.folder)
    pool = collisions(minimum_bias(), settings.pool, seed=seed, workers=workers, progress=progress)
    return Crossings(settings, seed, pool)
