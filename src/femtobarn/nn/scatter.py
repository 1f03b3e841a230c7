"""Sums, means and maxima of rows that belong together, such as the messages that a hit receives."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def scatter_sum(
    x: Float[Tensor, "row *feature"], group: Int[Tensor, "row"], count: int | torch.SymInt
) -> Float[Tensor, "group *feature"]:
    """Sum of the rows of each group; zero for a group without rows.

    Args:
        x: Rows in any order.
        group: Group of each row, from 0.
        count: Number of groups; a symbol where a network is exported.

    Example:
        >>> scatter_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([2, 0, 2]), 3)
        tensor([2., 0., 5.])
    """
    return x.new_zeros((count, *x.shape[1:])).index_add(0, group, x)


def scatter_mean(
    x: Float[Tensor, "row *feature"], group: Int[Tensor, "row"], count: int | torch.SymInt
) -> Float[Tensor, "group *feature"]:
    """Mean of the rows of each group; zero for a group without rows."""
    rows = torch.bincount(group, minlength=int(count)).clamp(min=1).to(x.dtype)
    return scatter_sum(x, group, count) / rows.view(-1, *(1 for _ in x.shape[1:]))


def scatter_max(
    x: Float[Tensor, "row *feature"], group: Int[Tensor, "row"], count: int | torch.SymInt
) -> Float[Tensor, "group *feature"]:
    """Largest of the rows of each group, feature by feature; zero for a group without rows.

    Rows that tie share the gradient.
    """
    index = group.view(-1, *(1 for _ in x.shape[1:])).expand_as(x)
    return x.new_zeros((count, *x.shape[1:])).scatter_reduce(0, index, x, "amax", include_self=False)
