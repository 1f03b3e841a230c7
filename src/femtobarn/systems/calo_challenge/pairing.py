"""Which start becomes which wanted shower: optimal transport between those of one incident energy."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_MOST = 1000  # showers paired at once; the time rises as the cube


def alike(
    energies: Float[Tensor, "shower"],
    ends: Float[Tensor, "shower number"],
    begins: Float[Tensor, "shower number"],
) -> Int[Tensor, "shower"]:
    """For each end the row of its start: another one for each, the sum of squared distances being the least.

    Showers of one incident energy are paired with one another, or neighbours in energy where it is continuous. Starts
    are thus drawn as often as they would be by chance, and the map is short (optimal transport of batches,
    arXiv:2302.00482).

    Args:
        energies: Of the incident particles, of the end and of the start in the same row.
        ends, begins: Numbers whose differences count.
    """
    order = energies.argsort(stable=True)
    rows = torch.empty_like(order)
    for group in _groups(energies[order]):
        some = order[torch.from_numpy(group)]
        distance = torch.cdist(ends[some].double(), begins[some].double())
        wanted, start = linear_sum_assignment(distance.square().numpy())
        rows[some[torch.from_numpy(wanted)]] = some[torch.from_numpy(start)]
    return rows


def _groups(energies: Float[Tensor, "shower"]) -> list[np.ndarray]:
    """Of sorted energies: those that are equal, or any that follow each other where few are; at most so many."""
    counts = torch.unique_consecutive(energies, return_counts=True)[1].numpy()
    if len(counts) > len(energies) / 20:
        counts = np.array([len(energies)])
    groups = np.split(np.arange(len(energies)), np.cumsum(counts)[:-1])
    return [part for group in groups for part in np.array_split(group, -(-len(group) // _MOST))]
