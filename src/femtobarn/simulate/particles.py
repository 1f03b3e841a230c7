"""Particles of many events in flat arrays, as generators make them and the detector takes them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Particles(NamedTuple):
    """Particles of many events, one event after the other.

    `offset[i]` to `offset[i + 1]` are the particles of event i, so `offset` starts with 0 and ends with the
    number of all particles.
    """

    offset: Int[np.ndarray, "boundary"]  # one more than there are events
    pdg: Int[np.ndarray, "particle"]  # particle codes of the Particle Data Group
    charge: Float[np.ndarray, "particle"]  # in units of the positron's
    momentum: Float[np.ndarray, "particle 4"]  # energy, px, py, pz in GeV
    vertex: Float[np.ndarray, "particle 4"]  # where it starts: c t, x, y, z in mm

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.offset) - 1

    @property
    def event(self) -> Int[np.ndarray, "particle"]:
        """The event each particle belongs to."""
        return np.repeat(np.arange(self.events), np.diff(self.offset))

    def part(self, rows: slice) -> "Particles":
        """The events of a slice without a step."""
        offset = self.offset[rows.start : rows.stop + 1]
        return Particles(offset - offset[0], *(column[offset[0] : offset[-1]] for column in self[1:]))

    def keep(self, wanted: np.ndarray) -> "Particles":
        """The particles where `wanted` is true; every event stays, if need be without particles."""
        before = np.concatenate(([0], np.cumsum(wanted)))
        return Particles(before[self.offset], *(column[wanted] for column in self[1:]))


def joined(parts: Sequence[Particles]) -> Particles:
    """The events of all parts, one part after the other."""
    starts = np.cumsum([0, *(len(part.pdg) for part in parts)])
    offsets = [part.offset[:-1] + start for part, start in zip(parts, starts, strict=False)]
    columns = [np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]]
    return Particles(np.concatenate([*offsets, starts[-1:]]), *columns)
