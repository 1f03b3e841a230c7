"""The nearest hits of each hit among those of its own event, exact, by a k-d tree or by blocks of distances."""

from itertools import pairwise
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from femtobarn.errors import InputError

Method = Literal["auto", "tree", "blocks"]
_BLOCK = 8_000_000  # distances in memory at once


def nearest_in_events(
    x: Float[Tensor, "hit dimension"],
    offset: Int[Tensor, " boundary"],
    count: int,
    *,
    method: str = "auto",
) -> tuple[Int[Tensor, "hit count"], Bool[Tensor, "hit count"]]:
    """The `count` hits nearest to each, itself first, and whether there are so many.

    Places beyond the number of hits of an event point at the hit itself and are false. There is no gradient: distances
    are to be made again from the indices.

    Args:
        x: Coordinates.
        offset: Where each event begins and ends, on the CPU, where the loop over events is.
        count: Neighbours, the hit itself among them.
        method: "tree" for processors, "blocks" of all distances anywhere; "auto" takes the tree on a processor.

    Raises:
        InputError: No such method, or the tree is given coordinates that are not finite.
    """
    if method not in get_args(Method) or count < 1:
        raise InputError(f"expected auto, tree or blocks and at least one neighbour, got {method!r}, {count}")
    points = x.detach()
    by_tree = method == "tree" or (method == "auto" and x.device.type == "cpu")
    if by_tree and not torch.isfinite(points).all():
        raise InputError("expected finite coordinates: the network's output or its input is not a number")
    index = torch.arange(len(x), device=x.device)[:, None].repeat(1, count)
    real = torch.zeros(len(x), count, dtype=torch.bool, device=x.device)
    bounds = offset.cpu().tolist()
    for start, stop in pairwise(bounds):
        if stop > start:
            some = min(count, stop - start)
            find = _tree if by_tree else _blocks
            index[start:stop, :some] = start + find(points[start:stop].double(), some)
            real[start:stop, :some] = True
    return index, real


def _tree(points: Tensor, count: int) -> Tensor:
    array = points.numpy()
    _, found = cKDTree(array).query(array, k=range(1, count + 1))
    return torch.from_numpy(found.reshape(len(array), count))


def _blocks(points: Tensor, count: int) -> Tensor:
    rows = max(1, _BLOCK // len(points))
    parts = []
    for start in range(0, len(points), rows):
        some = points[start : start + rows]
        distance = torch.cdist(some, points, compute_mode="donot_use_mm_for_euclid_dist")
        parts.append(distance.topk(count, largest=False, sorted=True).indices)
    return torch.cat(parts)
