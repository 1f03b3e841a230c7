"""Generator particles in, tracks and calorimeter energy out."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.errors import InputError
from femtobarn.simulate.detector import draws
from femtobarn.simulate.detector.calorimeter import Towers, measure
from femtobarn.simulate.detector.card import CMS, Card
from femtobarn.simulate.detector.early_showers import early_shares, expected_shares
from femtobarn.simulate.detector.energy_flow import Neutrals, combine, reach
from femtobarn.simulate.detector.propagation import Arrival, propagate
from femtobarn.simulate.detector.tracking import Tracks, track
from femtobarn.simulate.particles import Particles


class Detected(NamedTuple):
    """What a detector makes of some events; every part but `arrival` counts the same events, in the same order."""

    tracks: Tracks  # as the tracker measures them
    flow_tracks: Tracks  # the same tracks, corrected by the calorimeters
    photons: Neutrals  # ECAL energy without a track
    neutral_hadrons: Neutrals  # HCAL energy without a track
    ecal: Towers  # all towers, before energy flow
    hcal: Towers
    arrival: Arrival  # where each particle that was put in reaches the calorimeters

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.tracks.offset) - 1


def detect(particles: Particles, *, card: Card = CMS, generator: np.random.Generator) -> Detected:
    """Tracks, photons, neutral hadrons and towers of all events at once.

    Particles fly to the calorimeters' face (`propagation`), charged ones leave tracks (`tracking`), all but
    muons and neutrinos leave energy in the cells (`calorimeter`), and energy flow keeps of the towers what
    tracks do not explain (`energy_flow`). There is no material: no decay, conversion or interaction. Showers stay
    in one cell of one calorimeter, unless the card lets them spread (`CMS_SHOWERS` does).

    Each event takes one number from `generator` and makes the others of it, so that an event comes out the
    same alone and among others.

    Args:
        particles: Stable particles, those of pile-up included, with momenta in GeV and starting points in mm.
        card: The detector.
        generator: Source of randomness.

    Raises:
        InputError: A number that is not finite, a negative energy, or offsets that do not fit.
    """
    _check(particles)
    keys = draws.event_keys(generator, particles.events)
    arrival = propagate(particles, radius=card.radius, half_length=card.half_length, field=card.field)
    tracks = track(particles, arrival, card=card, keys=draws.derived(keys, 0))
    shares = early_shares(particles, card, keys=draws.derived(keys, 3))
    ecal, hcal = (
        measure(particles, arrival, calorimeter=each, keys=draws.derived(keys, purpose), share=share)
        for purpose, each, share in zip((1, 2), (card.ecal, card.hcal), shares, strict=True)
    )
    flow_tracks, neutrals = tracks, []
    for towers, calorimeter, share in zip(
        (ecal, hcal), (card.ecal, card.hcal), expected_shares(tracks, card), strict=True
    ):
        found, flow_tracks = combine(
            towers, flow_tracks, calorimeter=calorimeter, expected=share,
            reach=reach(towers, tracks, arrival, calorimeter=calorimeter),
        )  # fmt: skip
        neutrals.append(found)
    photons, neutral_hadrons = neutrals
    return Detected(tracks, flow_tracks, photons, neutral_hadrons, ecal, hcal, arrival)


def candidates(detected: Detected) -> Particles:
    """All that energy flow found as one list of particles: in each event tracks, photons, neutral hadrons.

    Neutral hadrons have the code 130 and no mass. Tracks start where their particle did, neutrals at 0.
    """
    return _merged(detected)[0]


def candidate_truth(detected: Detected) -> Int[np.ndarray, "candidate"]:
    """For each of `candidates` the row of its particle; for neutrals, of that which left most in the tower."""
    return _merged(detected)[1]


def _merged(detected: Detected) -> tuple[Particles, np.ndarray]:
    tracks, neutrals = detected.flow_tracks, (detected.photons, detected.neutral_hadrons)
    parts = (tracks, *neutrals)
    event = np.concatenate([np.repeat(np.arange(detected.events), np.diff(part.offset)) for part in parts])
    order = np.argsort(event, kind="stable")
    zeros = [np.zeros((len(part.truth), 4)) for part in neutrals]
    pdg = [
        tracks.pdg,
        *(np.full(len(part.truth), code) for part, code in zip(neutrals, (22, 130), strict=True)),
    ]
    columns = (
        np.concatenate(pdg),
        np.concatenate([tracks.charge, *(zero[:, 0] for zero in zeros)]),
        np.concatenate([part.momentum for part in parts]),
        np.concatenate([tracks.vertex, *zeros]),
    )
    truth = np.concatenate([part.truth for part in parts])
    offset = np.sum([part.offset for part in parts], axis=0)
    return Particles(offset, *(column[order] for column in columns)), truth[order]


def _check(particles: Particles) -> None:
    offset, rows = particles.offset, len(particles.pdg)
    if not len(offset) or offset[0] != 0 or offset[-1] != rows or (np.diff(offset) < 0).any():
        raise InputError(
            f"expected offsets that rise from 0 to the number of particles, {rows}, got {offset}"
        )
    columns: dict[str, np.ndarray] = {
        "charge": particles.charge,
        "momentum": particles.momentum,
        "vertex": particles.vertex,
    }
    for name, column in columns.items():
        if len(column) != rows:
            raise InputError(f"expected one {name} for each of {rows} particles, got {len(column)}")
        if not np.isfinite(column).all():
            row = int(np.argwhere(~np.isfinite(column))[0][0])
            raise InputError(f"particle {row}: its {name} is {column[row]}, expected finite numbers")
    if (particles.momentum[:, 0] < 0).any():
        row = int(np.flatnonzero(particles.momentum[:, 0] < 0)[0])
        raise InputError(
            f"particle {row}: its energy is {particles.momentum[row, 0]:g} GeV, expected 0 or more"
        )
