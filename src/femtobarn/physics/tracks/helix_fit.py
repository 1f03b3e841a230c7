"""Helices through the hits of tracks: curvature, phi, d0, cot theta, z0, with errors, chi^2 and pulls."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

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
_SHORTEST = 1.0  # mm across the beam that a track has to span to be fitted
_OVERLAP = 8.0  # mm between two hits of one layer


class HelixFits(NamedTuple):
    """One row a track, in the order of `label`."""

    label: Int[np.ndarray, "track"]
    parameter: Float[
        np.ndarray, "track 5"
    ]  # see `PARAMETERS`; NaN if all hits are within 1 mm or on no helix
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
    name, first, count = name[good], first[good], count[good]
    table = np.zeros((max(_VOLUMES) + 1, 4))
    for volume, row in _VOLUMES.items():
        table[volume] = row
    parameter, error, chi2 = (np.full((len(name), columns), np.nan) for columns in (5, 5, 2))
    for size in np.unique(count):  # tracks of one length at once
        own = np.flatnonzero(count == size)
        rows = member[first[own, None] + np.arange(size)]
        span = np.linalg.norm(np.ptp(hits.position[rows, :2], axis=1), axis=1)
        own, rows = own[span > _SHORTEST], rows[span > _SHORTEST]
        parameter[own], error[own], chi2[own] = _fits(
            hits.position[rows].astype(np.float64), table[hits.volume[rows]], field, matter
        )
    return HelixFits(name, parameter, error, chi2, count)


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
    k, cot = -_BEND * field * charge / pt, momentum[:, 2] / pt
    phi, d0, way = _nearest(vertex[:, :2], momentum[:, :2] / pt[:, None], k)
    return np.stack((k, phi, d0, cot, vertex[:, 2] - way * cot), axis=1)


def _fits(
    points: Float[np.ndarray, "track hit 3"],
    kind: Float[np.ndarray, "track hit 4"],
    field: float,
    matter: float,
) -> tuple[Float[np.ndarray, "track 5"], Float[np.ndarray, "track 5"], Float[np.ndarray, "track 2"]]:
    """Parameters, errors and chi^2 of tracks that have the same number of hits."""
    k, phi, d0 = _start(points)
    chord = np.hypot(points[..., 0] - points[:, :1, 0], points[..., 1] - points[:, :1, 1])
    cot = (points[:, -1, 2] - points[:, 0, 2]) / np.maximum(chord[:, -1], 1e-6)
    kick = _kicks(chord, kind, _BEND * field / np.maximum(np.abs(k), 1e-7), cot) * matter + 1e-24
    inverse = np.linalg.inv(_covariance(chord, kind[..., 0] ** 2 / 12, kick))
    for _ in range(_STEPS):
        residual, jacobian = _off_circle(points, k, phi, d0)
        weighted = np.swapaxes(jacobian, 1, 2) @ inverse
        normal = _regular(weighted @ jacobian)
        step = np.linalg.solve(normal, weighted @ residual[..., None])[..., 0]
        k, phi, d0 = k - step[:, 0], phi - step[:, 1], d0 - step[:, 2]
    residual, _ = _off_circle(points, k, phi, d0)
    chi2_circle = np.einsum("ti,tij,tj->t", residual, inverse, residual)

    way = _way(points, k, phi, d0)
    line = np.stack((np.ones_like(way), way), axis=2)
    slope = cot[:, None] ** 2
    variance = kind[..., 1] ** 2 / 12 * np.where(kind[..., 3] > 0, 1.0, slope) + 1e-12
    inverse = np.linalg.inv(_covariance(way, variance, kick * (1 + slope)))
    weighted = np.swapaxes(line, 1, 2) @ inverse
    covariance = np.linalg.inv(_regular(weighted @ line))
    z0, cot = (covariance @ (weighted @ points[..., 2:]))[..., 0].T
    off = points[..., 2] - z0[:, None] - cot[:, None] * way
    chi2_line = np.einsum("ti,tij,tj->t", off, inverse, off)
    variances = (
        np.linalg.inv(normal).diagonal(axis1=1, axis2=2),
        covariance.diagonal(axis1=1, axis2=2)[:, ::-1],
    )
    parameter = np.stack((k, (phi + np.pi) % (2 * np.pi) - np.pi, d0, cot, z0), axis=1)
    variance = np.concatenate(variances, axis=1)
    error = np.sqrt(np.where(variance > 0, variance, np.nan))  # rounding, where hits hardly tell a helix
    return parameter, error, np.stack((chi2_circle, chi2_line), axis=1)


def _regular(matrices: Float[np.ndarray, "track n n"]) -> Float[np.ndarray, "track n n"]:
    """The matrices, NaN those that have no inverse: hits that belong to no helix may lie so."""
    with np.errstate(all="ignore"):
        determinant = np.linalg.det(matrices)
    good = np.isfinite(determinant) & (determinant != 0)
    return np.where(good[:, None, None], matrices, np.nan)


def _start(points: Float[np.ndarray, "track hit 3"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Curvature, phi and d0 of the circle through the first, the middle and the last hit."""
    a = points[:, 0, :2]
    b, c = points[:, points.shape[1] // 2, :2] - a, points[:, -1, :2] - a
    near = np.maximum(np.hypot(*b.T), 1e-9)
    k = (
        2
        * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
        / np.maximum(near * np.hypot(*c.T) * np.hypot(*(c - b).T), 1e-9)
    )
    sine = np.clip(0.5 * k * near, -1, 1)
    cosine = np.sqrt(1 - sine**2)
    tangent = (
        np.stack((b[:, 0] * cosine + b[:, 1] * sine, b[:, 1] * cosine - b[:, 0] * sine), axis=1)
        / near[:, None]
    )
    phi, d0, _ = _nearest(a, tangent, k)
    return k, phi, d0


def _nearest(
    point: Float[np.ndarray, "track 2"], tangent: Float[np.ndarray, "track 2"], k: Float[np.ndarray, "track"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Direction and d0 at the point of the circle nearest to the beam, and the way from there.

    The normals at both points meet in the centre of the circle.
    """
    (x, y), (tx, ty) = point.T, tangent.T
    nx, ny = -ty + k * x, tx + k * y
    size = np.hypot(nx, ny)
    d0 = (k * (x * x + y * y) + 2 * (tx * y - ty * x)) / (1 + size)
    phi = np.arctan2(-nx, ny)
    turn = np.arcsin(np.clip(np.cos(phi) * ty - np.sin(phi) * tx, -1, 1))
    along = x * np.cos(phi) + y * np.sin(phi)
    return phi, d0, np.where(np.abs(turn) > 1e-9, turn / np.where(k == 0, 1, k), along)


def _kicks(
    chord: Float[np.ndarray, "track hit"],
    kind: Float[np.ndarray, "track hit 4"],
    pt: Float[np.ndarray, "track"],
    cot: Float[np.ndarray, "track"],
) -> Float[np.ndarray, "track hit"]:
    """Variance of the angle by which each hit's layer scatters; of two hits that overlap only one counts."""
    beta2 = 1 / (1 + _PION**2 / (pt**2 * (1 + cot**2)))
    lean = np.sqrt(1 + cot**2) / np.maximum(np.abs(cot), 0.1)
    thick = kind[..., 2] * np.where(kind[..., 3] > 0, 1.0, lean[:, None])
    double = (np.abs(np.diff(chord, axis=1)) < _OVERLAP) & (np.diff(kind[..., 2], axis=1) == 0)
    thick[:, 1:][double] = 0.0
    return (0.0136 / pt[:, None]) ** 2 / beta2[:, None] * thick


def _covariance(
    way: Float[np.ndarray, "track hit"],
    variance: Float[np.ndarray, "track hit"],
    kick: Float[np.ndarray, "track hit"],
) -> Float[np.ndarray, "track hit hit"]:
    """Of positions across the way: each measured by itself, all behind a layer moved together by its kick."""
    lever = np.maximum(way[:, :, None] - way[:, None, :], 0)  # of each hit from each layer before it
    moved: np.ndarray = np.einsum("tim,tjm,tm->tij", lever, lever, kick)
    moved[:, np.arange(way.shape[1]), np.arange(way.shape[1])] += variance
    return moved


def _off_circle(
    points: Float[np.ndarray, "track hit 3"], k: np.ndarray, phi: np.ndarray, d0: np.ndarray
) -> tuple[Float[np.ndarray, "track hit"], Float[np.ndarray, "track hit 3"]]:
    """Distance of each hit from the circle, positive outside of a turn to the left, and its derivatives."""
    k, c, s, d0 = (each[:, None] for each in (k, np.cos(phi), np.sin(phi), d0))
    along, across = points[..., 0] * c + points[..., 1] * s, points[..., 1] * c - points[..., 0] * s
    square = along**2 + (across - d0) ** 2
    m = k * square - 2 * (across - d0)
    root = np.sqrt(np.maximum(1 + k * m, 1e-12))
    off = m / (1 + root)
    slopes = (square - off**2) / 2, along * (1 + k * d0), 1 - k * (across - d0)
    return off, np.stack(slopes, axis=2) / root[..., None]


def _way(
    points: Float[np.ndarray, "track hit 3"], k: np.ndarray, phi: np.ndarray, d0: np.ndarray
) -> Float[np.ndarray, "track hit"]:
    """Along the circle from the point nearest to the beam."""
    k, c, s, d0 = (each[:, None] for each in (k, np.cos(phi), np.sin(phi), d0))
    dx, dy = points[..., 0] + d0 * s, points[..., 1] - d0 * c
    near = np.hypot(dx, dy)
    half = np.clip(0.5 * k * near, -1, 1)
    way = np.where(np.abs(half) < 1e-7, near, 2 * np.arcsin(half) / np.where(k == 0, 1, k))
    return np.where(dx * c + dy * s < 0, -way, way)
