"""Tracks from hits: graphs of hits, a cellular automaton, a Hough transform, groups of scored edges, helix fits.

============ =====================================================================================
`hits`       hits, cells and truth of measured and simulated events
`finder`     track finding without a network: layer map, triplets, automaton, overlaps
`segments`   pairs of hits that follow each other on a particle's way
`layer_map`  doublets within windows of pairs of layers
`triplets`   pairs of doublets within windows of triples of layers
`automaton`  the best chains of triplets
`overlaps`   second hits on a layer where modules overlap
`pair_features` what pairs and triplets of hits tell of a track
`hough`      bins that many layers vote for
`grouping`   scored edges to tracks: components, walks, best paths, assignment
`helix_fit`  parameters of tracks with errors and pulls
`weights`    of hits in the score of the TrackML challenge
============ =====================================================================================
"""

from femtobarn.physics.tracks.automaton import automaton
from femtobarn.physics.tracks.finder import TrackFinder, find_tracks, learn_finder
from femtobarn.physics.tracks.grouping import assignment, best_path, components, walk
from femtobarn.physics.tracks.helix_fit import HelixFits, fit_helix, helix_pulls
from femtobarn.physics.tracks.hits import Cells, Hits, TrueParticles, Truth, together
from femtobarn.physics.tracks.hough import hough
from femtobarn.physics.tracks.layer_map import LayerMap, doublets, learn_layer_map
from femtobarn.physics.tracks.overlaps import attach_overlaps, merge_overlaps, with_overlaps
from femtobarn.physics.tracks.pair_features import PAIR_FEATURES, pair_features, triplet_features
from femtobarn.physics.tracks.segments import follows, true_chains, true_pairs, true_segments
from femtobarn.physics.tracks.triplets import TripletMap, Triplets, learn_triplet_map, triplets
from femtobarn.physics.tracks.weights import trackml_weights

__all__ = [
    "PAIR_FEATURES",
    "Cells",
    "HelixFits",
    "Hits",
    "LayerMap",
    "TrackFinder",
    "TripletMap",
    "Triplets",
    "TrueParticles",
    "Truth",
    "assignment",
    "attach_overlaps",
    "automaton",
    "best_path",
    "components",
    "doublets",
    "find_tracks",
    "fit_helix",
    "follows",
    "helix_pulls",
    "hough",
    "learn_finder",
    "learn_layer_map",
    "learn_triplet_map",
    "merge_overlaps",
    "pair_features",
    "together",
    "trackml_weights",
    "triplet_features",
    "triplets",
    "true_chains",
    "true_pairs",
    "true_segments",
    "walk",
    "with_overlaps",
]
