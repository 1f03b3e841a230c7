"""Helices through the hits of tracks: curvature, phi, d0, cot theta, z0, with errors, chi^2 and pulls."""

from math import asin, cos, sin, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits

#: Names of the parameters, at the point nearest to the beam: 1/mm, positive for a turn to the left; rad; mm, positive
#: if the beam is to the right of the track; 1; mm.
PARAMETERS = ("curvature", "phi", "d0", "cot_theta", "z0")
_BEND = 2.99792458e-4  # pT (GeV) times curvature (1/mm) over the field (T)
_PION = 0.13957
#: By volume: pitch along u and v (mm), radiation lengths of a layer, whether it is a barrel.
_VOLUMES = {
    7: (0.05, 0.05625, 0.0172, 0), 8: (0.05, 0.05625, 0.0172, 1), 9: (0.05, 0.05625, 0.0172, 0),
    12: (0.08, 1.2, 0.0287, 0), 13: (0.08, 1.2, 0.0235, 1), 14: (0.08, 1.2, 0.0287, 0),
    16: (0.12, 10.4, 0.0402, 0), 17: (0.12, 10.8, 0.0298, 1), 18: (0.12, 10.4, 0.0402, 0),
}  # fmt: skip
_LEAST_HITS, _STEPS = 4, 6


class HelixFits(NamedTuple):
    """One row a track, in the order of `label`."""

    label: Int[np.ndarray, "track"]
    parameter: Float[np.ndarray, "track 5"]  # see `PARAMETERS`; NaN where the fit failed
    error: Float[np.ndarray, "track 5"]
    chi2: Float[np.ndarray, "track 2"]  # of the circle and of the line
    hits: Int[np.ndarray, "track"]

    def pt(self, field: float = 2.0) -> Float[np.ndarray, "track"]:
        """Transverse momentum in GeV; infinite for a straight line."""
        with np.errstate(divide="ignore"):
            return _BEND * field / np.abs(self.parameter[:, 0])


def fit_helix(
    hits: Hits, label: Int[np.ndarray, "hit"], *, field: float = 2.0, matter: float = 1.0
) -> HelixFits:
    """Helix of each track of at least four hits, by generalised least squares.

    A circle in the transverse plane, then a line of z against the way on it. The covariance of the hits has the
    channels' pitch / sqrt(12) and the scattering in all layers before, by the formula of Highland for pions. Measured
    positions of the TrackML challenge are shifted by half the drift of charge in barrels, 9 to 16 micrometres, which
    is left in: it moves the curvature by one to two standard deviations, the same way for both charges.

    Args:
        hits: Of one event.
        label: Track of each hit, negative for none.
        field: In tesla.
        matter: Factor on the radiation lengths; 0 for hits without scattering.

    Raises:
        InputError: Not one label for each hit.
    """
    if len(label) != len(hits.position):
        raise InputError(f"expected one label for each of {len(hits.position)} hits, got {len(label)}")
    member = np.flatnonzero(label >= 0)
    distance = np.linalg.norm(hits.position[member], axis=1)
    member = member[np.lexsort((distance, label[member]))]
    name, first, count = np.unique(label[member], return_index=True, return_counts=True)
    good = count >= _LEAST_HITS
    table = np.zeros((max(_VOLUMES) + 1, 4))
    for volume, row in _VOLUMES.items():
        table[volume] = row
    parameter, error, chi2 = _fits(
        hits.position[member], table[hits.volume[member]], first[good], count[good], field, matter
    )
    return HelixFits(name[good], parameter, error, chi2, count[good])


def helix_pulls(
    fits: HelixFits, hits: Hits, particle: Int[np.ndarray, "track"], *, field: float = 2.0
) -> tuple[Float[np.ndarray, "track 5"], Bool[np.ndarray, "track"]]:
    """Fitted less true parameters in units of the errors, and which tracks have a particle to compare with.

    Args:
        fits: Of tracks of `hits`.
        hits: Of one event, with truth.
        particle: Row of each track's particle, -1 for none.
        field: In tesla.

    Raises:
        InputError: Hits without truth.
    """
    if hits.particles is None:
        raise InputError("expected hits with truth")
    known = hits.particles
    true = _at_beam(
        known.vertex[particle], known.momentum[particle], known.charge[particle].astype(np.float64), field
    )
    difference = fits.parameter - true
    difference[:, 1] = (difference[:, 1] + np.pi) % (2 * np.pi) - np.pi
    return difference / fits.error, (particle >= 0) & np.isfinite(fits.parameter).all(axis=1)


def _at_beam(
    vertex: Float[np.ndarray, "n 3"],
    momentum: Float[np.ndarray, "n 3"],
    charge: Float[np.ndarray, "n"],
    field: float,
) -> Float[np.ndarray, "n 5"]:
    """The helix of a particle at the point nearest to the beam."""
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    tx, ty = momentum[:, 0] / pt, momentum[:, 1] / pt
    k = -_BEND * field * charge / pt
    x, y = vertex[:, 0], vertex[:, 1]
    # The normal at the vertex and that at the nearest point meet in the centre of the circle.
    bx, by = -ty + k * x, tx + k * y
    size = np.hypot(bx, by)
    nx, ny = bx / size, by / size
    m = k * (x * x + y * y) + 2 * (ty * -x + tx * y)
    d0 = m / (1 + size)
    phi = np.arctan2(-nx, ny)
    turn = np.arcsin(np.clip(np.cos(phi) * ty - np.sin(phi) * tx, -1, 1))
    along = x * np.cos(phi) + y * np.sin(phi)
    way = np.where(np.abs(turn) > 1e-9, turn / np.where(k == 0, 1, k), along)
    cot = momentum[:, 2] / pt
    return np.stack((k, phi, d0, cot, vertex[:, 2] - way * cot), axis=1)


@njit(cache=True, nogil=True)
@no_type_check
def _start(points):
    """Curvature, phi and d0 of the circle through the first, the middle and the last point."""
    n = len(points)
    a, b, c = points[0], points[n // 2], points[n - 1]
    bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    ex, ey = cx - bx, cy - by
    length = sqrt((bx * bx + by * by) * (cx * cx + cy * cy) * (ex * ex + ey * ey))
    k = 2.0 * (bx * cy - by * cx) / length if length > 0.0 else 0.0
    near = sqrt(bx * bx + by * by)
    s = min(max(0.5 * k * near, -1.0), 1.0)
    w = sqrt(1.0 - s * s)
    tx, ty = (bx * w + by * s) / near, (by * w - bx * s) / near
    nx, ny = -ty + k * a[0], tx + k * a[1]
    size = sqrt(nx * nx + ny * ny)
    m = k * (a[0] ** 2 + a[1] ** 2) + 2.0 * (-ty * a[0] + tx * a[1])
    return k, np.arctan2(-nx, ny), m / (1.0 + size)


@njit
@no_type_check
def _covariance(way, variance, kick):
    """Of positions across the way: each measured by itself, all behind a layer moved together by its kick."""
    n = len(way)
    v = np.zeros((n, n))
    for i in range(n):
        v[i, i] = variance[i]
        for j in range(i, n):
            total = 0.0
            for m in range(i):
                total += kick[m] * (way[i] - way[m]) * (way[j] - way[m])
            v[i, j] += total
            if j > i:
                v[j, i] += total
    return v


@njit(cache=True, nogil=True)
@no_type_check
def _fits(position, kinds, first, count, field, matter):
    tracks = len(first)
    parameter, error, chi2 = (
        np.full((tracks, 5), np.nan),
        np.full((tracks, 5), np.nan),
        np.full((tracks, 2), np.nan),
    )
    for t in range(tracks):
        points, kind = position[first[t] : first[t] + count[t]], kinds[first[t] : first[t] + count[t]]
        n = len(points)
        if np.abs(points[1:, :2] - points[0, :2]).max() == 0.0:
            continue
        k, phi, d0 = _start(points)
        chord = np.sqrt((points[:, 0] - points[0, 0]) ** 2 + (points[:, 1] - points[0, 1]) ** 2)
        pt = _BEND * field / max(abs(k), 1e-7)
        cot = (points[n - 1, 2] - points[0, 2]) / max(chord[n - 1], 1e-6)
        beta = 1.0 / sqrt(1.0 + _PION**2 / (pt * pt * (1.0 + cot * cot)))
        thick = np.empty(n)
        for i in range(n):  # of two hits that overlap only one has the layer's matter
            double = i > 0 and abs(chord[i] - chord[i - 1]) < 8.0 and kind[i, 2] == kind[i - 1, 2]
            lean = 1.0 if kind[i, 3] > 0.0 else sqrt(1.0 + cot * cot) / max(abs(cot), 0.1)
            thick[i] = 1e-12 if double else kind[i, 2] * matter * lean + 1e-12
        kick = (0.0136 / (beta * pt)) ** 2 * thick
        inverse = np.linalg.inv(_covariance(chord, kind[:, 0] ** 2 / 12.0, kick))
        jacobian, residual = np.empty((n, 3)), np.empty(n)
        normal = np.eye(3)
        for _ in range(_STEPS):
            c, s = cos(phi), sin(phi)
            for i in range(n):
                across, along = -points[i, 0] * s + points[i, 1] * c, points[i, 0] * c + points[i, 1] * s
                square = along * along + (across - d0) ** 2
                m = k * square - 2.0 * (across - d0)
                root = sqrt(max(1.0 + k * m, 1e-12))
                residual[i] = m / (1.0 + root)
                jacobian[i, 0] = (square - residual[i] ** 2) / (2.0 * root)
                jacobian[i, 1] = along * (1.0 + k * d0) / root
                jacobian[i, 2] = (1.0 - k * (across - d0)) / root
            weighted = jacobian.T @ inverse
            normal = weighted @ jacobian
            step = np.linalg.solve(normal, weighted @ residual)
            k, phi, d0 = k - step[0], phi - step[1], d0 - step[2]
        covariance = np.linalg.inv(normal)
        chi2[t, 0] = residual @ inverse @ residual
        c, s = cos(phi), sin(phi)
        way, line = np.empty(n), np.ones((n, 2))
        for i in range(n):
            dx, dy = points[i, 0] + d0 * s, points[i, 1] - d0 * c
            near = sqrt(dx * dx + dy * dy)
            half = min(max(0.5 * k * near, -1.0), 1.0)
            way[i] = near if abs(half) < 1e-7 else 2.0 * asin(half) / k
            if dx * c + dy * s < 0.0:
                way[i] = -way[i]
            line[i, 1] = way[i]
        variance = kind[:, 1] ** 2 / 12.0 * np.where(kind[:, 3] > 0.0, 1.0, cot * cot)
        inverse = np.linalg.inv(_covariance(way, variance + 1e-12, kick * (1.0 + cot * cot)))
        weighted = line.T @ inverse
        normal_z = np.linalg.inv(weighted @ line)
        z0, cot = normal_z @ (weighted @ points[:, 2].copy())
        off = points[:, 2] - z0 - cot * way
        chi2[t, 1] = off @ inverse @ off
        parameter[t] = np.array([k, (phi + np.pi) % (2.0 * np.pi) - np.pi, d0, cot, z0])
        error[t, :3] = np.sqrt(np.diag(covariance))
        error[t, 3], error[t, 4] = sqrt(normal_z[1, 1]), sqrt(normal_z[0, 0])
    return parameter, error, chi2
