"""Kullback-Leibler divergences in closed form."""

import torch
from jaxtyping import Float
from torch import Tensor


def kl_standard_normal(
    mean: Float[Tensor, "*shape"], log_variance: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """KL(N(mean, variance) || N(0, 1)) of each component, in nats: 1/2 (mean^2 + variance - 1 - ln variance).

    Of independent components the sum is that of their joint distribution; some papers take the mean over the
    latent components instead (arXiv:2311.17162), which divides its weight by their number.
    """
    return (mean.square() + torch.expm1(log_variance) - log_variance) / 2
