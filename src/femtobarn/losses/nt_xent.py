"""Contrastive loss of two views of the same images (NT-Xent; Chen et al. 2020, arXiv:2002.05709, equation 1)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError


def nt_xent(
    one: Float[Tensor, "image feature"], two: Float[Tensor, "image feature"], *, temperature: float = 0.5
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding the other view of an image among all 2 B - 1 other views.

    With rows z of unit length and s_ij = z_i . z_j / temperature it is the mean over i of
    -s_ii' + log sum_(k != i) exp s_ik, where i' is the other view of i. Views that are all the same give
    log(2 B - 1). The length of a row does not count.

    Args:
        one, two: Projections of two views, row by row of the same images.
        temperature: Small ones make near pairs count most.

    Raises:
        InputError: Fewer than two images, or a temperature that is not above 0.
    """
    if one.shape != two.shape or len(one) < 2 or not temperature > 0:
        got = f"{tuple(one.shape)}, {tuple(two.shape)}, {temperature:g}"
        raise InputError(f"expected two views of at least two images, and a temperature above 0: got {got}")
    rows = F.normalize(torch.cat((one, two)), dim=1)
    alike = rows @ rows.T / temperature
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    other = torch.arange(len(rows), device=rows.device).roll(len(one))
    return F.cross_entropy(alike.masked_fill(itself, -torch.inf), other)
