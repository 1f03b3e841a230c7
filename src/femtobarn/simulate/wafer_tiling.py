"""The plane of an HGCAL layer tiled with hexagonal wafers: which trigger cell lies under a point.

A trigger cell's centre is where `femtobarn.physics.wafer.positions` has it, a point belongs to the wafer
whose hexagon it is in and there to the cell with the nearest centre. Gaps between wafers (1 mm in CMS),
the cells cut by the wafer's edge and the partial wafers at the rims are left out. All compiled code is in
this one file because numba's disk cache watches only the file of the function stored.
"""

from functools import cache
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int

from femtobarn.compiled import njit
from femtobarn.physics import wafer

PITCH = 12.084  #: mm between sensor-cell centres, the unit of `wafer.positions` (CMS: 48 x 4 cells a wafer)
WIDTH = 8 * 3**0.5 * PITCH  #: flat-to-flat width of a wafer, 167.4 mm, also the distance between neighbours


_ROW = 3**0.5 / 2  # distance between rows of wafers, in widths


def centre(u: Int[np.ndarray, "*n"], v: Int[np.ndarray, "*n"]) -> Float[np.ndarray, "2 *n"]:
    """Centre (x, y) of wafer (u, v) in mm; (0, 0) is on the beam axis.

    Neighbours are one hexagonal step apart, max(|du|, |dv|, |du - dv|) = 1, as for CMS; that CMS counts in
    the same directions is not verified.
    """
    return np.stack([(u - v / 2) * WIDTH, v * _ROW * WIDTH])


@cache
def cell_offsets() -> Float[np.ndarray, "48 2"]:
    """Centres of the trigger cells relative to the middle of their wafer, in mm."""
    cells = wafer.positions()
    offsets: np.ndarray = (cells - cells.mean(axis=0)) * PITCH
    offsets.setflags(write=False)
    return offsets


def locate(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Wafer u, wafer v and trigger cell under each point, given in mm."""
    u, v, cell = (np.empty(len(x), np.int64) for _ in range(3))
    _locate(x, y, cell_offsets(), u, v, cell)
    return u, v, cell


@njit(cache=True)
@no_type_check
def add_to_cells(steps, drawn, cosine, sine, shift, wanted, offsets, total):
    """Add the deposits of the drawn particles, shifted and then turned, to the cells of the wanted wafers.

    Args:
        steps: Arrays first, layer, x, y, energy; the deposits of particle i are ``first[i]`` to ``first[i + 1]``.
        drawn: Particles, int (n,).
        cosine, sine: Of the angle by which each is turned about the beam.
        shift: In x and y, (n, 2), in mm.
        wanted: Mask of wafers (layer, u, v), with u = v = 0 in the middle.
        offsets: See `cell_offsets`.
        total: (layer, u, v, cell), added to.
    """
    first, layer, x, y, energy = steps
    span = wanted.shape[1] // 2
    for i in range(drawn.shape[0]):
        for step in range(first[drawn[i]], first[drawn[i] + 1]):
            sx, sy = x[step] + shift[i, 0], y[step] + shift[i, 1]
            rx, ry = cosine[i] * sx - sine[i] * sy, sine[i] * sx + cosine[i] * sy
            u, v = _wafer_under(rx, ry)
            if abs(u) <= span and abs(v) <= span and wanted[layer[step], u + span, v + span]:
                cell = _cell_under(rx, ry, u, v, offsets)
                total[layer[step], u + span, v + span, cell] += energy[step]


@njit(cache=True)
@no_type_check
def _locate(x, y, offsets, u, v, cell):
    for i in range(x.shape[0]):
        u[i], v[i] = _wafer_under(x[i], y[i])
        cell[i] = _cell_under(x[i], y[i], u[i], v[i], offsets)


@njit
@no_type_check
def _wafer_under(x, y):
    """Wafer (u, v) that holds the point: the nearest centre, by rounding in three hexagonal axes."""
    v = y / (_ROW * WIDTH)
    u = x / WIDTH + v / 2
    w = v - u
    ru, rv, rw = round(u), round(v), round(w)
    du, dv, dw = abs(ru - u), abs(rv - v), abs(rw - w)
    if du > dv and du > dw:
        ru = rv - rw
    elif dv > dw:
        rv = ru + rw
    return int(ru), int(rv)


@njit
@no_type_check
def _cell_under(x, y, u, v, offsets):
    """Trigger cell of wafer (u, v) whose centre is nearest to the point."""
    x -= (u - 0.5 * v) * WIDTH
    y -= v * _ROW * WIDTH
    best, cell = np.inf, 0
    for c in range(offsets.shape[0]):
        distance = (x - offsets[c, 0]) ** 2 + (y - offsets[c, 1]) ** 2
        if distance < best:
            best, cell = distance, c
    return cell
