"""Features of calorimeter showers, as the CaloChallenge compares them (arXiv:2410.21611).

Of each layer: energy, centre and width in the directions of eta and phi and in radius, share of empty voxels.
One pass over the showers computes them all and skips the voxels below the threshold, which are most.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Float64, Int64, Real

from femtobarn.compiled import njit
from femtobarn.errors import InputError
from femtobarn.physics.voxels import VoxelGeometry

_FLOOR = 1e-8  # MeV, added before the logarithm of an energy that may be 0
_LENGTH = 100  # mm: centres and widths are features in this unit


class ShowerMoments(NamedTuple):
    """What is measured of each shower. Energies in MeV, lengths in mm; all 0 in a layer without energy.

    A layer of one slice has no directions: its x and y are those of the middle of the one voxel in alpha and
    mean nothing. `feature_names` leaves them out.
    """

    incident: Float64[np.ndarray, " shower"]
    total: Float64[np.ndarray, " shower"]
    energy: Float64[np.ndarray, "shower layer"]
    x: Float64[np.ndarray, "shower layer"]  # centre, in the direction of eta
    y: Float64[np.ndarray, "shower layer"]  # and of phi
    width_x: Float64[np.ndarray, "shower layer"]  # standard deviation, weighted by energy
    width_y: Float64[np.ndarray, "shower layer"]
    r: Float64[np.ndarray, "shower layer"]  # mean radius
    width_r: Float64[np.ndarray, "shower layer"]
    sparsity: Float64[np.ndarray, "shower layer"]  # share of voxels without energy


def moments(
    energies: Real[np.ndarray, " shower"],
    showers: Real[np.ndarray, "shower voxel"],
    geometry: VoxelGeometry,
    *,
    threshold: float | None = None,
) -> ShowerMoments:
    """Energies, centres, widths and sparsities of showers, in float64.

    Voxels below the threshold count as empty. A width is the root of the mean squared distance from the centre,
    so that rounding cannot make it differ from 0 where all energy is in one place.

    Args:
        energies: Incident energies, MeV.
        showers: Energies in the voxels, MeV.
        geometry: Of the voxels.
        threshold: MeV; default: that of the geometry.

    Raises:
        InputError: Another number of voxels than the geometry has, or not as many energies as showers.
    """
    table = voxel_table(showers, energies, geometry)
    ends = np.array([0, *(span.stop for span in geometry.spans)])
    found = np.zeros((8, len(table), len(geometry.layers)))
    cut = geometry.threshold if threshold is None else threshold
    _measure(table, ends, geometry.x, geometry.y, geometry.radius, cut, found)
    incident = np.asarray(energies, dtype=np.float64)
    return ShowerMoments(incident, found[0].sum(axis=1), *found)


def voxel_table(
    showers: Real[np.ndarray, "shower voxel"], energies: Real[np.ndarray, " event"], geometry: VoxelGeometry
) -> Float32[np.ndarray, "shower voxel"] | Float64[np.ndarray, "shower voxel"]:
    """Showers as compiled code takes them: float32 or float64 of this machine's byte order, in one piece.

    Raises:
        InputError: Another number of voxels than the geometry has, or not as many energies as showers.
    """
    if showers.ndim != 2 or showers.shape[1] != geometry.voxels or energies.shape != showers.shape[:1]:
        raise InputError(
            f"expected showers of {geometry.voxels} voxels (data set {geometry.name}) and an energy for each, got "
            f"{showers.shape} and {energies.shape}"
        )
    kind = showers.dtype if showers.dtype in (np.float32, np.float64) else np.float64
    return np.ascontiguousarray(showers, dtype=kind)


def features(
    energies: Real[np.ndarray, " shower"],
    showers: Real[np.ndarray, "shower voxel"],
    geometry: VoxelGeometry,
    *,
    threshold: float | None = None,
) -> Float64[np.ndarray, "shower feature"]:
    """The features behind FPD, KPD and the high-level classifier: 30, 46, 362 or 362 columns.

    Their order is that of `feature_names`. Arguments and errors as for `moments`.
    """
    return features_of(moments(energies, showers, geometry, threshold=threshold), geometry)


def features_of(found: ShowerMoments, geometry: VoxelGeometry) -> Float64[np.ndarray, "shower feature"]:
    """The same from moments at hand."""
    sliced = sliced_layers(geometry)
    return np.column_stack(
        (
            np.log10(found.incident),
            np.log10(found.energy + _FLOOR),
            *(part[:, sliced] / _LENGTH for part in (found.x, found.y, found.width_x, found.width_y)),
            np.log10(found.total + _FLOOR),
            found.sparsity,
            found.r / _LENGTH,
            found.width_r / _LENGTH,
        )
    )


def feature_names(geometry: VoxelGeometry) -> tuple[str, ...]:
    """Names of the columns of `features`, with the numbers of the layers in the detector."""
    every = [layer.number for layer in geometry.layers]
    sliced = [every[place] for place in sliced_layers(geometry)]
    names = ["log10 E_inc", *(f"log10 E_{n}" for n in every)]
    names += [f"{what}_{n}" for what in ("EC_eta", "EC_phi", "width_eta", "width_phi") for n in sliced]
    names.append("log10 E_tot")
    return (*names, *(f"{what}_{n}" for what in ("sparsity", "EC_r", "width_r") for n in every))


def sliced_layers(geometry: VoxelGeometry) -> list[int]:
    """Places of the layers that are cut in alpha, so that they have directions."""
    return [place for place, layer in enumerate(geometry.layers) if layer.slices > 1]


@no_type_check
@njit(cache=True, nogil=True)
def _measure(
    showers: Float32[np.ndarray, "shower voxel"] | Float64[np.ndarray, "shower voxel"],
    ends: Int64[np.ndarray, " edge"],
    x: Float64[np.ndarray, " voxel"],
    y: Float64[np.ndarray, " voxel"],
    r: Float64[np.ndarray, " voxel"],
    threshold: float,
    found: Float64[np.ndarray, "8 shower layer"],
) -> None:
    hit = np.empty(showers.shape[1], dtype=np.int64)
    for i in range(showers.shape[0]):
        for layer in range(len(ends) - 1):
            hits, total, sum_x, sum_y, sum_r = 0, 0.0, 0.0, 0.0, 0.0
            first = (
                0  # positions are taken from the first voxel, so that a centre of one voxel is exactly there
            )
            for j in range(ends[layer], ends[layer + 1]):
                energy = float(showers[i, j])
                if energy >= threshold and energy > 0:
                    if hits == 0:
                        first = j
                    hit[hits] = j
                    hits += 1
                    total += energy
                    sum_x += energy * (x[j] - x[first])
                    sum_y += energy * (y[j] - y[first])
                    sum_r += energy * (r[j] - r[first])
            found[7, i, layer] = 1 - hits / (ends[layer + 1] - ends[layer])
            if hits == 0:
                continue
            x0, y0, r0 = x[first] + sum_x / total, y[first] + sum_y / total, r[first] + sum_r / total
            sum_x, sum_y, sum_r = 0.0, 0.0, 0.0
            for j in hit[:hits]:
                energy = float(showers[i, j])
                sum_x += energy * (x[j] - x0) ** 2
                sum_y += energy * (y[j] - y0) ** 2
                sum_r += energy * (r[j] - r0) ** 2
            found[0, i, layer] = total
            found[1, i, layer], found[2, i, layer] = x0, y0
            found[3, i, layer], found[4, i, layer] = np.sqrt(sum_x / total), np.sqrt(sum_y / total)
            found[5, i, layer], found[6, i, layer] = r0, np.sqrt(sum_r / total)
