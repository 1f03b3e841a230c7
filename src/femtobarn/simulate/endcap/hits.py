"""Hits of the endcap: the showers of all particles summed in cells, with the energy of each particle in each hit."""

from collections.abc import Sequence
from math import asinh, atan2, cos, floor, pi, sin, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.simulate.endcap.geometry import LIGHT, Endcap
from femtobarn.simulate.endcap.incoming import Incoming
from femtobarn.simulate.showers.gflash import gflash
from femtobarn.simulate.showers.spots import Spots
from femtobarn.simulate.showers.stacks import endcap_like

_ANGLES = 5  # stacks, each as thick as particles of its bin of pseudorapidity find it
_TIME = (
    0.02,
    0.1,
)  # ns: sigma of a hit's time is the first, and the second over its energy in MIPs, in quadrature
_MARGIN = 0.06  # rad beyond a slice from where showers still reach into it


class EndcapHits(NamedTuple):
    """Hits of many events, one event after the other, and what each particle has left in each of them.

    `offset[i]` to `offset[i + 1]` are the hits of event i, sorted by cell; `share_*` has a row for each pair of a hit
    and a particle with energy in it, sorted by hit. Particles and hits are counted over all events.
    """

    offset: Int[np.ndarray, " boundary"]
    cell: Int[np.ndarray, " hit"]
    energy: Float[np.ndarray, " hit"]  # GeV
    time: Float[np.ndarray, " hit"]  # ns later than light from the middle of the detector at time 0
    share_hit: Int[np.ndarray, " share"]
    share_particle: Int[np.ndarray, " share"]
    share_energy: Float[np.ndarray, " share"]  # GeV
    incoming: Incoming

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.offset) - 1

    @property
    def event(self) -> Int[np.ndarray, " hit"]:
        """The event that each hit belongs to."""
        return np.repeat(np.arange(self.events), np.diff(self.offset))

    def take(self, events: Int[np.ndarray, " n"]) -> "EndcapHits":
        """These events, in this order."""
        return joined_hits([self._one(int(event)) for event in np.asarray(events)], like=self)

    def _one(self, event: int) -> "EndcapHits":
        start, stop = self.offset[event : event + 2]
        first, last = self.incoming.offset[event : event + 2]
        low, high = np.searchsorted(self.share_hit, (start, stop))
        incoming = Incoming(np.array([0, last - first]), *(c[first:last] for c in self.incoming[1:]))
        return EndcapHits(
            np.array([0, stop - start]),
            self.cell[start:stop],
            self.energy[start:stop],
            self.time[start:stop],
            self.share_hit[low:high] - start,
            self.share_particle[low:high] - first,
            self.share_energy[low:high],
            incoming,
        )


def joined_hits(parts: Sequence[EndcapHits], *, like: EndcapHits | None = None) -> EndcapHits:
    """The events of all parts, one part after the other; of no parts, no events in the types of `like`."""
    if not parts:
        if like is None:
            raise InputError("expected at least one part")
        return like._replace(
            offset=like.offset[:1],
            incoming=like.incoming.keep(np.zeros(len(like.incoming.pdg), bool))._replace(
                offset=like.offset[:1]
            ),
            **{name: getattr(like, name)[:0] for name in EndcapHits._fields[1:-1]},
        )
    hits = np.cumsum([0, *(len(part.cell) for part in parts)])
    particles = np.cumsum([0, *(len(part.incoming.pdg) for part in parts)])
    incoming = Incoming(
        _offsets([part.incoming.offset for part in parts], particles),
        *(
            np.concatenate(column)
            for column in list(zip(*(part.incoming for part in parts), strict=True))[1:]
        ),
    )
    return EndcapHits(
        _offsets([part.offset for part in parts], hits),
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.energy for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.share_hit + start for part, start in zip(parts, hits, strict=False)]),
        np.concatenate([part.share_particle + start for part, start in zip(parts, particles, strict=False)]),
        np.concatenate([part.share_energy for part in parts]),
        incoming,
    )


def _offsets(parts: Sequence[np.ndarray], starts: np.ndarray) -> np.ndarray:
    pieces = [part[:-1] + start for part, start in zip(parts, starts, strict=False)]
    return np.concatenate([*pieces, starts[-1:]])


def endcap_hits(
    incoming: Incoming,
    endcap: Endcap,
    *,
    generator: np.random.Generator,
    phi: tuple[float, float] = (-pi, pi),
) -> EndcapHits:
    """Hits above threshold of all particles, each with a shower of its own (`gflash`).

    Particles come in at an angle: their showers see the stack as thick as it is along their direction, in five bins
    of pseudorapidity, and lie around their direction. The time of a hit is the mean over its deposits, by energy, of
    when their particle passed at the speed of light; it is smeared by 20 ps and 100 ps over the energy in MIPs, in
    quadrature (an assumption). Deposits outside of the cells are lost.

    Args:
        incoming: Particles on the face.
        endcap: Cells, stack and threshold.
        generator: Source of randomness.
        phi: Slice in azimuth: particles outside are left out, but for a margin, and so are hits. The particles are
            those of `incoming` still.
    """
    inside = np.ones(len(incoming.pdg), bool)
    if phi[1] - phi[0] < 2 * pi:
        middle, half = (phi[0] + phi[1]) / 2, (phi[1] - phi[0]) / 2 + _MARGIN
        inside = np.abs((incoming.phi - middle + pi) % (2 * pi) - pi) < half
    spots = _showers(incoming, np.flatnonzero(inside), generator)
    hit_event, cell, share_cell, share_particle, share_energy = _summed(spots, incoming, endcap)
    found = _hits(incoming, endcap, hit_event, cell, share_cell, share_particle, share_energy)
    found = _within(found, endcap, phi)
    mips = found.energy / endcap.mip[endcap.layer_of(found.cell)]
    width = np.hypot(_TIME[0], _TIME[1] / np.maximum(mips, 0.1))
    return found._replace(time=found.time + width * generator.standard_normal(len(found.time)))


def _showers(incoming: Incoming, rows: np.ndarray, generator: np.random.Generator) -> Spots:
    """Spots of the particles in `rows`, `shower` being the number of the particle; kind by kind, angle by angle."""
    kind = _shower_code(incoming.pdg[rows], incoming.charge[rows])
    stretch = 1 / incoming.direction[rows, 2]
    edges = np.linspace(1.0, 1.11, _ANGLES + 1)
    bins = np.clip(np.searchsorted(edges, stretch, side="right") - 1, 0, _ANGLES - 1)
    parts = []
    for code in np.unique(kind):
        for angle in range(_ANGLES):
            some = rows[(kind == code) & (bins == angle)]
            if len(some):
                stack = endcap_like(float((edges[angle] + edges[angle + 1]) / 2))
                energy = np.maximum(incoming.energy[some].astype(np.float64), 1e-3)
                spots = gflash(energy, stack, generator=generator, pdg=int(code))
                parts.append(spots._replace(shower=some[spots.shower].astype(np.int32)))
    if not parts:
        return Spots(*(np.empty(0, t) for t in (np.int32, np.int16, np.float32, np.float32, np.float32)))
    return Spots(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _shower_code(pdg: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """The particle whose shower stands for that of each: a charged pion or a K0 long for all other hadrons."""
    kinds = np.abs(pdg)
    hadron = np.where(charge != 0, 211, 130)
    return np.where(np.isin(kinds, (11, 13, 22)), kinds, hadron)


def _summed(spots: Spots, incoming: Incoming, endcap: Endcap) -> tuple[np.ndarray, ...]:
    """Event and cell of each hit above threshold, and cell, particle and energy of each share, event by event."""
    particles = len(incoming.pdg)
    first = np.concatenate(([0], np.cumsum(np.bincount(spots.shower, minlength=particles))))
    order = np.argsort(spots.shower, kind="stable")
    d = incoming.direction
    flat = np.hypot(d[:, 0], d[:, 1])
    safe = np.maximum(flat, 1e-12)
    ux, uy = np.where(flat > 1e-12, d[:, 0] / safe, 1.0), np.where(flat > 1e-12, d[:, 1] / safe, 0.0)
    frame = np.column_stack((incoming.position[:, :2], d[:, :2] / d[:, 2:], ux, uy, 1 / d[:, 2]))
    n = len(spots.shower)
    share = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.float64)
    hits = np.empty(n, np.int64), np.empty(n, np.int64)
    sizes = np.empty(2, np.int64)
    threshold = np.repeat(endcap.threshold * endcap.mip, endcap.etas * endcap.phis)
    grid = np.array([endcap.eta[0], endcap.eta[1], endcap.face])
    # fmt: off
    _sum(
        incoming.offset, first, order, spots.layer, spots.radius, spots.phi, spots.energy, frame, endcap.z, grid,
        endcap.etas, endcap.phis, threshold, *hits, *share, sizes,
    )
    # fmt: on
    return (*(column[: sizes[0]] for column in hits), *(column[: sizes[1]] for column in share))


@njit(cache=True, nogil=True)
@no_type_check
def _sum(
    offset, first, order, layer, radius, angle, energy, frame, z, grid, etas, phis, threshold,
    hit_event, hit_cell, share_cell, share_particle, share_energy, sizes,
):  # fmt: skip
    """Each particle's spots are summed in its own cells first, then all of an event in common ones."""
    cells = threshold.shape[0]
    own, total = np.zeros(cells), np.zeros(cells)
    touched, common = np.empty(cells, np.int64), np.empty(cells, np.int64)
    hits, shares = 0, 0
    for event in range(offset.shape[0] - 1):
        filled = 0
        before = shares
        for particle in range(offset[event], offset[event + 1]):
            x0, y0, slope_x, slope_y, ux, uy, stretch = frame[particle]
            mine = 0
            for i in order[first[particle] : first[particle + 1]]:
                row = layer[i]
                along = radius[i] * cos(angle[i]) * stretch  # in the plane of the direction and the beam
                across = radius[i] * sin(angle[i])
                deep = z[row] - grid[2]
                x = x0 + deep * slope_x + along * ux - across * uy
                y = y0 + deep * slope_y + along * uy + across * ux
                r = sqrt(x * x + y * y)
                if r == 0.0:
                    continue
                place = floor((asinh(z[row] / r) - grid[0]) / (grid[1] - grid[0]) * etas)
                if place < 0 or place >= etas:
                    continue
                turn = min(int((atan2(y, x) + pi) * phis / (2 * pi)), phis - 1)
                cell = (row * etas + int(place)) * phis + turn
                if own[cell] == 0.0:
                    touched[mine] = cell
                    mine += 1
                own[cell] += energy[i]
            for cell in touched[:mine]:
                if total[cell] == 0.0:
                    common[filled] = cell
                    filled += 1
                total[cell] += own[cell]
                share_cell[shares], share_particle[shares] = cell, particle
                share_energy[shares] = own[cell]
                shares += 1
                own[cell] = 0.0
        kept = before
        for i in range(before, shares):
            if total[share_cell[i]] >= threshold[share_cell[i]]:
                share_cell[kept], share_particle[kept] = share_cell[i], share_particle[i]
                share_energy[kept] = share_energy[i]
                kept += 1
        shares = kept
        for cell in np.sort(common[:filled]):
            if total[cell] >= threshold[cell]:
                hit_event[hits], hit_cell[hits] = event, cell
                hits += 1
            total[cell] = 0.0
    sizes[0], sizes[1] = hits, shares


def _hits(
    incoming: Incoming,
    endcap: Endcap,
    event: np.ndarray,
    cell: np.ndarray,
    share_cell: np.ndarray,
    share_particle: np.ndarray,
    share_energy: np.ndarray,
) -> EndcapHits:
    """Shares sorted by hit, energies as their sums, times as their means."""
    number = event * endcap.cells + cell
    of_share = incoming.event[share_particle] * endcap.cells + share_cell
    hit = np.searchsorted(number, of_share)
    order = np.lexsort((share_particle, hit))
    hit, particle, energy = hit[order], share_particle[order], share_energy[order]
    total = np.bincount(hit, energy, len(cell))
    place = endcap.position(cell)
    late = incoming.time - np.linalg.norm(incoming.position, axis=1) / LIGHT
    deep = (place[hit, 2] - endcap.face) / incoming.direction[particle, 2]
    start = np.linalg.norm(incoming.position, axis=1)[particle]
    ahead = np.linalg.norm(place, axis=1)[hit]
    passed = late[particle] + (start + deep - ahead) / LIGHT
    time = np.bincount(hit, energy * passed, len(cell)) / np.where(total > 0, total, 1.0)
    offset = np.searchsorted(event, np.arange(incoming.events + 1))
    return EndcapHits(offset, cell, total, time, hit, particle, energy, incoming)


def _within(hits: EndcapHits, endcap: Endcap, phi: tuple[float, float]) -> EndcapHits:
    """Hits of a slice in azimuth only."""
    if phi[1] - phi[0] >= 2 * pi:
        return hits
    middle = (phi[0] + phi[1]) / 2
    away = np.abs((endcap.place(hits.cell)[1] - middle + pi) % (2 * pi) - pi)
    wanted = away < (phi[1] - phi[0]) / 2
    number = np.cumsum(wanted) - 1
    shares = wanted[hits.share_hit]
    return EndcapHits(
        np.concatenate(([0], np.cumsum(wanted)))[hits.offset],
        hits.cell[wanted],
        hits.energy[wanted],
        hits.time[wanted],
        number[hits.share_hit[shares]],
        hits.share_particle[shares],
        hits.share_energy[shares],
        hits.incoming,
    )
