"""What an interferometer on Earth sees of a gravitational wave: antenna patterns and times of arrival.

Directions are fixed to the Earth: longitude and latitude of the point above which the source stands, in radians.
A source at right ascension a stands above the longitude a - GMST.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from femtobarn.errors import check_known

LIGHT = 299_792_458.0  #: m/s
Angles = Float[np.ndarray, "_"]


class Interferometer(NamedTuple):
    """Place of the beam splitter, m from the centre of the Earth, and unit vectors along the arms.

    All are in the axes of the Earth: x to 0 degrees longitude, z to the north.
    """

    vertex: tuple[float, float, float]
    x_arm: tuple[float, float, float]
    y_arm: tuple[float, float, float]

    @property
    def response(self) -> Float64[np.ndarray, "3 3"]:
        """Tensor D with h = D_ij h_ij."""
        x, y = np.array(self.x_arm), np.array(self.y_arm)
        return (np.outer(x, x) - np.outer(y, y)) / 2


#: LIGO-P000006 (Althouse et al. 2001, doi:10.1063/1.1362645), Virgo as in gr-qc/0008066, table I.
INTERFEROMETERS = {
    "H1": Interferometer(
        (-2161414.92636, -3834695.17889, 4600350.22664),
        (-0.22389266154, 0.79983062746, 0.55690487831),
        (-0.91397818574, 0.02609403989, -0.40492342125),
    ),
    "L1": Interferometer(
        (-74276.04472380, -5496283.71971, 3224257.01744),
        (-0.95457412153, -0.14158077340, -0.26218911324),
        (0.29774156894, -0.48791033647, -0.82054461286),
    ),
    "V1": Interferometer(
        (4546374.09900, 842989.69763, 4378576.96241),
        (-0.70045821479, 0.20848948619, 0.68256166277),
        (-0.05379255368, -0.96908180549, 0.24080451708),
    ),
}


def interferometer(name: str) -> Interferometer:
    """H1, L1 or V1.

    Raises:
        InputError: Another name.
    """
    check_known("interferometer", [name], INTERFEROMETERS)
    return INTERFEROMETERS[name]


def antenna_pattern(
    name: str, longitude: Angles, latitude: Angles, polarisation: Angles
) -> tuple[Float64[np.ndarray, "_"], Float64[np.ndarray, "_"]]:
    """Responses (plus, cross) of a detector small against the wave: its strain is plus h_plus + cross h_cross.

    Args:
        name: H1, L1 or V1.
        longitude, latitude: Above which the source stands, radians.
        polarisation: Angle psi from the west towards the north to the x axis of the wave, radians.

    Source: gr-qc/0008066, appendix B (there with the hour angle, minus the longitude).
    """
    sine, cosine, one = np.sin(longitude), np.cos(longitude), np.ones_like(longitude)
    west = np.stack((sine, -cosine, 0 * one), axis=-1)
    north = np.stack((-cosine * np.sin(latitude), -sine * np.sin(latitude), np.cos(latitude) * one), axis=-1)
    turn = np.exp(1j * polarisation)[:, None]
    x, y = turn.real * west + turn.imag * north, turn.real * north - turn.imag * west
    response = interferometer(name).response
    along_x, along_y, across = (np.einsum("ei,ij,ej->e", a, response, b) for a, b in ((x, x), (y, y), (x, y)))
    return along_x - along_y, 2 * across


def arrival(name: str, longitude: Angles, latitude: Angles) -> Float64[np.ndarray, "_"]:
    """Time in s at which a wave front reaches the detector, after it reaches the centre of the Earth."""
    source = np.stack(
        (np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)),
        axis=-1,
    )
    return -source @ np.array(interferometer(name).vertex) / LIGHT


def light_travel(one: str, other: str) -> float:
    """Longest difference of the times of arrival at two detectors, s: 10.0 ms from H1 to L1."""
    apart = np.subtract(interferometer(one).vertex, interferometer(other).vertex)
    return float(np.linalg.norm(apart) / LIGHT)
