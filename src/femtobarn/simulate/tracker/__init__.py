"""A silicon tracker: hits with cells and truth of charged particles, in the geometry of the TrackML challenge.

============ =====================================================================================
`simulation` particles in, hits out: `tracker`
`detector`   field, matter, inefficiency and noise as plain numbers
`geometry`   48 layers, 18 728 modules
`transport`  helices through the layers, with scattering, energy loss and nuclear interactions
`clusters`   channels that fire, clusters of them, measured positions
`noise`      hits that no particle made
`crossings`  whole bunch crossings from a pool of collisions
`cluster_shapes` what the cells of a hit tell of its particle
`gun`        particles of collisions without a generator
============ =====================================================================================
"""

from femtobarn.simulate.tracker.cluster_shapes import SHAPES, cluster_shapes
from femtobarn.simulate.tracker.crossings import crossings
from femtobarn.simulate.tracker.detector import IDEAL, TRACKML, Tracker
from femtobarn.simulate.tracker.gun import soft_collisions
from femtobarn.simulate.tracker.simulation import barcodes, tracker

__all__ = [
    "IDEAL",
    "SHAPES",
    "TRACKML",
    "Tracker",
    "barcodes",
    "cluster_shapes",
    "crossings",
    "soft_collisions",
    "tracker",
]
