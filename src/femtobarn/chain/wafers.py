"""Hits of the endcap as charges of the trigger cells of hexagonal wafers, and what arrives of these as hits.

Every layer is tiled with wafers of 48 trigger cells (`femtobarn.simulate.wafer_tiling`), the hadronic ones too. A hit
belongs to the trigger cell under the middle of its own cell.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.physics.wafer import ADC_PER_MIP, CELLS
from femtobarn.simulate.endcap import Endcap, EndcapHits
from femtobarn.simulate.wafer_readout import read_out
from femtobarn.simulate.wafer_tiling import PITCH, cell_offsets, centre, locate

_SPAN = 16  # wafers with |u|, |v| up to this cover a layer
_LEAST_LED = 3  # trigger cells that a particle has to lead to be an object, as of `truth`


class Wafers(NamedTuple):
    """Wafers with any energy, one event after the other: event i has the rows `offset[i]` to `offset[i + 1]`."""

    offset: Int[np.ndarray, "boundary"]
    layer: Int[np.ndarray, "wafer"]
    u: Int[np.ndarray, "wafer"]
    v: Int[np.ndarray, "wafer"]
    charge: Float32[np.ndarray, "wafer 48"]
    """Whole counts, 35 to a transverse MIP."""
    owner: Int[np.ndarray, "wafer 48"]
    """Row of the particle on the face that left most energy in each cell, -1 for none."""
    hits: EndcapHits

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.offset) - 1

    @property
    def eta(self) -> Float[np.ndarray, "wafer"]:
        """Pseudorapidity of the middle of each wafer."""
        z = _layer_z()[self.layer]
        return np.arcsinh(z / np.hypot(*centre(self.u, self.v)))


def wafers_of(hits: EndcapHits, endcap: Endcap) -> Wafers:
    """Charges of all wafers that have a hit, as the front end reads them out."""
    layer = endcap.layer_of(hits.cell)
    x, y, _ = endcap.position(hits.cell).T
    u, v, cell = locate(x, y)
    side = 2 * _SPAN + 1
    name = ((hits.event * endcap.layers + layer) * side + u + _SPAN) * side + v + _SPAN
    known, first, wafer = np.unique(name, return_index=True, return_inverse=True)
    place = wafer.ravel() * CELLS + cell
    mips = np.bincount(place, hits.energy / endcap.mip[layer], len(known) * CELLS).reshape(-1, CELLS)
    owner = _owner(place, hits, len(known) * CELLS).reshape(-1, CELLS)
    made = Wafers(
        np.searchsorted(hits.event[first], np.arange(hits.events + 1)),
        layer[first], u[first], v[first], np.zeros(mips.shape, np.float32), owner, hits,
    )  # fmt: skip
    return made._replace(charge=read_out(mips, made.eta))


def hits_of(wafers: Wafers, charge: Float[np.ndarray, "wafer 48"], endcap: Endcap) -> HitEvents:
    """What arrives, as hits in trigger cells above the endcap's threshold, with their true showers.

    Times are not sent: they are 0.
    """
    mips = charge / (ADC_PER_MIP * (np.floor(4096 / np.cosh(wafers.eta)) / 4096)[:, None])
    wafer, cell = np.nonzero(mips >= endcap.threshold)
    energy = (mips * endcap.mip[wafers.layer][:, None])[wafer, cell]
    x, y = centre(wafers.u, wafers.v)[:, wafer] + cell_offsets()[cell].T
    z = endcap.z[wafers.layer[wafer]]
    columns = (energy, x, y, z, np.zeros(len(z)), np.full(len(z), PITCH * 2**0.5))
    offset = np.searchsorted(wafer, wafers.offset)
    return _with_truth(
        offset, np.column_stack(columns).astype(np.float32), wafers.owner[wafer, cell], wafers.hits
    )


@cache
def frames() -> int:
    """Wafers of the whole endcap whose middle is within its radii: each sends a frame every crossing."""
    u, v = (each.ravel() for each in np.mgrid[-_SPAN : _SPAN + 1, -_SPAN : _SPAN + 1])
    r, endcap = np.maximum(np.hypot(*centre(u, v)), 1.0), Endcap()
    return sum(
        int(((np.sinh(endcap.eta[0]) < z / r) & (z / r < np.sinh(endcap.eta[1]))).sum()) for z in endcap.z
    )


def _owner(place: np.ndarray, hits: EndcapHits, cells: int) -> Int[np.ndarray, "cell"]:
    """The particle of the largest share of each trigger cell; ties go to the first particle."""
    particles = len(hits.incoming.pdg)
    pair, of_pair = np.unique(
        place[hits.share_hit] * max(particles, 1) + hits.share_particle, return_inverse=True
    )
    energy = np.bincount(of_pair.ravel(), hits.share_energy, len(pair))
    cell, particle = pair // max(particles, 1), pair % max(particles, 1)
    order = np.lexsort((-particle, energy, cell))
    owner = np.full(cells, -1)
    owner[cell[order]] = particle[order]  # the last one, with most energy, stays
    return owner


def _with_truth(offset: np.ndarray, hits: np.ndarray, particle: np.ndarray, made: EndcapHits) -> HitEvents:
    count = len(made.incoming.pdg)
    deposited = np.bincount(made.share_particle, made.share_energy, count)
    kept = np.bincount(particle[particle >= 0], minlength=count) >= _LEAST_LED
    number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    of_object = np.concatenate(([0], np.cumsum(kept)))[made.incoming.offset]
    incoming = made.incoming
    return HitEvents(
        offset.astype(np.int64), hits, number[particle], of_object, incoming.energy[kept],
        deposited[kept], incoming.pdg[kept],
    )  # fmt: skip


@cache
def _layer_z() -> np.ndarray:
    return Endcap().z
