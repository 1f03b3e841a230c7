"""Spots of showers, or the steps of Geant4, summed in the voxels of a cylinder."""

from math import pi
from typing import no_type_check

import numpy as np
from jaxtyping import Float32

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.physics.voxels import VoxelGeometry
from femtobarn.simulate.showers.spots import Spots


def voxelise(spots: Spots, geometry: VoxelGeometry, *, showers: int) -> Float32[np.ndarray, "shower voxel"]:
    """Energy in each voxel, in the unit of the spots; what lies outside the outermost ring is lost.

    Args:
        spots: Their layers are rows of ``geometry.layers``.
        geometry: Rings and slices of each layer.
        showers: Number of rows; those without spots are zero.

    Raises:
        InputError: A spot lies in a layer or belongs to a shower that does not exist.
    """
    layers = len(geometry.layers)
    if len(spots.layer) and not 0 <= spots.layer.min() <= spots.layer.max() < layers:
        raise InputError(f"expected spots in layers 0 to {layers - 1}, got {spots.layer.max()}")
    if len(spots.shower) and not 0 <= spots.shower.min() <= spots.shower.max() < showers:
        raise InputError(f"expected spots of showers 0 to {showers - 1}, got {spots.shower.max()}")
    edges = np.full((layers, max(layer.rings for layer in geometry.layers) + 1), np.inf, np.float32)
    for row, layer in enumerate(geometry.layers):
        edges[row, : layer.rings + 1] = layer.r_edges
    rings = np.array([layer.rings for layer in geometry.layers])
    slices = np.array([layer.slices for layer in geometry.layers])
    first = np.array([span.start for span in geometry.spans])
    total = np.zeros((showers, geometry.voxels), np.float32)
    _add(*spots, edges, rings, slices, first, total)
    return total


@njit(cache=True, nogil=True)
@no_type_check
def _add(shower, layer, radius, phi, energy, edges, rings, slices, first, total):
    for i in range(shower.shape[0]):
        row = layer[i]
        r = radius[i]
        if r >= edges[row, rings[row]] or r < edges[row, 0]:
            continue
        ring = 0
        while r >= edges[row, ring + 1]:
            ring += 1
        turn = int((phi[i] + pi) * (slices[row] / (2 * pi)))
        turn = min(max(turn, 0), slices[row] - 1)
        total[shower[i], first[row] + turn * rings[row] + ring] += energy[i]
