"""Events as particle flow sees them: tracks and calorimeter towers in one list, and which particle each stands for.

Columns and classes are those of the public Delphes sample of arXiv:2101.08578 (facts of jpata/particleflow, tag v1.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from femtobarn.errors import InputError

CLASSES = ("none", "charged hadron", "neutral hadron", "photon", "electron", "muon")
NONE, CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = range(6)
TOWER, TRACK = 1, 2  #: type of an element, its first column
#: Columns of towers and tracks, GeV. The two bits of a track are truth, as Delphes identifies leptons by truth.
TOWER_COLUMNS = ("type", "ET", "eta", "sin phi", "cos phi", "E", "E em", "E had", "", "", "", "")
TRACK_COLUMNS = (
    "type", "pT", "eta", "sin phi", "cos phi", "p", "eta outer", "sin phi outer", "cos phi outer", "charge",
    "is muon", "is electron",
)  # fmt: skip
PARTICLE_COLUMNS = ("class", "charge", "pT", "eta", "sin phi", "cos phi", "E")
_PION = 0.13957  # GeV


class Padded(NamedTuple):
    """Elements of events in one array."""

    element: Float32[np.ndarray, "event element 12"]
    mask: Bool[np.ndarray, "event element"]
    cut: Int[np.ndarray, "event"]  # elements that did not fit


@dataclass(frozen=True)
class FlowEvents:
    """Elements of many events, one event after the other, each with the particle it stands for.

    Elements of event i are rows ``offset[i]`` to ``offset[i + 1]``. A particle without an element of its own is in
    `remaining`. Rows of particles are (class, charge, pT, eta, sin phi, cos phi, E) in GeV, zeros for none.
    """

    offset: Int[np.ndarray, "boundary"]
    element: Float32[np.ndarray, "element 12"]
    target: Float32[np.ndarray, "element 7"]  # true particles
    candidate: Float32[np.ndarray, "element 7"]  # particles of rule-based particle flow
    remaining_offset: Int[np.ndarray, "boundary"]
    remaining: Float32[np.ndarray, "particle 7"]

    def __len__(self) -> int:
        return len(self.offset) - 1

    @property
    def event(self) -> Int[np.ndarray, "element"]:
        """The event of each element."""
        return np.repeat(np.arange(len(self)), np.diff(self.offset))

    def take(self, rows: Int[np.ndarray, "row"]) -> "FlowEvents":
        """These events, in this order."""
        offset, place = _rows(self.offset, rows)
        rest, other = _rows(self.remaining_offset, rows)
        element, target, candidate = (each[place] for each in (self.element, self.target, self.candidate))
        return FlowEvents(offset, element, target, candidate, rest, self.remaining[other])

    def padded(self, most: int) -> Padded:
        """The first `most` elements of each event, and how many more there were."""
        size = np.diff(self.offset)
        mask = np.arange(most) < size[:, None]
        element = np.zeros((len(self), most, self.element.shape[1]), np.float32)
        element[mask] = self.element[np.arange(len(self.element)) - self.offset[self.event] < most]
        return Padded(element, mask, np.maximum(size - most, 0))

    def generated(self) -> tuple[Float64[np.ndarray, "particle 4"], Int[np.ndarray, "boundary"]]:
        """(E, px, py, pz) of all true particles, those without an element too, and their boundaries."""
        chosen = self.target[:, 0] != NONE
        event = np.concatenate(
            (self.event[chosen], np.repeat(np.arange(len(self)), np.diff(self.remaining_offset)))
        )
        order = np.argsort(event, kind="stable")
        every = np.concatenate((self.target[chosen], self.remaining))[order]
        return four_momenta(every), np.searchsorted(event[order], np.arange(len(self) + 1))


def joined(parts: Sequence[FlowEvents]) -> FlowEvents:
    """The events of all parts, one part after the other."""

    def boundaries(name: str) -> np.ndarray:
        sizes = [np.diff(getattr(part, name)) for part in parts]
        return np.concatenate(([0], np.cumsum(np.concatenate(sizes))))

    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("element", "target", "candidate", "remaining")
    }
    return FlowEvents(offset=boundaries("offset"), remaining_offset=boundaries("remaining_offset"), **columns)


def four_momenta(particles: Float[np.ndarray, "particle 7"]) -> Float64[np.ndarray, "particle 4"]:
    """(E, px, py, pz) of rows of particles; what a row lacks is completed.

    In the public files rule-based particle flow gives charged particles without E and neutral ones without pT: E is
    then that of a pion, pT that of a particle without mass. E is at least the momentum.
    """
    _, charge, pt, eta, sin, cos, energy = np.asarray(particles, np.float64).T
    pt = np.where((pt == 0) & (charge == 0), energy / np.cosh(eta), pt)
    size = np.hypot(sin, cos)
    sin, cos = (np.divide(each, size, out=np.zeros_like(size), where=size > 0) for each in (sin, cos))
    pz = pt * np.sinh(eta)
    momentum = np.hypot(pt, pz)
    energy = np.where(energy == 0, np.hypot(momentum, np.where(charge != 0, _PION, 0.0)), energy)
    return np.stack((np.maximum(energy, momentum), pt * cos, pt * sin, pz), axis=1)


def check_elements(
    element: Float[np.ndarray, "element 12"], particles: Float[np.ndarray, "particle 7"], place: str
) -> None:
    """Refuse rows that cannot be elements or particles; `place` begins the message.

    Raises:
        InputError: An unknown type or class, numbers that are not finite, energies below 0, angles that are none, or
            units that cannot be GeV.
    """
    for name, rows in (("elements", element), ("particles", particles)):
        if not np.isfinite(rows).all():
            row = int(np.argwhere(~np.isfinite(rows))[0, 0])
            raise InputError(f"{place}: row {row} of the {name} is not finite: {rows[row]}")
    for what, column, known in (
        ("type of element", element[:, 0], {TOWER: "tower", TRACK: "track"}),
        ("class of particle", particles[:, 0], dict(enumerate(CLASSES))),
    ):
        strange = ~np.isin(column, list(known))
        if strange.any():
            words = ", ".join(f"{code} ({name})" for code, name in known.items())
            raise InputError(f"{place}: unknown {what} {column[strange][0]:g}; known are {words}")
    if (element[:, [1, 5]] < 0).any() or (particles[:, [2, 6]] < 0).any():
        raise InputError(f"{place}: a negative energy or pT; expected GeV of 0 or more")
    if len(element) and np.abs(np.hypot(element[:, 3], element[:, 4]) - 1).max() > 1e-3:
        raise InputError(f"{place}: sin and cos of phi do not belong together: is phi in degrees?")
    track = element[element[:, 0] == TRACK, 1]
    if len(track) >= _FEW and not _LOW < (middle := float(np.median(track))) < _HIGH:
        raise InputError(f"{place}: half of the tracks have a pT above {middle:.3g}: is it in GeV?")


_FEW, _LOW, _HIGH = 20, 0.02, 100.0  # tracks by which units are judged; median pT in GeV of any real sample


def _rows(
    offset: np.ndarray, events: Int[np.ndarray, "row"]
) -> tuple[Int[np.ndarray, "boundary"], Int[np.ndarray, "element"]]:
    size = np.diff(offset)[events]
    new = np.concatenate(([0], np.cumsum(size)))
    return new, np.repeat(offset[:-1][events] - new[:-1], size) + np.arange(new[-1])
