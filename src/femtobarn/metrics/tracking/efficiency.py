"""Efficiency, fakes and duplicates of tracks, in bins of pT and eta, of any number of events in any order."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError, nearest
from femtobarn.metrics.tracking.matching import Matches, match, trackml_score
from femtobarn.metrics.working_point import Fraction, clopper_pearson
from femtobarn.physics.tracks.hits import Hits

#: How a track has to match a particle for the particle to count as found.
DEFINITIONS = ("majority", "double majority", "LHC", "perfect")
#: What counts as a fake: a track that matches no particle by majority; the same among tracks that have a particle that
#: is to be found, so that tracks of noise are invisible; a track without a double majority.
FAKES = ("all", "fiducial", "double majority")
#: GeV; the first bin holds all below it too, the last all above.
PT_BINS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.5, 1.9, 2.4, 5.0)
ETA_BINS = tuple(float(x) for x in np.round(np.linspace(-4, 4, 21), 1))


class Curve(NamedTuple):
    """An efficiency in bins, with its Clopper-Pearson interval; NaN where there are no particles."""

    edges: Float[np.ndarray, "edge"]
    value: Float[np.ndarray, "bin"]
    low: Float[np.ndarray, "bin"]
    high: Float[np.ndarray, "bin"]
    particles: Int[np.ndarray, "bin"]


class TrackingPerformance:
    """Counts from which every figure of merit of track finding follows; they add up over events.

    >>> one, other = TrackingPerformance(), TrackingPerformance()
    >>> both = one.merge(other)
    """

    def __init__(self, *, least_hits: int = 5) -> None:
        """Of tracks; shorter ones do not count."""
        self.least_hits = least_hits
        shape = (len(PT_BINS) - 1, len(ETA_BINS) - 1)
        self.particles = np.zeros(shape, np.int64)
        self.found = {name: np.zeros(shape, np.int64) for name in DEFINITIONS}
        self.tracks = dict.fromkeys(FAKES, 0)
        self.fakes = dict.fromkeys(FAKES, 0)
        self.matched = 0
        self.reconstructed = 0
        self.scores: list[float] = []

    def update(
        self, hits: Hits, label: Int[np.ndarray, "hit"], wanted: Bool[np.ndarray, "particle"]
    ) -> "TrackingPerformance":
        """Count one event.

        Args:
            hits: Of one event, with truth.
            label: Track of each hit, negative for none.
            wanted: The particles that are to be found, as `selected` gives them.

        Raises:
            InputError: More than one event, or hits without truth.
        """
        if hits.events != 1 or hits.truth is None or hits.particles is None:
            raise InputError(f"expected one event with truth, got {hits.events}")
        particle = hits.truth.particle
        found = match(label, particle, particles=len(wanted), least_hits=self.least_hits)
        good = _by_definition(found)
        pt_bin = np.clip(np.digitize(hits.particles.pt, PT_BINS) - 1, 0, len(PT_BINS) - 2)
        eta_bin = np.clip(np.digitize(hits.particles.eta, ETA_BINS) - 1, 0, len(ETA_BINS) - 2)
        np.add.at(self.particles, (pt_bin[wanted], eta_bin[wanted]), 1)
        for name in DEFINITIONS:
            seen = np.unique(found.particle[good[name]])
            seen = seen[wanted[seen]]
            np.add.at(self.found[name], (pt_bin[seen], eta_bin[seen]), 1)
        fiducial = (found.particle >= 0) & np.append(wanted, False)[found.particle]
        for name, tracks, real in (
            ("all", np.ones(len(found.label), bool), good["majority"]),
            ("fiducial", fiducial, good["majority"]),
            ("double majority", np.ones(len(found.label), bool), good["double majority"]),
        ):
            self.tracks[name] += int(tracks.sum())
            self.fakes[name] += int((tracks & ~real).sum())
        self.matched += int(good["majority"].sum())
        self.reconstructed += len(np.unique(found.particle[good["majority"]]))
        self.scores.append(trackml_score(label, particle, hits.truth.weight))
        return self

    def merge(self, other: "TrackingPerformance") -> "TrackingPerformance":
        """The counts of both, as if all events had been counted in one.

        Raises:
            InputError: They count tracks of different least length.
        """
        if self.least_hits != other.least_hits:
            raise InputError(
                f"expected counts of tracks of the same least length, got {self.least_hits} and {other.least_hits}"
            )
        both = TrackingPerformance(least_hits=self.least_hits)
        for part in (self, other):
            both.particles += part.particles
            for name in DEFINITIONS:
                both.found[name] += part.found[name]
            for name in FAKES:
                both.tracks[name] += part.tracks[name]
                both.fakes[name] += part.fakes[name]
            both.matched += part.matched
            both.reconstructed += part.reconstructed
            both.scores += part.scores
        return both

    def efficiency(self, definition: str = "double majority") -> Fraction:
        """Share of the wanted particles that are found, by one of `DEFINITIONS`.

        Raises:
            InputError: No such definition, or no particles.
        """
        found = self.found[_known(definition, DEFINITIONS)]
        return _fraction(int(found.sum()), int(self.particles.sum()))

    def efficiency_by(self, axis: str, definition: str = "double majority") -> Curve:
        """The same in bins of "pt" or of "eta".

        Raises:
            InputError: No such definition or axis.
        """
        along = ("pt", "eta").index(_known(axis, ("pt", "eta")))
        found = self.found[_known(definition, DEFINITIONS)].sum(axis=1 - along)
        particles = self.particles.sum(axis=1 - along)
        rows = [
            _fraction(int(k), int(n)) if n else Fraction(np.nan, np.nan, np.nan, 0, 0)
            for k, n in zip(found, particles, strict=True)
        ]
        value, low, high = (np.array([row[i] for row in rows]) for i in range(3))
        return Curve(np.array(PT_BINS if axis == "pt" else ETA_BINS), value, low, high, particles)

    def fake_rate(self, definition: str = "all") -> Fraction:
        """Share of fakes among tracks, by one of `FAKES`.

        Raises:
            InputError: No such definition, or no tracks.
        """
        return _fraction(self.fakes[_known(definition, FAKES)], self.tracks[definition])

    def duplicate_rate(self) -> float:
        """Matched tracks beyond one for each particle, over the particles that have one; NaN if none has."""
        if self.reconstructed == 0:
            return float("nan")
        return (self.matched - self.reconstructed) / self.reconstructed

    def score(self) -> tuple[float, float]:
        """Mean of the TrackML score over events and its standard error; NaN where there are too few."""
        count = len(self.scores)
        mean = float(np.mean(self.scores)) if count else float("nan")
        return mean, float(np.std(self.scores, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")


def _by_definition(found: Matches) -> dict[str, Bool[np.ndarray, "track"]]:
    every = (found.majority(), found.double_majority(), found.lhc(), found.perfect())
    return dict(zip(DEFINITIONS, every, strict=True))


def _known(name: str, names: Iterable[str]) -> str:
    if name not in names:
        raise InputError(f"there is no {name!r}: {nearest(name, names)}")
    return name


def _fraction(passed: int, n: int) -> Fraction:
    if n == 0:
        raise InputError("expected at least one particle or track to count, got none")
    return Fraction(passed / n, *clopper_pearson(passed, n), passed, n)
