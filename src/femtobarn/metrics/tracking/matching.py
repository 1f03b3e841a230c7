"""Which track is which particle: the numbers behind every definition of efficiency and fake rate."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, numpy, whole_numbers
from femtobarn.physics.tracks.hits import Hits

_HALF, _LHC = 0.5, 0.75


class Matches(NamedTuple):
    """For each track its majority particle and the hits they share; for each particle its number of hits.

    A track of which most hits are noise has no particle (-1): noise never counts as one.
    """

    label: Int[np.ndarray, "track"]  # what the track is called
    hits: Int[np.ndarray, "track"]
    particle: Int[np.ndarray, "track"]  # row of the particle that most of its hits are of
    shared: Int[np.ndarray, "track"]  # hits of that particle
    truth: Int[np.ndarray, "particle"]  # hits of each particle

    def majority(self) -> Bool[np.ndarray, "track"]:
        """Tracks more than half of whose hits are of one particle (ATLAS)."""
        return (self.particle >= 0) & (self.shared > _HALF * self.hits)

    def double_majority(self) -> Bool[np.ndarray, "track"]:
        """Tracks with `majority` that hold more than half of the particle's hits too (TrackML)."""
        return self.majority() & (self.shared > _HALF * self.of_particle())

    def lhc(self) -> Bool[np.ndarray, "track"]:
        """Tracks more than 75 % of whose hits are of one particle."""
        return (self.particle >= 0) & (self.shared > _LHC * self.hits)

    def perfect(self) -> Bool[np.ndarray, "track"]:
        """Tracks that are all hits of a particle and no other."""
        return (self.particle >= 0) & (self.shared == self.hits) & (self.shared == self.of_particle())

    def of_particle(self) -> Int[np.ndarray, "track"]:
        """Hits of each track's particle; 0 where it has none."""
        return np.append(self.truth, 0)[self.particle]


def match(
    label: Real[Array, "_"], particle: Real[Array, "_"], *, particles: int, least_hits: int = 1
) -> Matches:
    """Match the tracks of one event to its particles by the hits they share.

    Of two particles with as many hits in a track the one with the lower row counts; neither is a majority.

    Args:
        label: Track of each hit, negative for none.
        particle: Row of each hit's particle, negative for noise.
        particles: How many there are.
        least_hits: Shorter tracks are left out.

    Raises:
        InputError: Arrays that do not fit, numbers that are not whole, or a particle beyond the last.
    """
    label, particle = whole_numbers(label, "tracks"), whole_numbers(particle, "particles")
    if label.shape != particle.shape or (len(particle) and particle.max() >= particles):
        raise InputError(
            f"expected a track and a particle below {particles} for each hit, got {label.shape} and {particle.shape} "
            f"with the largest particle {particle.max(initial=-1)}"
        )
    truth = np.bincount(particle[particle >= 0], minlength=particles)
    name, row = np.unique(label[label >= 0], return_inverse=True)
    # Noise is no particle, and a tie with it goes to the particle: it sorts last.
    kind = np.where(particle[label >= 0] < 0, particles, particle[label >= 0])
    pair, shared = np.unique(row * (particles + 1) + kind, return_counts=True)
    track, kind = pair // (particles + 1), pair % (particles + 1)
    order = np.lexsort((kind, -shared, track))
    first = order[np.searchsorted(track[order], np.arange(len(name)))]
    hits = np.bincount(row, minlength=len(name))
    best = np.where(kind[first] == particles, -1, kind[first])
    kept = hits >= least_hits
    return Matches(name[kept], hits[kept], best[kept], shared[first][kept], truth)


def selected(
    hits: Hits,
    *,
    pt: float = 0.5,
    eta: float = 4.0,
    least_hits: int = 5,
    primary: bool = True,
) -> Bool[np.ndarray, "particle"]:
    """Which particles of an event are to be found.

    Args:
        hits: With truth.
        pt: Least transverse momentum, GeV.
        eta: Largest |eta|.
        least_hits: Of the particle.
        primary: Only particles that start within 1 mm of the beam.

    Raises:
        InputError: Hits without truth.
    """
    if hits.truth is None or hits.particles is None:
        raise InputError("expected hits with truth: efficiencies need the particles")
    known = hits.particles
    count = np.bincount(hits.truth.particle[hits.truth.particle >= 0], minlength=len(known.hits))
    wanted = (known.pt > pt) & (np.abs(known.eta) < eta) & (count >= least_hits)
    return wanted & known.primary if primary else wanted


def trackml_score(label: Real[Array, "_"], particle: Real[Array, "_"], weight: Real[Array, "_"]) -> float:
    """Score of the TrackML challenge: the weight of hits that are in the track of their particle, of all weight.

    Each track counts for its majority particle, if it has one by `Matches.double_majority` (arXiv:1904.06778, 3).
    Zero if nothing has a weight.

    Args:
        label: Track of each hit, negative for none.
        particle: Any number of each hit's particle, such as its row, negative for noise. Noise is 0 in files of
            TrackML: give -1 there.
        weight: Of each hit, 0 or more.

    Raises:
        InputError: Arrays that do not fit, or weights that are negative or not finite.
    """
    label, barcode = whole_numbers(label, "tracks"), whole_numbers(particle, "particles")
    weight = numpy(weight).astype(np.float64, copy=False)
    if weight.shape != label.shape or not (np.isfinite(weight) & (weight >= 0)).all():
        raise InputError(f"expected a weight of 0 or more for each of {len(label)} hits, got {weight.shape}")
    known, row = np.unique(barcode, return_inverse=True)
    particle = np.where(barcode < 0, -1, row)
    found = match(label, particle, particles=len(known))
    good = found.double_majority()
    particle_of = dict(zip(found.label[good].tolist(), found.particle[good].tolist(), strict=True))
    named = np.array([particle_of.get(each, -2) for each in label.tolist()], np.int64)
    total = float(weight.sum())
    return float(weight[(named == particle) & (particle >= 0)].sum()) / total if total > 0 else 0.0
