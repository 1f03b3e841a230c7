"""Charged particles through the tracker, layer by layer: a kick, a loss and a crossing of modules at each."""

from math import inf, log, pi, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, UInt64

from femtobarn.compiled import njit
from femtobarn.simulate.detector.propagation import BEND
from femtobarn.simulate.tracker.draws import normal, uniform
from femtobarn.simulate.tracker.geometry import modules
from femtobarn.simulate.tracker.helix import moved, to_cylinder
from femtobarn.simulate.tracker.surfaces import cylinders, disks, rings

_MOST_STEPS = 100
_LEAST_MOMENTUM = 0.03  # GeV; what is slower stops
STEEPEST = 10.0  #: tangent of the angle to the normal beyond which no hit of the challenge lies
_DRAWS = 8  # random numbers kept for each step
_MOYAL_MEAN, _MOYAL_WIDTH = 1.2703628, 0.12  # mean of -ln n^2 for a normal n, its scale over the mean loss


class Crossings(NamedTuple):
    """Where particles cross modules, in the middle of the sensor."""

    particle: Int[np.ndarray, "crossing"]  # row of the particle, -1 for noise
    module: Int[np.ndarray, "crossing"]  # row of `modules()`
    local: Float[np.ndarray, "crossing 4"]  # u, v (mm), du/dw, dv/dw
    position: Float[np.ndarray, "crossing 3"]
    momentum: Float[np.ndarray, "crossing 3"]


class Track(NamedTuple):
    """Start of a particle, as the loops want it."""

    position: Float[np.ndarray, "particle 3"]
    momentum: Float[np.ndarray, "particle 3"]
    charge: Float[np.ndarray, "particle"]
    mass: Float[np.ndarray, "particle"]
    hadron: Float[np.ndarray, "particle"]  # 1 if it may interact with nuclei, else 0
    keys: UInt64[np.ndarray, "particle"]


def transport(
    tracks: Track, *, field: tuple[Float[np.ndarray, "z"], Float[np.ndarray, "z"]], material: float, inefficiency: float
) -> Crossings:  # fmt: skip
    """Crossings of all tracks, each up to the point farthest from the beam.

    At each layer comes first the crossing of its modules, then the layer's whole matter in one: multiple scattering
    by the formula of Highland in two planes (Review of Particle Physics 2024, eq. 34.16), a loss of energy with the
    distribution of Moyal, whose mean rises as beta^(-5/3), and the end of a hadron in a nuclear interaction. There
    are no delta rays, no showers and no decays.

    Args:
        tracks: Where and how they start; their keys are all the randomness there is.
        field: Rising |z| in mm and the field there in tesla; linear between, constant beyond.
        material: Factor on all matter; 0 for none.
        inefficiency: Probability that a crossing is not seen.
    """
    found = _transport(*tracks, *field, material, inefficiency, cylinders(), disks(), rings(), modules()[4:])
    return Crossings(*found)


@njit(inline="always")
@no_type_check
def _field(z, places, values):
    """Field along z, and the radial one over r: minus half the slope of the former, as no field has sources."""
    far, last = abs(z), len(places) - 1
    if far <= places[0]:
        return values[0], 0.0
    for i in range(last):
        if far < places[i + 1]:
            rise = (values[i + 1] - values[i]) / (places[i + 1] - places[i])
            return values[i] + rise * (far - places[i]), -0.5 * rise * (1.0 if z > 0.0 else -1.0)
    return values[last], 0.0


@njit(inline="always")
@no_type_check
def _next(x, y, z, ux, uy, slope, k, ring, disk, radii, zs):
    """Way to the next surface, whether it is a cylinder, and its index."""
    s, barrel, index = inf, True, -1
    if x * ux + y * uy < 0.0 and ring > 0:
        s, index = to_cylinder(x, y, ux, uy, k, radii[ring - 1]), ring - 1
    if s == inf and ring < len(radii):
        s, index = to_cylinder(x, y, ux, uy, k, radii[ring]), ring
    if slope > 0.0 and disk < len(zs):
        ahead = (zs[disk] - z) / slope
        if ahead < s:
            s, barrel, index = ahead, False, disk
    elif slope < 0.0 and disk > 0:
        ahead = (zs[disk - 1] - z) / slope
        if ahead < s:
            s, barrel, index = ahead, False, disk - 1
    return s, barrel, index


@njit
@no_type_check
def _modules_met(x, y, z, ux, uy, slope, k, layer, barrel, rings, shapes, found):
    """The modules of a layer that the track meets near this point; the number of them."""
    centre, rotation, half = shapes
    phi, r = np.arctan2(y, x), sqrt(x * x + y * y)
    reach = rings.depth[layer] * (abs(slope) if barrel else 1.0 / max(abs(slope), 1e-6)) + 1.0
    n = 0
    for ring in range(rings.first[layer], rings.first[layer + 1]):
        if abs((z if barrel else r) - rings.place[ring]) > rings.half[ring] + reach:
            continue
        count = rings.size[ring]
        middle = int((phi + pi) / (2.0 * pi) * count)
        beside = int(rings.wide[ring] * count / (2.0 * pi * r) + 1.0)
        for step in range(-beside, beside + 1):
            m = rings.rows[rings.start[ring] + (middle + step) % count]
            wx, wy, wz = rotation[m, 0, 2], rotation[m, 1, 2], rotation[m, 2, 2]
            cx, cy, cz = centre[m, 0], centre[m, 1], centre[m, 2]
            rise = wx * ux + wy * uy + wz * slope
            if abs(rise) < 1e-3:
                continue
            s = (wx * (cx - x) + wy * (cy - y) + wz * (cz - z)) / rise
            px, py, pz = x + s * ux - cx, y + s * uy - cy, z + s * slope - cz
            u = rotation[m, 0, 0] * px + rotation[m, 1, 0] * py + rotation[m, 2, 0] * pz
            v = rotation[m, 0, 1] * px + rotation[m, 1, 1] * py + rotation[m, 2, 1] * pz
            spare = 1.0 + abs(k) * s * s
            if (
                abs(v) > half[m, 2] + spare * (1.0 + abs(slope))
                or abs(u) > max(half[m, 0], half[m, 1]) + spare
            ):
                continue
            for _ in range(4):  # Newton from the straight line: 1e-10 mm after two or three steps
                hx, hy, dx, dy = moved(x, y, ux, uy, k, s)
                off = wx * (hx - cx) + wy * (hy - cy) + wz * (z + s * slope - cz)
                rise = wx * dx + wy * dy + wz * slope
                s -= off / rise
                if abs(off) < 1e-9:
                    break
            hx, hy, dx, dy = moved(x, y, ux, uy, k, s)
            px, py, pz = hx - cx, hy - cy, z + s * slope - cz
            u = rotation[m, 0, 0] * px + rotation[m, 1, 0] * py + rotation[m, 2, 0] * pz
            v = rotation[m, 0, 1] * px + rotation[m, 1, 1] * py + rotation[m, 2, 1] * pz
            width = half[m, 0] + (half[m, 1] - half[m, 0]) * (0.5 + 0.5 * v / half[m, 2])
            if abs(v) > half[m, 2] or abs(u) > width or n == len(found):
                continue
            rise = wx * dx + wy * dy + wz * slope
            found[n, 0], found[n, 1], found[n, 2] = m, u, v
            found[n, 3] = (rotation[m, 0, 0] * dx + rotation[m, 1, 0] * dy + rotation[m, 2, 0] * slope) / rise
            found[n, 4] = (rotation[m, 0, 1] * dx + rotation[m, 1, 1] * dy + rotation[m, 2, 1] * slope) / rise
            if found[n, 3] ** 2 + found[n, 4] ** 2 > STEEPEST * STEEPEST:
                continue
            found[n, 5], found[n, 6], found[n, 7] = hx, hy, z + s * slope
            found[n, 8], found[n, 9] = dx, dy
            n += 1
    return n


@njit(inline="always")
@no_type_check
def _through_matter(ux, uy, slope, p, mass, x0, loss, key, draw):
    """Direction, slope and momentum behind matter that is `x0` radiation lengths thick along the track."""
    energy = sqrt(p * p + mass * mass)
    beta = p / energy
    angle = 0.0136 / (beta * p) * sqrt(x0) * max(1.0 + 0.038 * log(x0), 0.1)
    length = sqrt(1.0 + slope * slope)
    across = angle * normal(key, draw) * length  # over the cosine of the angle to the transverse plane
    tilt = angle * normal(key, draw + 2)
    c = 1.0 / sqrt(1.0 + across * across)
    ux, uy = (ux - uy * across) * c, (uy + ux * across) * c
    slope = (slope + tilt) / max(1.0 - slope * tilt, 1e-3)
    deviate = normal(key, draw + 4)
    scale = -log(deviate * deviate + 1e-12) - _MOYAL_MEAN
    energy -= max(loss * beta ** (-5.0 / 3.0) * (1.0 + _MOYAL_WIDTH * scale), 0.0)
    return ux, uy, slope, sqrt(max(energy * energy - mass * mass, 0.0))


@njit
@no_type_check
def _grown(array):
    larger = np.empty((2 * len(array), array.shape[1]))
    larger[: len(array)] = array
    return larger


@njit(cache=True, nogil=True)
@no_type_check
def _transport(
    position, momentum, charge, mass, hadron, keys, places, values, material, inefficiency, cylinders,
    disks, rings, shapes,
):  # fmt: skip
    table, rows = np.empty((16 * len(charge) + 64, 12)), 0
    found = np.empty((12, 10))
    for i in range(len(charge)):
        x, y, z = position[i, 0], position[i, 1], position[i, 2]
        pt = sqrt(momentum[i, 0] ** 2 + momentum[i, 1] ** 2)
        if charge[i] == 0.0 or pt == 0.0:
            continue
        ux, uy, slope = momentum[i, 0] / pt, momentum[i, 1] / pt, momentum[i, 2] / pt
        p = sqrt(pt * pt + momentum[i, 2] ** 2)
        ring = np.searchsorted(cylinders.at, sqrt(x * x + y * y) + 1e-9)
        disk = np.searchsorted(disks.at, z)
        turned, outwards, key = 0.0, False, keys[i]
        for step in range(_MOST_STEPS):
            bend = BEND * charge[i] / p * sqrt(1.0 + slope * slope)
            along, radial_field = _field(z, places, values)
            k = bend * (along - slope * radial_field * (x * ux + y * uy))
            s, barrel, index = _next(x, y, z, ux, uy, slope, k, ring, disk, cylinders.at, disks.at)
            if s == inf:
                break
            along, radial_field = _field(z + slope * s / 2.0, places, values)  # in the middle of the way
            k = bend * (along - slope * radial_field * (x * ux + y * uy + s / 2.0))
            s, barrel, index = _next(x, y, z, ux, uy, slope, k, ring, disk, cylinders.at, disks.at)
            turned += abs(k) * s
            if s == inf or turned > pi:
                break
            outwards |= x * ux + y * uy >= 0.0
            across = x * uy - y * ux
            x, y, ux, uy = moved(x, y, ux, uy, k, s)
            z += slope * s
            across = (across + x * uy - y * ux) / 2.0
            if radial_field != 0.0:
                pz = p * slope / sqrt(1.0 + slope * slope) - BEND * charge[i] * radial_field * across * s
                slope = pz / sqrt(max(p * p - pz * pz, 1e-12))
            radial = x * ux + y * uy
            if outwards and radial < 0.0:
                break
            r = sqrt(x * x + y * y)
            if barrel:
                reach, layer, matter = cylinders.reach[index], cylinders.layer[index], cylinders.matter[index]
                inside = abs(z) <= reach[1]
                ring = index + 1 if radial >= 0.0 else index
                cosine = abs(radial) / r
            else:
                reach, layer, matter = disks.reach[index], disks.layer[index], disks.matter[index]
                inside = reach[0] <= r <= reach[1]
                disk = index + 1 if slope > 0.0 else index
                cosine = abs(slope) / sqrt(1.0 + slope * slope)
            draw = _DRAWS * 2 * step
            if layer >= 0:  # modules that lean or stand off may be met beyond the ends of the surface
                n = _modules_met(x, y, z, ux, uy, slope, k, layer, barrel, rings, shapes, found)
                for j in range(n):
                    if inefficiency > 0.0 and uniform(key, draw + _DRAWS + j) < inefficiency:
                        continue
                    if rows == len(table):
                        table = _grown(table)
                    share = p / sqrt(1.0 + slope * slope)
                    table[rows, 0] = i
                    table[rows, 1:9] = found[j, :8]
                    table[rows, 9], table[rows, 10] = share * found[j, 8], share * found[j, 9]
                    table[rows, 11] = share * slope
                    rows += 1
            if inside and material > 0.0:
                thick = material / max(cosine, 0.02)
                if hadron[i] > 0.0 and uniform(key, draw + 6) < 1.0 - np.exp(-matter[1] * thick):
                    break
                ux, uy, slope, p = _through_matter(
                    ux, uy, slope, p, mass[i], matter[0] * thick, matter[2] * thick, key, draw
                )
                if p < _LEAST_MOMENTUM:
                    break
    table = table[:rows]
    return (
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        table[:, 2:6].copy(),
        table[:, 6:9].copy(),
        table[:, 9:12].copy(),
    )
