"""Cells of the endcap: projective in pseudorapidity and azimuth, in layers one behind the other."""

from dataclasses import dataclass
from functools import cached_property
from math import cosh, pi, sinh

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.simulate.showers.calorimeter import Calorimeter
from femtobarn.simulate.showers.stacks import ENDCAP_LAYERS, ENDCAP_SILICON, endcap_like

LIGHT = 299.792458  #: mm/ns


@dataclass(frozen=True)
class Endcap:
    """The endcap at positive z; the cell of (layer, eta, phi) has number (layer * etas + eta) * phis + phi.

    The stack is `endcap_like`. The published toy has 24 x 96 cells in a layer (arXiv:2204.01681, its simulation of
    January 2022); the default is as fine as pile-up 200 needs.
    """

    etas: int = 96
    """Cells in pseudorapidity."""
    phis: int = 384
    """Cells around the beam."""
    eta: tuple[float, float] = (1.5, 3.0)
    """Range in pseudorapidity."""
    face: float = 3200.0
    """z of the front face, mm."""
    threshold: float = 0.5
    """Of a hit, in energies of a minimum-ionising particle at right angles."""
    field: float = 3.8
    """Tesla, between the beam and the face."""

    def __post_init__(self) -> None:
        if min(self.etas, self.phis) < 1 or not 0 < self.eta[0] < self.eta[1] or self.face <= 0:
            raise InputError(f"expected at least one cell, 0 < eta < eta and a face at z > 0, got {self}")
        if self.threshold < 0 or not np.isfinite(self.field):
            raise InputError(f"expected a threshold of 0 or more and a finite field, got {self}")

    @property
    def layers(self) -> int:
        """Number of layers."""
        return sum(ENDCAP_LAYERS)

    @property
    def electromagnetic(self) -> int:
        """Number of layers of the electromagnetic section."""
        return ENDCAP_LAYERS[0]

    @property
    def cells(self) -> int:
        """Number of all cells."""
        return self.layers * self.etas * self.phis

    @cached_property
    def calorimeter(self) -> Calorimeter:
        """The stack at right angles."""
        return endcap_like()

    @cached_property
    def z(self) -> Float[np.ndarray, " layer"]:
        """Middle of the silicon of each layer, mm."""
        return self.face + self.calorimeter.depth[1:] - ENDCAP_SILICON / 2

    @cached_property
    def mip(self) -> Float[np.ndarray, " layer"]:
        """Energy (GeV) measured in each layer of a minimum-ionising particle at right angles."""
        return self.calorimeter.each(lambda section: section.mip * section.thickness) / 1e3

    @property
    def moliere_radius(self) -> float:
        """Of the electromagnetic section, mm."""
        return self.calorimeter.medium.moliere_radius

    def layer_of(self, cell: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Layer of each cell, from 0."""
        return cell // (self.etas * self.phis)

    def place(
        self, cell: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Pseudorapidity, azimuth and z (mm) of the middle of each cell."""
        low, high = self.eta
        eta = low + (high - low) * ((cell // self.phis) % self.etas + 0.5) / self.etas
        phi = 2 * pi * (cell % self.phis + 0.5) / self.phis - pi
        return eta, phi, self.z[self.layer_of(cell)]

    def position(self, cell: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n 3"]:
        """x, y and z of the middle of each cell, mm."""
        eta, phi, z = self.place(cell)
        r = z / np.sinh(eta)
        return np.column_stack((r * np.cos(phi), r * np.sin(phi), z))

    def size(self, cell: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Half of the diagonal of each cell, mm."""
        eta, _, z = self.place(cell)
        r = z / np.sinh(eta)
        height = r / np.tanh(eta) * (self.eta[1] - self.eta[0]) / self.etas
        return 0.5 * np.hypot(height, 2 * pi * r / self.phis)

    def radii(self) -> tuple[float, float]:
        """Inner and outer radius of the face, mm."""
        return self.face / sinh(self.eta[1]), self.face / sinh(self.eta[0])

    def stretch(self, eta: float) -> float:
        """1 / cos(theta) at a pseudorapidity."""
        return cosh(eta) / sinh(eta)
