"""Tracker, silicon endcap and towers in one field, and what they see of the same particles.

The tracker is that of the TrackML challenge, the endcap the toy of arXiv:2204.01681 at positive z, the towers those of
`CMS_SHOWERS`. A particle that reaches the endcap leaves its energy there and nowhere else; all others leave it in
towers, those of the other side and beyond the endcap too. The tracker's matter takes part in its hits only.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from femtobarn.chain.collisions import Crossings
from femtobarn.physics.tracks import Hits
from femtobarn.simulate.detector import CMS_SHOWERS, Card, Detected, detect, draws
from femtobarn.simulate.detector.propagation import Arrival, propagate
from femtobarn.simulate.detector.tracking import Tracks, track
from femtobarn.simulate.endcap import Endcap, EndcapHits, arriving, endcap_hits
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import Tracker, tracker

_OUTSIDE = 1600.0  # mm; what gets farther out before the face of the endcap does not reach it


class Seen(NamedTuple):
    """What the detectors see of some crossings."""

    crossings: Crossings
    hits: Hits | None
    """Of the tracker; None if nobody asked."""
    card_tracks: Tracks
    """Of the tracker as a table of efficiencies and resolutions."""
    endcap: EndcapHits
    towers: Detected
    """Of what does not reach the endcap; its tracks have no meaning."""


@dataclass(frozen=True)
class Detector:
    """All detectors in one field."""

    field: float
    """Tesla."""

    @cached_property
    def endcap(self) -> Endcap:
        """The silicon endcap."""
        return Endcap(field=self.field)

    @cached_property
    def card(self) -> Card:
        """Towers; a track is found by the direction in which it starts."""
        return replace(CMS_SHOWERS, field=self.field, half_length=self.endcap.face, eta="momentum")

    def see(self, crossings: Crossings, *, tracks: bool, seed: np.random.SeedSequence) -> Seen:
        """Hits and towers of some crossings, hits of the tracker only if `tracks`; each detector has its own seed."""
        silicon, towers, card, pixels = (np.random.default_rng(each) for each in seed.spawn(4))
        particles = crossings.particles
        inside = self.reaches_endcap(particles)
        incoming = arriving(particles.keep(inside), self.endcap)
        keys = draws.event_keys(card, particles.events)
        return Seen(
            crossings,
            tracker(particles, generator=pixels, detector=Tracker(field=((0.0, self.field),))) if tracks else None,
            track(particles, self.arrival(particles), card=self.card, keys=keys),
            endcap_hits(incoming, self.endcap, generator=silicon),
            detect(particles.keep(~inside), card=self.card, generator=towers),
        )  # fmt: skip

    def arrival(self, particles: Particles) -> Arrival:
        """Where particles reach the towers."""
        card = self.card
        return propagate(particles, radius=card.radius, half_length=card.half_length, field=card.field)

    def at_endcap(self, particles: Particles) -> Arrival:
        """Where particles reach the endcap, if they do."""
        return propagate(particles, radius=_OUTSIDE, half_length=self.endcap.face, field=self.field)

    def reaches_endcap(self, particles: Particles) -> Bool[np.ndarray, "particle"]:
        """Which particles come in on the face of the endcap."""
        found, (low, high) = self.at_endcap(particles), self.endcap.eta
        face = found.position[:, 3] >= self.endcap.face * (1 - 1e-9)
        inside: np.ndarray = face & (found.eta > low) & (found.eta < high)
        return inside
