"""Lorentz boosts of four-momenta (E, px, py, pz) along any direction, for arrays and for tensors."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from femtobarn.errors import InputError


def boost(
    momentum: Float[np.ndarray, "*shape 4"], velocity: Float[np.ndarray, "*velocity_shape 3"]
) -> Float64[np.ndarray, "*result 4"]:
    """Momenta as seen by an observer who moves with `velocity`, in units of the speed of light.

    A particle at rest thus moves with -velocity afterwards; a boost by -velocity undoes it. Zeros, as in
    padding, stay zeros, and velocity 0 changes nothing. All axes but the last broadcast.

    Args:
        momentum: (E, px, py, pz) in any unit.
        velocity: (vx, vy, vz), of length below 1.

    Raises:
        InputError: A velocity of 1 or more, or one that is not finite.
    """
    velocity = np.asarray(velocity, np.float64)
    _check((velocity**2).sum(axis=-1).max(initial=0.0))
    parts = _boosted(np.asarray(momentum, np.float64), velocity)
    return np.concatenate(parts, axis=-1)


def boost_torch(
    momentum: Float[Tensor, "*shape 4"], velocity: Float[Tensor, "*velocity_shape 3"]
) -> Float[Tensor, "*result 4"]:
    """`boost` with gradients, in the precision of its arguments; float64 is advised above a velocity of 0.9.

    Velocities may come from the CPU, where checking them makes no device wait.

    Raises:
        InputError: A velocity of 1 or more, or one that is not finite.
    """
    square = (velocity.detach() ** 2).sum(dim=-1)
    _check(float(square.max()) if square.numel() else 0.0)
    return torch.cat(_boosted(momentum, velocity.to(momentum.device)), dim=-1)


def _check(square: float) -> None:
    if not square < 1:
        raise InputError(f"expected velocities below that of light (1), got a largest of {square**0.5:g}")


def _boosted(momentum: Any, velocity: Any) -> tuple[Any, Any]:
    """Energy and momentum; (gamma - 1) / v^2 is written such that it exists at v = 0."""
    energy, p = momentum[..., :1], momentum[..., 1:]
    gamma = (1 - (velocity**2).sum(-1)[..., None]) ** -0.5
    along = (velocity * p).sum(-1)[..., None]
    return gamma * (energy - along), p + velocity * (gamma**2 / (1 + gamma) * along - gamma * energy)
