"""Flow matching: learn how fast to go from one distribution to another, then go (arXiv:2210.02747)."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

#: How fast rows move, of the rows and their times between 0 and 1.
Velocity = Callable[[Tensor, Tensor], Tensor]


def matching_loss(
    velocity: Velocity,
    begin: Float[Tensor, "row number"],
    end: Float[Tensor, "row number"],
    *,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Mean squared error of the velocity at a random time on the straight path from `begin` to `end`.

    ``x_t = (1 - t) x_0 + t x_1``, velocity ``x_1 - x_0`` (Lipman et al. 2022, arXiv:2210.02747).
    """
    time = torch.rand(len(end), generator=generator, device=end.device, dtype=end.dtype)
    t = time.unsqueeze(1)
    return (velocity((1 - t) * begin + t * end, time) - (end - begin)).square().mean()


def unit_velocity(x: Float[Tensor, "row number"], time: Float[Tensor, "row"]) -> Float[Tensor, "row number"]:
    """Mean velocity on straight paths between independent N(0, 1) numbers: what a network need not learn.

    ``E[x_1 - x_0 | x_t] = (2 t - 1) x_t / (t^2 + (1 - t)^2)``.
    """
    t = time.unsqueeze(1)
    return (2 * t - 1) / (t.square() + (1 - t).square()) * x


def follow(
    velocity: Velocity, begin: Float[Tensor, "row number"], *, steps: int
) -> Float[Tensor, "row number"]:
    """Where the rows are at time 1 if they move with the velocity from `begin` at time 0: midpoint steps."""
    x, width = begin, 1.0 / steps
    clock = torch.zeros_like(begin[:, 0])
    for step in range(steps):
        half = x + 0.5 * width * velocity(x, clock + step * width)
        x = x + width * velocity(half, clock + (step + 0.5) * width)
    return x
