"""Hits of a tracker with their cells and their truth: one type for measured and for simulated events."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError

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


def together(parts: Sequence[Hits]) -> Hits:
    """The events of all parts, one part after the other; cells and truth only where all parts have them.

    Raises:
        InputError: No parts.
    """
    if not parts:
        raise InputError("expected hits of at least one event, got none")
    columns = {name: np.concatenate([getattr(each, name) for each in parts]) for name in _COLUMNS}
    cells = [each.cells for each in parts if each.cells is not None]
    particles = [each.particles for each in parts if each.particles is not None]
    truth = [each.truth for each in parts if each.truth is not None]
    found = Hits(
        _boundaries([each.offset for each in parts]), **columns, cells=None, truth=None, particles=None
    )
    if len(cells) == len(parts):
        found = found._replace(cells=Cells(_boundaries([each.offset for each in cells]), *_columns(cells)))
    if len(particles) == len(parts):
        offset = _boundaries([each.offset for each in particles])
        found = found._replace(particles=TrueParticles(offset, *_columns(particles)))
        if len(truth) == len(parts):
            before = np.cumsum([0, *(len(each.barcode) for each in particles)])
            row = [np.where(t.particle < 0, -1, t.particle + b) for t, b in zip(truth, before, strict=False)]
            found = found._replace(truth=Truth(np.concatenate(row), *_columns(truth)))
    return found


def _columns(parts: Sequence[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    """Columns of all parts but the first, which counts rows."""
    return [np.concatenate(each) for each in list(zip(*parts, strict=True))[1:]]


def _boundaries(parts: Sequence[Int[np.ndarray, "_"]]) -> Int[np.ndarray, "boundary"]:
    return np.concatenate(([0], np.cumsum(np.concatenate([np.diff(each) for each in parts]))))
