"""Figures of merit of track finding: matches, efficiencies, fakes, duplicates, the score of the TrackML challenge."""

from femtobarn.metrics.tracking.counts import track_counts
from femtobarn.metrics.tracking.efficiency import DEFINITIONS, FAKES, Curve, TrackingPerformance
from femtobarn.metrics.tracking.matching import Matches, match, selected, trackml_score
from femtobarn.physics.tracks.weights import trackml_weights

__all__ = [
    "DEFINITIONS",
    "FAKES",
    "Curve",
    "Matches",
    "TrackingPerformance",
    "match",
    "selected",
    "track_counts",
    "trackml_score",
    "trackml_weights",
]
