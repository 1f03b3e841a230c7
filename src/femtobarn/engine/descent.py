"""One objective for `generator_loop`: the loss of a module, made small by AdamW with clipped gradients."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Descent:
    """A learner of `femtobarn.generator_loop` with one optimiser.

    Args:
        trained: A module with a method ``loss(batch, generator)``.
        lr: Largest learning rate.
        weight_decay: Decoupled weight decay.
        clip: Largest norm of the gradient.
        generator: The part of `trained` that is kept; all of it if None.
        name: Of the loss.
    """

    def __init__(
        self,
        trained: Any,
        *,
        lr: float,
        weight_decay: float = 0.0,
        clip: float = 1.0,
        generator: nn.Module | None = None,
        name: str = "loss",
    ) -> None:
        self.generator = trained if generator is None else generator
        self.trained, self.clip, self.name = trained, clip, name
        self.networks = nn.ModuleDict({"trained": trained})
        self.rates = {"trained": lr}
        weights = [w for w in trained.parameters() if w.requires_grad]
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "trained": torch.optim.AdamW(weights, lr=lr, weight_decay=weight_decay)
        }

    def step(self, batch: Mapping[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve the weights once; the loss."""
        loss = self.trained.loss(batch, generator=generator)
        self.optimizers["trained"].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.trained.parameters(), self.clip)
        self.optimizers["trained"].step()
        return {self.name: loss.detach()}
