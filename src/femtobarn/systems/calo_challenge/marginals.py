"""The trivial baseline: every number of a shower from another random training shower of such an energy.

Each u and each voxel's share is distributed as it should be, and nothing knows of anything else; what a trained
generator does better is what it has learned of correlations.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from femtobarn.nn.shower_generators import read_out
from femtobarn.physics.energy_split import join, split
from femtobarn.physics.voxels import VoxelGeometry

_NEAREST = 50  # training showers, at least, that a number is drawn from


def from_marginals(
    train_energies: Float[Tensor, "known"],
    train_showers: Float[Tensor, "known voxel"],
    energies: Float[Tensor, "shower"],
    geometry: VoxelGeometry,
    *,
    generator: torch.Generator,
) -> Float[Tensor, "shower voxel"]:
    """Showers in MeV with each u and each share from a random training shower of about the same energy.

    Those of the very same energy, where there are some as in data sets 1, else the nearest ones.
    """
    order = train_energies.argsort()
    known = train_energies[order].contiguous()
    u, shares = split(known, read_out(train_showers[order], geometry.threshold), geometry)
    first, last = _window(known, energies.to(known.dtype))
    made = join(
        energies,
        u.gather(0, _rows(first, last, u.shape[1], generator)),
        shares.gather(0, _rows(first, last, shares.shape[1], generator)),
        geometry,
    )
    return read_out(made, geometry.threshold).float()


def _window(known: Tensor, wanted: Tensor) -> tuple[Int[Tensor, "shower"], Int[Tensor, "shower"]]:
    """First of the sorted known energies to draw from, and the one behind the last."""
    first, last = torch.searchsorted(known, wanted), torch.searchsorted(known, wanted, right=True)
    missing = (_NEAREST - (last - first)).clamp(min=0)
    first = (first - missing // 2).clamp(min=0)
    last = (last + (missing + 1) // 2).clamp(max=len(known))
    return first, last


def _rows(
    first: Tensor, last: Tensor, columns: int, generator: torch.Generator
) -> Int[Tensor, "shower column"]:
    chance = torch.rand(len(first), columns, generator=generator, dtype=torch.float64)
    return (first[:, None] + (chance * (last - first)[:, None]).long()).clamp(max=last[:, None] - 1)
