"""Where particles reach the surface of a cylinder: helices for charged ones, lines for the others."""

from math import acos, asinh, atan2, copysign, cos, inf, pi, sin, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.compiled import njit
from femtobarn.simulate.particles import Particles

BEND = 2.99792458e-4  #: pT = BEND |charge| field radius, with pT in GeV, field in tesla, radius in mm
_STRAIGHT = 1e-6  # turn (rad) over the cylinder's radius below which the helix is a line: off by < 1 um


class Arrival(NamedTuple):
    """Where each particle reaches the surface; NaN for those that do not."""

    arrived: Bool[np.ndarray, "particle"]
    position: Float[np.ndarray, "particle 4"]  # c t, x, y, z in mm
    eta: Float[np.ndarray, "particle"]  # of that point, seen from the centre
    phi: Float[np.ndarray, "particle"]


def propagate(particles: Particles, *, radius: float, half_length: float, field: float) -> Arrival:
    """Where each particle first meets the surface of the cylinder, its side or an end.

    The cylinder's axis and the field are along z. A particle that turns too tightly to reach the side goes on to
    an end. A particle does not arrive if it starts outside, has no momentum, or circles for ever (pz = 0). There
    is no material, no energy loss and no decay.

    Args:
        particles: Momenta in GeV, starting points in mm.
        radius: Of the cylinder, in mm.
        half_length: It ends at z = ± this, in mm.
        field: In tesla; a positive charge turns clockwise, seen against a positive field.
    """
    n = len(particles.pdg)
    position, eta, phi = np.full((n, 4), np.nan), np.full(n, np.nan), np.full(n, np.nan)
    start = np.ascontiguousarray(particles.vertex, np.float64)
    momentum = np.ascontiguousarray(particles.momentum, np.float64)
    curvature = BEND * field * particles.charge.astype(np.float64)
    _propagate(momentum, start, curvature, float(radius), float(half_length), position, eta, phi)
    return Arrival(~np.isnan(eta), position, eta, phi)


# The direction turns at a constant rate k along the way s in the transverse plane: phi(s) = phi - k s.
@njit(cache=True, nogil=True)
@no_type_check
def _propagate(momentum, start, curvature, radius, half_length, position, eta, phi):
    for i in range(momentum.shape[0]):
        px, py, pz = momentum[i, 1], momentum[i, 2], momentum[i, 3]
        x, y, z = start[i, 1], start[i, 2], start[i, 3]
        if x * x + y * y > radius * radius or abs(z) > half_length:
            continue
        pt = sqrt(px * px + py * py)
        if pt == 0.0:
            if pz == 0.0:
                continue
            end_x, end_y, end_z = x, y, half_length if pz > 0.0 else -half_length
            time = abs(end_z - z) * momentum[i, 0] / abs(pz)
        else:
            ux, uy, k = px / pt, py / pt, curvature[i] / pt
            s = _to_end(z, pz / pt, half_length)
            if abs(k) * radius < _STRAIGHT:
                s = min(s, _line_to_side(x, y, ux, uy, radius))
                end_x, end_y = x + s * ux, y + s * uy
            else:
                s = min(s, _helix_to_side(x, y, ux, uy, k, radius))
                if s == inf:
                    continue
                turn_cos, turn_sin = cos(k * s), sin(k * s)
                end_x = x + (uy * (1.0 - turn_cos) + ux * turn_sin) / k
                end_y = y + (uy * turn_sin - ux * (1.0 - turn_cos)) / k
            end_z, time = z + s * pz / pt, s * momentum[i, 0] / pt
        position[i, 0] = start[i, 0] + time
        position[i, 1], position[i, 2], position[i, 3] = end_x, end_y, end_z
        r = sqrt(end_x * end_x + end_y * end_y)
        eta[i] = asinh(end_z / r) if r > 0.0 else copysign(inf, end_z)
        phi[i] = atan2(end_y, end_x)


@njit
@no_type_check
def _to_end(z, slope, half_length):
    if slope == 0.0:
        return inf
    return ((half_length if slope > 0 else -half_length) - z) / slope


@njit
@no_type_check
def _line_to_side(x, y, ux, uy, radius):
    along, across = x * ux + y * uy, x * uy - y * ux
    return sqrt(max(radius * radius - across * across, 0.0)) - along


@njit
@no_type_check
def _helix_to_side(x, y, ux, uy, k, radius):
    """Way along the circle up to the side; infinite if it lies inside.

    Seen from the circle's centre, the angle between the particle and the outward direction is `now`, and
    `out` (0 to pi) where the circle leaves the cylinder.
    """
    turn = 1.0 / abs(k)
    cx, cy = x + uy / k, y - ux / k
    c = sqrt(cx * cx + cy * cy)
    if c + turn < radius:
        return inf
    cosine = (radius * radius - c * c - turn * turn) / (2.0 * c * turn)
    out = acos(min(max(cosine, -1.0), 1.0))
    rx, ry = x - cx, y - cy
    now = atan2(cx * ry - cy * rx, cx * rx + cy * ry)
    if now < 0.0:
        now += 2.0 * pi
    if k > 0.0:  # clockwise: down to `out`
        return max(now - out, 0.0) * turn
    return max(2.0 * pi - out - now, 0.0) * turn
