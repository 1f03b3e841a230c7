"""Which particle each hit of the endcap belongs to, and what of each particle can be found at all."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.simulate.endcap.hits import EndcapHits

_LEAST_SHARE = 0.2  # of the hit's energy, of the largest share; with less the hit is noise
_LEAST_HITS = 3  # that a particle has to lead
_SPECTATOR = 0.05  # of a particle's deposits, in the hits that it leads


class Truth(NamedTuple):
    """Of hits and particles, in the order of the `EndcapHits`."""

    particle: Int[np.ndarray, " hit"]  # row of the particle with the largest share, -1 for noise
    share: Float[np.ndarray, " hit"]  # the largest share over the energy of the hit
    deposited: Float[np.ndarray, " particle"]  # own energy in all hits, GeV
    led: Int[np.ndarray, " particle"]  # hits that belong to it
    merged: Bool[np.ndarray, " particle"]  # leads hits, but fewer than three: they count as noise
    spectator: Bool[np.ndarray, " particle"]  # has nearly all its energy in hits of others


def truth(hits: EndcapHits) -> Truth:
    """`truth_of_shares` of simulated hits."""
    shares = hits.share_hit, hits.share_particle, hits.share_energy
    return truth_of_shares(len(hits.cell), len(hits.incoming.pdg), *shares)


def truth_of_shares(
    hits: int,
    particles: int,
    share_hit: Int[np.ndarray, " share"],
    share_particle: Int[np.ndarray, " share"],
    share_energy: Float[np.ndarray, " share"],
) -> Truth:
    """The particle of the largest share owns the hit; ties go to the first particle.

    A hit is noise if it has no share, if its largest is below 20 %, or if its particle would own fewer than three
    hits. A particle is a spectator if less than 5 % of what it deposited lies in its own hits.

    Args:
        hits, particles: Numbers of them.
        share_hit, share_particle, share_energy: Rows of a hit and of a particle with energy in it.
    """
    if not len(share_hit):
        nothing = np.zeros(particles)
        none = nothing.astype(bool)
        return Truth(np.full(hits, -1), np.zeros(hits), nothing, none.astype(np.int64), none, none)
    order = np.lexsort((share_particle, -share_energy, share_hit))
    first = np.minimum(np.searchsorted(share_hit[order], np.arange(hits)), len(order) - 1)
    best = order[first]
    total = np.bincount(share_hit, share_energy, hits)
    largest = np.where(share_hit[best] == np.arange(hits), share_energy[best], 0.0)
    largest /= np.where(total > 0, total, 1.0)
    owner = np.where(largest < _LEAST_SHARE, -1, share_particle[best].astype(np.int64))
    led = np.bincount(owner[owner >= 0], minlength=particles)
    merged = (led > 0) & (led < _LEAST_HITS)
    owner = np.where((owner >= 0) & merged[owner], -1, owner)
    deposited = np.bincount(share_particle, share_energy, particles)
    own = owner[share_hit] == share_particle
    inside = np.bincount(share_particle[own], share_energy[own], particles)
    spectator = (deposited > 0) & (inside < _SPECTATOR * deposited)
    return Truth(owner, largest, deposited, np.where(merged, 0, led), merged, spectator)
