"""A parametrised detector: propagation, efficiencies, smearing, calorimeter towers, energy flow."""

from femtobarn.simulate.detector.card import (
    CMS,
    CMS_NO_PILEUP,
    CMS_PHASE2,
    Calorimeter,
    Card,
    Region,
    Tracking,
)
from femtobarn.simulate.detector.detection import Detected, candidate_truth, candidates, detect

__all__ = [
    "CMS",
    "CMS_NO_PILEUP",
    "CMS_PHASE2",
    "Calorimeter",
    "Card",
    "Detected",
    "Region",
    "Tracking",
    "candidate_truth",
    "candidates",
    "detect",
]
