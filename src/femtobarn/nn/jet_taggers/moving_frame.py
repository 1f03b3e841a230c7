"""Jets seen from a moving frame: which way it moves, and whether a teacher's beams move along."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from femtobarn.nn.jet_taggers.lorentz_tagger import BEAMS
from femtobarn.physics.boosts import boost_torch

Axis = Literal["x", "z", "jet"]


def moving_frame(speed: float, axis: Axis, *, beams: bool = False) -> Callable[..., tuple[Tensor, ...]]:
    """What turns (momentum, mass, mask) into what an observer of that speed sees, in float64.

    Args:
        speed: From 0 to below 1, in the direction of the axis.
        axis: x and z of the detector, or the direction of each jet.
        beams: Give the boosted beams as a fourth argument, for a `LorentzTagger` that has beams.
    """

    def frame(
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> tuple[Tensor, ...]:
        velocity = speed * _direction(momentum.double(), axis)[:, None]
        seen = boost_torch(momentum.double(), velocity)
        if not beams:
            return seen, mass, mask
        still = torch.tensor(BEAMS, dtype=torch.float64, device=mask.device).expand(len(mask), -1, -1)
        return seen, mass, mask, boost_torch(still, velocity)

    return frame


def _direction(momentum: Float[Tensor, "jet particle 4"], axis: Axis) -> Float[Tensor, "jet 3"]:
    if axis == "jet":
        jet = momentum[..., 1:].sum(dim=1)
        return jet / jet.norm(dim=-1, keepdim=True)
    along = (1.0, 0.0, 0.0) if axis == "x" else (0.0, 0.0, 1.0)
    unit = torch.tensor(along, dtype=torch.float64, device=momentum.device)
    return unit.expand(len(momentum), -1)
