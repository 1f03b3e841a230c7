"""A shower as its energy split and the shape of each layer: the variables in which generators learn it.

With L layers of energies E_0, E_1, ... the split is (CaloFlow, arXiv:2106.05285; CaloINN, arXiv:2312.09290)::

    u_0 = (E_0 + ... + E_{L-1}) / (f E_inc),    u_i = E_{i-1} / (E_{i-1} + ... + E_{L-1}),   i = 1 ... L-1

and the shape of a layer is the share that each of its voxels has in its energy. A generated u_0 ... u_{L-1}
between 0 and 1 is a possible split whatever the others are, which layer energies are not.
"""

import functools
from collections.abc import Callable

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.physics._constant import constant, numbers
from femtobarn.physics.voxels import VoxelGeometry

Factor = float | Float[Tensor, ""]  #: f above


def split(
    energies: Float[Tensor, "shower"],
    showers: Float[Tensor, "shower voxel"],
    geometry: VoxelGeometry,
    *,
    factor: Factor = 1.0,
) -> tuple[Float64[Tensor, "shower layer"], Float64[Tensor, "shower voxel"]]:
    """The variables u and the share of each voxel in the energy of its layer.

    Shares of a layer without energy are 0, and so is u behind the last layer with energy.

    Args:
        energies: Of the incident particles, above 0, in the unit of the showers.
        showers: Deposits in the voxels, not negative.
        geometry: Which voxel lies in which layer.
        factor: f above; u_0 stays below 1 if it exceeds the largest response E_tot / E_inc.

    Raises:
        InputError: Another number of voxels than the geometry has, an energy that is not positive, or a deposit
            that is negative or not finite.
    """
    if not bool((energies > 0).all()):
        raise InputError(f"incident energies above 0 expected: got {float(energies.min())}")
    if not bool(((showers >= 0) & showers.isfinite()).all()):
        raise InputError("deposits that are finite and not negative expected in all voxels")
    layers = layer_energies(showers, geometry)
    shares = showers.double() / _to_voxels(torch.where(layers > 0, layers, 1.0), geometry)
    return split_layers(energies, layers, factor=factor), shares


def join(
    energies: Float[Tensor, "shower"],
    u: Float[Tensor, "shower layer"],
    shares: Float[Tensor, "shower voxel"],
    geometry: VoxelGeometry,
    *,
    factor: Factor = 1.0,
) -> Float64[Tensor, "shower voxel"]:
    """The shower: the inverse of `split`, which puts any u and shares right first.

    u_1 ... are cut to [0, 1] and u_0 at 0, negative shares at 0, and the shares of a layer are scaled to 1; a layer
    whose shares are all 0 gets its energy spread evenly. So the layers hold exactly `join_layers`.
    """
    _check_voxels(shares, geometry)
    positive = shares.double().clamp(min=0)
    total = layer_energies(positive, geometry)
    even = _even_shares(geometry, shares.device)
    empty = total <= 0
    scale = torch.where(empty, 0.0, 1 / torch.where(empty, 1.0, total))
    rest = torch.where(empty, even, 0.0)
    layers = join_layers(energies, u, factor=factor)
    return positive * _to_voxels(scale * layers, geometry) + _to_voxels(rest * layers, geometry)


def layer_energies(
    showers: Float[Tensor, "shower voxel"], geometry: VoxelGeometry
) -> Float64[Tensor, "shower layer"]:
    """Sum of the voxels of each layer.

    Raises:
        InputError: Another number of voxels than the geometry has.
    """
    _check_voxels(showers, geometry)
    return torch.stack([showers[:, span].sum(dim=1, dtype=torch.float64) for span in geometry.spans], dim=1)


def split_layers(
    energies: Float[Tensor, "shower"], layers: Float[Tensor, "shower layer"], *, factor: Factor = 1.0
) -> Float64[Tensor, "shower layer"]:
    """The variables u of given layer energies."""
    behind = layers.double().flip(1).cumsum(1).flip(1)  # each layer and all that follow
    total = behind[:, :1] / (factor * energies.double().unsqueeze(1))
    parts = layers.double() / torch.where(behind > 0, behind, 1.0)
    return torch.cat((total, parts[:, :-1]), dim=1)


def join_layers(
    energies: Float[Tensor, "shower"], u: Float[Tensor, "shower layer"], *, factor: Factor = 1.0
) -> Float64[Tensor, "shower layer"]:
    """The layer energies of given u: each takes its part of what the layers before it have left."""
    total = factor * energies.double().unsqueeze(1) * u[:, :1].double().clamp(min=0)
    part = u[:, 1:].double().clamp(0, 1)
    left = torch.cat((torch.ones_like(total), (1 - part).cumprod(dim=1)), dim=1)
    taken = torch.cat((part, torch.ones_like(total)), dim=1)
    return total * left * taken


def _to_voxels(
    layers: Float[Tensor, "shower layer"], geometry: VoxelGeometry
) -> Float[Tensor, "shower voxel"]:
    return layers[:, layer_index(geometry, layers.device)]


def layer_index(geometry: VoxelGeometry, device: torch.device) -> Int[Tensor, " voxel"]:
    """The layer of each voxel, on a device; brought there once."""
    return constant(_layer_of(geometry), device, torch.int64)


@functools.cache
def _layer_of(geometry: VoxelGeometry) -> Callable[[], Tensor]:
    return lambda: torch.from_numpy(geometry.layer)


def _even_shares(geometry: VoxelGeometry, device: torch.device) -> Tensor:
    return numbers(tuple(1.0 / layer.voxels for layer in geometry.layers), device, torch.float64)


def _check_voxels(showers: Tensor, geometry: VoxelGeometry) -> None:
    if showers.shape[1] != geometry.voxels:
        raise InputError(
            f"{geometry.voxels} voxels expected for data set {geometry.name}: got {showers.shape[1]}"
        )
