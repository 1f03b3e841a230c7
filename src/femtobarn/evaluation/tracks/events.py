"""Events to find tracks in, to learn from and to test on: simulated crossings, or files of the user."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from femtobarn.datasets import trackml
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import selected
from femtobarn.physics.tracks import Hits, TrackFinder, learn_finder, together
from femtobarn.runs import Provenance
from femtobarn.simulate.collisions.processes import minimum_bias
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import crossings, soft_collisions, tracker


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    folder: Path | None = None
    """Folder with TrackML events and their truth to learn from and to test on, in their order; simulated without."""
    real: Path | None = None
    """Folder with TrackML events and their truth that are tested on only, whatever is learned from."""
    real_z: float = 55.5
    """Spread of their collisions along the beam, mm: they are for what was learned with the same."""
    train: int = 4
    """Events to train networks on."""
    validation: int = 2
    """Events by which settings are chosen."""
    test: int = 5
    """Events for the results."""
    pileup: float = 20.0
    """Mean number of simulated collisions of an event; 100 give the hits of an event of the challenge."""
    densities: tuple[float, ...] = (5.0, 40.0, 100.0)
    """Further pile-ups, of one test event each, for what was learned at the one above."""
    learned: float = 600.0
    """Simulated collisions from which windows are learned, in events of that pile-up."""
    engine: Literal["pythia", "gun"] = "pythia"
    """pythia: soft collisions from Pythia. gun: particles by their averages."""
    pool: int = 4000
    """Soft collisions from Pythia that events are drawn from."""

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test) < 1 or self.pool < 10:
            raise InputError(f"an event of each sample and 10 soft collisions expected: got {self}")
        if min(self.pileup, self.learned, *self.densities) <= 0:
            raise InputError(f"numbers of collisions above 0 expected: got {self}")


@dataclass(frozen=True)
class Events:
    """All events of a run; the same call gives the same event."""

    settings: Data
    seed: int
    pool: Particles | None
    names: tuple[str, ...]

    @property
    def provenance(self) -> Provenance:
        """Of what is learned from."""
        own = self.settings
        if own.folder is not None:
            return Provenance.of_files(trackml.NAME, [own.folder])
        source = "Pythia 8, pile-up, tracker" if own.engine == "pythia" else "particle gun, tracker"
        return Provenance(
            "stand-in", trackml.NAME, source, generator={"pileup": own.pileup, "seed": self.seed}
        )

    @property
    def sizes(self) -> dict[str, int]:
        """Events of each sample."""
        return {name: getattr(self.settings, name) for name in ("train", "validation", "test")}

    def hits(self, sample: str, number: int, z: float, *, pileup: float | None = None) -> Hits:
        """One event of the sample "train", "validation" or "test"; of files it has the `z` and pile-up that it has."""
        order = list(self.sizes)
        if self.names:
            before = sum(self.sizes[name] for name in order[: order.index(sample)])
            return _read(self.settings.folder, self.names[before + number])
        mean = self.settings.pileup if pileup is None else pileup
        return self._simulated(1, mean, z, (order.index(sample), number, round(1e3 * mean)))

    def real(self) -> list[Hits]:
        """Events that are tested on only."""
        folder = self.settings.real
        return [] if folder is None else [_read(folder, name) for name in trackml.event_names(folder)]

    def finder(self, *, z: float, pt: float, primary: bool) -> TrackFinder:
        """Windows for particles above a pT with three hits."""
        own = self.settings
        if self.names:
            hits = together([self.hits("train", i, z) for i in range(own.train)])
        else:
            hits = self._simulated(max(1, round(own.learned / own.pileup)), own.pileup, z, (9,))
        return learn_finder(hits, selected(hits, pt=pt, least_hits=3, primary=primary))

    def _simulated(self, count: int, mean: float, z: float, key: tuple[int, ...]) -> Hits:
        draw = np.random.default_rng([self.seed, round(10 * z), *key])
        if self.pool is None:
            return tracker(soft_collisions(count, pileup=mean, generator=draw, z=z), generator=draw)
        return crossings(count, self.pool, pileup=mean, generator=draw, z=z)


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Events:
    """The pool of soft collisions, or the names of the user's events.

    Raises:
        InputError: There is no folder of that name, or it holds too few events.
    """
    if settings.real is not None:
        trackml.event_names(settings.real)
    if settings.folder is not None:
        names = trackml.event_names(settings.folder)
        needed = settings.train + settings.validation + settings.test
        if len(names) < needed:
            raise InputError(
                f"{settings.folder}: expected {needed} events to train, validate and test, got {len(names)}"
            )
        return Events(settings, seed, None, tuple(names))
    if settings.engine == "gun":
        return Events(settings, seed, None, ())
    pool = collisions(minimum_bias(), settings.pool, seed=seed, workers=workers, progress=progress)
    return Events(settings, seed, pool, ())


def _read(folder: Path | None, name: str) -> Hits:
    assert folder is not None
    hits = trackml.hits_of(trackml.open_event(folder, name))
    if hits.truth is None or hits.cells is None:
        raise InputError(f"{folder / name}: expected files of truth, particles and cells beside that of hits")
    return hits
