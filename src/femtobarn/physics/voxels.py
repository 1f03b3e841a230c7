"""The four voxel geometries of the CaloChallenge: cylinders around the axis of the incident particle.

A layer is cut into rings by radius and into equal slices by the azimuth alpha. In a row of voxels the layers
follow one another; inside a layer all rings of the first slice come first, then those of the second. Edges as
published (github.com/CaloChallenge/homepage, code/binning_dataset_*.xml; arXiv:2410.21611).
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import check_known


class VoxelLayer(NamedTuple):
    """One layer: its number in the detector, edges of the rings in mm, slices in alpha."""

    number: int
    r_edges: tuple[float, ...]
    slices: int

    @property
    def rings(self) -> int:
        """Rings of voxels."""
        return len(self.r_edges) - 1

    @property
    def voxels(self) -> int:
        """Rings times slices."""
        return self.rings * self.slices


@dataclass(frozen=True)
class VoxelGeometry:
    """The voxels of one data set. Arrays over voxels are in the order of the files."""

    name: str
    """As in `GEOMETRIES`."""
    particle: str
    """What hits the calorimeter."""
    pdg: int
    """Its PDG code."""
    layers: tuple[VoxelLayer, ...]
    """From front to back; layers without voxels are left out."""
    threshold: float
    """Energy in MeV below which a voxel reads zero when showers are compared."""

    @property
    def voxels(self) -> int:
        """Voxels in all layers."""
        return sum(layer.voxels for layer in self.layers)

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """Where each layer lies in a row of voxels."""
        ends = accumulate((layer.voxels for layer in self.layers), initial=0)
        return tuple(slice(start, stop) for start, stop in pairwise(ends))

    @cached_property
    def layer(self) -> Int[np.ndarray, " voxel"]:
        """Which of `layers` a voxel lies in."""
        return np.repeat(np.arange(len(self.layers)), [layer.voxels for layer in self.layers])

    @cached_property
    def radius(self) -> Float[np.ndarray, " voxel"]:
        """Middle of the ring of each voxel, mm."""
        edges = [np.asarray(layer.r_edges) for layer in self.layers]
        middles = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
        return np.concatenate(
            [np.tile(middle, layer.slices) for middle, layer in zip(middles, self.layers, strict=True)]
        )

    @cached_property
    def alpha(self) -> Float[np.ndarray, " voxel"]:
        """Middle of the slice of each voxel, in (-pi, pi)."""
        return np.concatenate(
            [
                np.repeat((np.arange(layer.slices) + 0.5) * (2 * np.pi / layer.slices) - np.pi, layer.rings)
                for layer in self.layers
            ]
        )

    @cached_property
    def x(self) -> Float[np.ndarray, " voxel"]:
        """Position of each voxel in the direction of eta, mm."""
        return self.radius * np.cos(self.alpha)

    @cached_property
    def y(self) -> Float[np.ndarray, " voxel"]:
        """Position of each voxel in the direction of phi, mm."""
        return self.radius * np.sin(self.alpha)

    def rotated(self, steps: int = 1) -> Int[np.ndarray, " voxel"]:
        """Voxels in an order that turns showers by so many slices of each layer: ``showers[:, order]``."""
        parts = [
            span.start + np.roll(np.arange(layer.voxels).reshape(layer.slices, layer.rings), steps, axis=0)
            for layer, span in zip(self.layers, self.spans, strict=True)
        ]
        return np.concatenate([part.ravel() for part in parts])


def geometry(name: str) -> VoxelGeometry:
    """The voxels of a data set.

    Args:
        name: "1-photons", "1-pions", "2" or "3".

    Raises:
        InputError: There is no such data set.
    """
    check_known("CaloChallenge data set", [name], GEOMETRIES)
    return GEOMETRIES[name]


def _even(rings: int, width: float) -> tuple[float, ...]:
    return tuple(round(width * ring, 4) for ring in range(rings + 1))


_PRESAMPLER = VoxelLayer(0, (0, 5, 10, 30, 50, 100, 200, 400, 600), 1)
_BACK = VoxelLayer(3, (0, 50, 100, 200, 400, 600), 1)
_TILE = (0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400)

_PHOTONS = (
    _PRESAMPLER,
    VoxelLayer(1, (0, 2, 4, 6, 8, 10, 12, 15, 20, 30, 40, 50, 70, 90, 120, 150, 200), 10),
    VoxelLayer(2, (0, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 300, 350, 400), 10),
    _BACK,
    VoxelLayer(12, (0, 100, 200, 400, 1000, 2000), 1),
)
_PIONS = (
    _PRESAMPLER,
    VoxelLayer(1, (0, 1, 4, 7, 10, 15, 30, 50, 90, 150, 200), 10),
    VoxelLayer(2, (0, 5, 10, 20, 30, 50, 80, 130, 200, 300, 400), 10),
    _BACK,
    VoxelLayer(12, (*_TILE, 1000, 2000), 10),
    VoxelLayer(13, (*_TILE, 600, 1000, 2000), 10),
    VoxelLayer(14, (0, 50, 100, 150, 200, 250, 300, 400, 600, 1000, 2000), 1),
)
_SAMPLING = 0.033  #: of data sets 2 and 3: deposits in silicon were divided by it (arXiv:2410.21611)

#: The data sets by their names: 1-photons and 1-pions (ATLAS), 2 and 3 (45 layers of tungsten and silicon).
GEOMETRIES = {
    each.name: each
    for each in (
        VoxelGeometry("1-photons", "photon", 22, _PHOTONS, 1.0),
        VoxelGeometry("1-pions", "pion", 211, _PIONS, 1.0),
        VoxelGeometry(
            "2",
            "electron",
            11,
            tuple(VoxelLayer(n, _even(9, 4.65), 16) for n in range(45)),
            0.5e-3 / _SAMPLING,
        ),
        VoxelGeometry(
            "3",
            "electron",
            11,
            tuple(VoxelLayer(n, _even(18, 2.325), 50) for n in range(45)),
            0.5e-3 / _SAMPLING,
        ),
    )
}
