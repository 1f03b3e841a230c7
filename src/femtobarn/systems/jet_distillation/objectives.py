"""Losses of the trainings, and the error rate that chooses the best epoch."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine import Batch
from femtobarn.losses import distillation_loss
from femtobarn.physics.boosts import boost_torch


@dataclass(frozen=True)
class Objective:
    """Mix of the labels' and the teacher's loss on one batch, in a moving frame if asked for.

    The target stays the teacher's logits of the jet at rest: those of a Lorentz-symmetric teacher are the
    same in every frame in which it sees the beams move too. For another teacher it is a choice.
    """

    weight: float = 0.0
    """Weight of the teacher in the loss."""
    temperature: float = 1.0
    """Temperature of the teacher's scores."""
    smoothing: float = 0.0
    """Smoothing of the labels."""
    boost: float = 0.0
    """Largest speed; each jet has its own, uniform from 0, along x (arXiv:2311.14160)."""

    def __call__(self, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch with momentum, mass, mask, label, and the teacher's logits if it counts."""
        momentum = batch["momentum"]
        if self.boost:
            # Torch's own random state: `engine.fit` seeds it before every step.
            speed = self.boost * torch.rand(len(momentum), 1, 1, dtype=torch.float64)
            along = torch.tensor((1.0, 0.0, 0.0), dtype=torch.float64)
            momentum = boost_torch(momentum.double(), speed * along)
        return distillation_loss(
            model(momentum, batch["mass"], batch["mask"]),
            batch.get("teacher"),
            batch["label"],
            temperature=self.temperature,
            weight=self.weight,
            smoothing=self.smoothing,
        )


def error_rate(model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """Share of the jets that a model puts on the wrong side."""
    guess = model(batch["momentum"], batch["mass"], batch["mask"]).argmax(dim=-1)
    return (guess != batch["label"]).float().mean()
