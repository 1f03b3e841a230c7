"""Track finding without a network: layer map, triplets, automaton, overlaps, with windows learned from events."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from femtobarn.physics.tracks.automaton import automaton
from femtobarn.physics.tracks.hits import Hits
from femtobarn.physics.tracks.layer_map import LayerMap, doublets, learn_layer_map
from femtobarn.physics.tracks.overlaps import with_overlaps
from femtobarn.physics.tracks.triplets import TripletMap, learn_triplet_map, triplets


class TrackFinder(NamedTuple):
    """What `find_tracks` has learned."""

    layers: LayerMap
    triples: TripletMap


def learn_finder(hits: Hits, wanted: Bool[np.ndarray, "particle"]) -> TrackFinder:
    """Windows from the particles that are to be found; three to five events with pile-up 200 are enough.

    Raises:
        InputError: Hits without truth, or too few of them.
    """
    return TrackFinder(learn_layer_map(hits, wanted), learn_triplet_map(hits, wanted))


def find_tracks(hits: Hits, finder: TrackFinder, *, least_hits: int = 5) -> Int[np.ndarray, "hit"]:
    """Track of each hit of one event, -1 for none.

    Chains may have one hit less than a track: with a second hit on one of the layers they are long enough.

    Raises:
        InputError: As `femtobarn.physics.tracks.segments.by_layer`.
    """
    pairs = doublets(hits, finder.layers)
    label = automaton(hits.position, pairs, triplets(hits, pairs, finder.triples), least_hits=least_hits - 1)
    return with_overlaps(hits, label, least_hits=least_hits)
