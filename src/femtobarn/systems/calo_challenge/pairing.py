"""Which GFLASH shower is to become which wanted shower: those that are alike, as far as one can have it for all."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_MOST = 1000  # showers paired at once; the time rises as the cube


def alike(
    energies: Float[Tensor, "shower"],
    showers: Float[Tensor, "shower voxel"],
    starts: Float[Tensor, "shower voxel"],
    *,
    threshold: float,
) -> Int[Tensor, "shower"]:
    """For each shower the row of its start: another one for each, the sum of squared distances being the least.

    The distance is that of the logarithms of ``1 + E / threshold`` in all voxels. Showers of one incident energy are
    paired with one another, or neighbours in energy where it is continuous. Starts are thus drawn as often as they
    would be by chance, and the map is short (optimal transport of batches, arXiv:2302.00482).

    Args:
        energies: Of the incident particles, of the shower and of the start in the same row.
        showers, starts: MeV.
        threshold: Of the readout, MeV.
    """
    order = energies.argsort(stable=True)
    rows = torch.empty_like(order)
    for group in _groups(energies[order]):
        some = order[torch.from_numpy(group)]
        ends, begins = ((x[some] / threshold).log1p().double() for x in (showers, starts))
        wanted, start = linear_sum_assignment(torch.cdist(ends, begins).square().numpy())
        rows[some[torch.from_numpy(wanted)]] = some[torch.from_numpy(start)]
    return rows


def _groups(energies: Float[Tensor, "shower"]) -> list[np.ndarray]:
    """Of sorted energies: those that are equal, or any that follow each other where few are; at most so many."""
    counts = torch.unique_consecutive(energies, return_counts=True)[1].numpy()
    if len(counts) > len(energies) / 20:
        counts = np.array([len(energies)])
    groups = np.split(np.arange(len(energies)), np.cumsum(counts)[:-1])
    return [part for group in groups for part in np.array_split(group, -(-len(group) // _MOST))]
