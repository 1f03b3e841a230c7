"""How a generator is trained on one objective: settings, and a step of descent; the loop is `generator_loop`."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.systems.calo_challenge.model import Batch


@dataclass(frozen=True)
class Course:
    """How a generator is trained, and how its checkpoints are chosen."""

    epochs: int = 10
    """Passes over the training showers."""
    batch: int = 128
    """Showers a step."""
    lr: float = 1e-3
    """Largest learning rate of the generator."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW)."""
    clip: float = 1.0
    """Largest norm of the gradient of the generator."""
    check: int = 1
    """Epochs from one measurement on the validation showers, and one checkpoint, to the next."""
    ema: float = 0.999
    """Decay a step of the averaged weights, which are those kept and measured; 0 keeps the last weights."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """How the learning rates change from step to step."""
    warmup: float = 0.02
    """Share of the steps over which the learning rates rise from zero."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "check"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1: got {getattr(self, name)}")
        if not (0 <= self.ema < 1 and 0 <= self.warmup < 1):
            raise InputError(f"ema and warmup in [0, 1) expected: got {self.ema}, {self.warmup}")
        if not (self.lr > 0 and self.clip > 0):
            raise InputError(f"lr and clip above 0 expected: got {self.lr}, {self.clip}")


class Descent:
    """One objective: the loss of `trained`, made small by AdamW with clipped gradients.

    Args:
        trained: A module with a method ``loss(batch, generator)``.
        course: Learning rate, weight decay and clipping.
        generator: The part of it that is kept; all of it if None.
    """

    def __init__(self, trained: Any, course: Course, *, generator: nn.Module | None = None) -> None:
        self.generator = trained if generator is None else generator
        self.trained, self.clip = trained, course.clip
        self.networks = nn.ModuleDict({"trained": trained})
        self.rates = {"trained": course.lr}
        weights = [w for w in trained.parameters() if w.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=course.lr, weight_decay=course.weight_decay)
        self.optimizers: dict[str, torch.optim.Optimizer] = {"trained": optimizer}

    def step(self, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve the weights once; the loss."""
        loss = self.trained.loss(batch, generator=generator)
        self.optimizers["trained"].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.trained.parameters(), self.clip)
        self.optimizers["trained"].step()
        return {"loss": loss.detach()}
