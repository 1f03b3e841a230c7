"""A parametrised detector: propagation, efficiencies, smearing, calorimeter towers, energy flow."""

from femtobarn.simulate.detector.card import (
    CMS,
    CMS_NO_PILEUP,
    CMS_PHASE2,
    CMS_SHOWERS,
    Calorimeter,
    Card,
    EarlyShowers,
    Region,
    Tracking,
)
from femtobarn.simulate.detector.detection import Detected, candidate_truth, candidates, detect

__all__ = [
    "CMS",
    "CMS_NO_PILEUP",
    "CMS_PHASE2",
    "CMS_SHOWERS",
    "Calorimeter",
    "Card",
    "Detected",
    "EarlyShowers",
    "Region",
    "Tracking",
    "candidate_truth",
    "candidates",
    "detect",
]
