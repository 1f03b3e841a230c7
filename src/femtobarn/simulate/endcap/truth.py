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
    """The particle of the largest share owns the hit; ties go to the first particle.

    A hit is noise if its largest share is below 20 %, or if its particle would own fewer than three hits. A
    particle is a spectator if less than 5 % of what it deposited lies in its own hits.
    """
    particles, n = len(hits.incoming.pdg), len(hits.cell)
    order = np.lexsort((hits.share_particle, -hits.share_energy, hits.share_hit))
    first = np.searchsorted(hits.share_hit, np.arange(n))
    best = order[first]
    owner = hits.share_particle[best].astype(np.int64)
    energy = np.where(hits.energy > 0, hits.energy, 1.0)
    share = np.bincount(hits.share_hit, hits.share_energy, n)
    largest = hits.share_energy[best] / np.where(share > 0, share, energy)
    owner = np.where(largest < _LEAST_SHARE, -1, owner)
    led = np.bincount(owner[owner >= 0], minlength=particles)
    merged = (led > 0) & (led < _LEAST_HITS)
    owner = np.where((owner >= 0) & merged[owner], -1, owner)
    deposited = np.bincount(hits.share_particle, hits.share_energy, particles)
    own = owner[hits.share_hit] == hits.share_particle
    inside = np.bincount(hits.share_particle[own], hits.share_energy[own], particles)
    spectator = (deposited > 0) & (inside < _SPECTATOR * deposited)
    return Truth(owner, largest, deposited, np.where(merged, 0, led), merged, spectator)
