"""Hits of a tracker with their cells and their truth: one type for measured and for simulated events."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

_COLUMNS = ("position", "volume", "layer", "module", "number")


class Cells(NamedTuple):
    """The channels of each hit that fired; hit i has the rows `offset[i]` to `offset[i + 1]`."""

    offset: Int[np.ndarray, "hit+1"]
    channel: Int[np.ndarray, "cell 2"]  # along the local u and v
    value: Float[np.ndarray, "cell"]  # charge; strips give 1


class Truth(NamedTuple):
    """What made each hit."""

    particle: Int[np.ndarray, "hit"]  # row of `TrueParticles`, -1 for noise
    position: Float[np.ndarray, "hit 3"]  # mm
    momentum: Float[np.ndarray, "hit 3"]  # GeV, there; without a meaning for noise
    weight: Float[np.ndarray, "hit"]  # of the score of the TrackML challenge; sums to 1 over an event


class TrueParticles(NamedTuple):
    """Charged particles, one event after the other; `offset` counts them as `Hits.offset` does hits."""

    offset: Int[np.ndarray, "boundary"]
    barcode: Int[np.ndarray, "particle"]  # the identifier of TrackML, 64 bits
    pdg: Int[np.ndarray, "particle"]  # 0 where it is not known
    charge: Int[np.ndarray, "particle"]
    vertex: Float[np.ndarray, "particle 3"]  # mm
    momentum: Float[np.ndarray, "particle 3"]  # GeV, at the vertex
    hits: Int[np.ndarray, "particle"]  # how many it has

    @property
    def pt(self) -> Float[np.ndarray, "particle"]:
        """Transverse momentum, GeV."""
        return np.hypot(self.momentum[:, 0], self.momentum[:, 1])

    @property
    def eta(self) -> Float[np.ndarray, "particle"]:
        """Pseudorapidity of the momentum; infinite along the beam."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.arcsinh(self.momentum[:, 2] / self.pt)

    @property
    def primary(self) -> Bool[np.ndarray, "particle"]:
        """Whether it starts within 1 mm of the beam."""
        return np.hypot(self.vertex[:, 0], self.vertex[:, 1]) < 1.0


class Hits(NamedTuple):
    """Hits of many events, one event after the other: event i has the rows `offset[i]` to `offset[i + 1]`.

    Modules are named as in TrackML: by volume, layer (2, 4, ... outwards or with z) and module, each from 1.
    """

    offset: Int[np.ndarray, "boundary"]
    position: Float[np.ndarray, "hit 3"]  # mm
    volume: Int[np.ndarray, "hit"]
    layer: Int[np.ndarray, "hit"]
    module: Int[np.ndarray, "hit"]
    number: Int[np.ndarray, "hit"]  # hit_id, unique within an event
    cells: Cells | None = None
    truth: Truth | None = None
    particles: TrueParticles | None = None

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.offset) - 1

    def event(self, index: int) -> "Hits":
        """The hits of one event, as `Hits` of one event."""
        first, last = self.offset[index], self.offset[index + 1]
        rows = slice(first, last)
        cells, truth, particles = self.cells, self.truth, self.particles
        if cells is not None:
            inner = slice(cells.offset[first], cells.offset[last])
            cells = Cells(
                cells.offset[first : last + 1] - inner.start, cells.channel[inner], cells.value[inner]
            )
        if particles is not None:
            begin, end = particles.offset[index], particles.offset[index + 1]
            particles = TrueParticles(
                np.array([0, end - begin]), *(column[begin:end] for column in particles[1:])
            )
            if truth is not None:
                truth = Truth(*(column[rows] for column in truth))
                row = np.where(truth.particle < 0, -1, truth.particle - begin)
                truth = truth._replace(particle=row)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return Hits(np.array([0, last - first]), **columns, cells=cells, truth=truth, particles=particles)

    def keep(self, wanted: Bool[np.ndarray, "hit"]) -> "Hits":
        """The hits where `wanted` is true; events and particles stay as they are."""
        before = np.concatenate(([0], np.cumsum(wanted)))
        cells, truth = self.cells, self.truth
        if cells is not None:
            size = np.diff(cells.offset)
            inner = np.repeat(wanted, size)
            offset = np.concatenate(([0], np.cumsum(size[wanted])))
            cells = Cells(offset, cells.channel[inner], cells.value[inner])
        if truth is not None:
            truth = Truth(*(column[wanted] for column in truth))
        columns = {name: getattr(self, name)[wanted] for name in _COLUMNS}
        return Hits(before[self.offset], **columns, cells=cells, truth=truth, particles=self.particles)
