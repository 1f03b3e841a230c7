"""Energy that hadrons leave in the ECAL, because they shower early, and what of it a track lets expect."""

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from femtobarn.simulate.detector import draws
from femtobarn.simulate.detector.calorimeter import fractions
from femtobarn.simulate.detector.card import Card
from femtobarn.simulate.detector.energy_flow import Expected
from femtobarn.simulate.detector.tracking import Tracks
from femtobarn.simulate.particles import Particles

Share = Float[np.ndarray, "particle"]


def early_shares(
    particles: Particles, card: Card, *, keys: UInt64[np.ndarray, "event"]
) -> tuple[Share, Share] | tuple[None, None]:
    """Shares of energy in ECAL and HCAL of each particle; None for both if the card has no early showers.

    Only hadrons that would leave all their energy in the HCAL shower early; what they leave in the ECAL is missing in
    the HCAL.
    """
    if card.early is None:
        return None, None
    ecal, hcal = (fractions(each, particles.pdg) for each in (card.ecal, card.hcal))
    row = np.flatnonzero(_late(card, particles.pdg))
    event = particles.event[row]
    number, key = 2 * (row - particles.offset[event]), keys[event]
    early = draws.uniform(key, number) < card.early.probability
    ecal[row] = np.where(early, card.early.most * draws.uniform(key, number + 1), 0.0)
    hcal[row] = 1 - ecal[row]
    return ecal, hcal


def expected_shares(tracks: Tracks, card: Card) -> tuple[Expected, Expected] | tuple[None, None]:
    """What each track is expected to leave in ECAL and HCAL, and how far hadrons scatter about it."""
    if card.early is None:
        return None, None
    late = _late(card, tracks.pdg)
    error = np.where(late, card.early.rms, 0.0)
    ecal, hcal = (fractions(each, tracks.pdg) for each in (card.ecal, card.hcal))
    mean = card.early.mean
    return Expected(np.where(late, mean, ecal), error), Expected(np.where(late, 1 - mean, hcal), error)


def _late(card: Card, pdg: Int[np.ndarray, "*n"]) -> Bool[np.ndarray, "*n"]:
    found: np.ndarray = (fractions(card.ecal, pdg) == 0) & (fractions(card.hcal, pdg) == 1)
    return found
