"""Diffusion as denoising: the training of arXiv:2206.00364 (EDM) and a deterministic sampler."""

import itertools
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

#: Best guess of the clean rows, of noisy rows and their noise levels.
Denoiser = Callable[[Tensor, Tensor], Tensor]

_LOG_LEVEL = (-1.2, 1.2)  # mean and deviation of the logarithm of the noise level in training
_SKIPPED = 2  # steps at the noisy end, for stability


def denoised(
    net: nn.Module,
    x: Float[Tensor, "shower number"],
    level: Float[Tensor, "shower"],
    condition: Float[Tensor, "shower condition"],
) -> Float[Tensor, "shower number"]:
    """The network's guess of clean numbers, preconditioned for data of deviation 1 (arXiv:2206.00364, table 1)."""
    s = level.unsqueeze(1)
    size = (1 + s.square()).sqrt()
    return x / size.square() + s / size * net(x / size, 0.5 * level.log(), condition)


def denoising_loss(
    net: nn.Module,
    clean: Float[Tensor, "shower number"],
    noise: Float[Tensor, "shower number"],
    condition: Float[Tensor, "shower condition"],
    *,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Squared error of the guess at random noise levels s, weighted with 1 + 1 / s^2 (arXiv:2206.00364)."""
    mean, deviation = _LOG_LEVEL
    draw = torch.randn(len(clean), generator=generator, device=clean.device, dtype=clean.dtype)
    level = (mean + deviation * draw).exp()
    noisy = clean + level.unsqueeze(1) * noise
    error = (denoised(net, noisy, level, condition) - clean).square().mean(dim=1)
    return ((1 + 1 / level.square()) * error).mean()


def ddim(
    denoiser: Denoiser, noise: Float[Tensor, "shower number"], *, steps: int
) -> Float[Tensor, "shower number"]:
    """Clean rows from normal noise, deterministic (DDIM, arXiv:2010.02502) on the cosine schedule.

    The noise level is tan(pi t / 2) with t from 1 to 0 in equal steps, the first two of which are left out.
    """
    times = torch.linspace(1, 0, steps + 1, dtype=torch.float64)[_SKIPPED:]
    levels = torch.tan(times * torch.pi / 2).to(noise)
    x = noise * (1 + levels[0].square()).sqrt()  # as data of deviation 1 under this much noise
    for level, following in itertools.pairwise(levels):
        guess = denoiser(x, level.expand(len(x)))
        x = guess + following / level * (x - guess)
    return x
