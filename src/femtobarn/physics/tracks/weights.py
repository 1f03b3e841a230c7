"""Weights of hits in the score of the TrackML challenge (arXiv:1904.06778; LAL/trackml-library)."""

import numpy as np
from jaxtyping import Float, Int

from femtobarn.physics.tracks.hits import TrueParticles

_ORDER = (10.0, 8.0, 6.0, 5.0, 3.0, 3.0, 3.0, 5.0, 6.0)  # along a track, from its first hit to its last
_LEAST_HITS = 4
_PT, _PT_WEIGHT = (0.5, 3.0), (0.2, 1.0)  # GeV; linear between, constant outside


def trackml_weights(
    particle: Int[np.ndarray, "hit"],
    z: Float[np.ndarray, "hit"],
    particles: TrueParticles,
    offset: Int[np.ndarray, "boundary"],
) -> Float[np.ndarray, "hit"]:
    """Weight of each hit; those of an event sum to 1, of noise and of particles with fewer than four hits they are 0.

    It is the weight of the particle's pT times that of the hit's place in the track, which sums to 1 over the track.
    Hits are ordered by their distance from the vertex in z. The challenge also gives 0 to particles that come from
    interactions with matter; here there are none.

    Args:
        particle: Row of each hit's particle, -1 for noise.
        z: Of each hit, mm, the true one.
        particles: Of all events.
        offset: First hit of each event, and the number of all hits.
    """
    weight = np.zeros(len(particle))
    rows = np.flatnonzero(particle >= 0)
    owner = particle[rows]
    order = np.lexsort((np.abs(z[rows] - particles.vertex[owner, 2]), owner))
    rows, owner = rows[order], owner[order]
    size = np.bincount(owner, minlength=len(particles.barcode))
    first = np.cumsum(size) - size
    place = (np.arange(len(rows)) - first[owner]) / np.maximum(size[owner] - 1, 1)
    along = np.interp(place, np.linspace(0, 1, len(_ORDER)), _ORDER)
    total = np.bincount(owner, along, minlength=len(particles.barcode))
    by_pt = np.interp(particles.pt, _PT, _PT_WEIGHT)
    enough = size[owner] >= _LEAST_HITS
    weight[rows] = np.where(enough, by_pt[owner] * along / total[owner], 0.0)
    event = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    sums = np.bincount(event, weight, minlength=len(offset) - 1)
    return weight / np.where(sums > 0, sums, 1.0)[event]
