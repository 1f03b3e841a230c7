"""One player: a flow that learns its velocity, without an adversary and without following the flow."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from femtobarn.systems.jet_generation.epic_flow import EpicFlow, flow_matching_loss
from femtobarn.systems.jet_generation.model import Jets


class Matching:
    """One step of flow matching with AdamW and clipped gradients (arXiv:2310.00049)."""

    def __init__(
        self, generator: EpicFlow, *, lr: float, weight_decay: float = 5e-5, clip: float = 0.5
    ) -> None:
        self.generator, self.clip = generator, clip
        self.networks = nn.ModuleDict({"generator": generator})
        self.rates = {"generator": lr}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.AdamW(generator.parameters(), lr=lr, weight_decay=weight_decay)
        }

    def step(self, real: Mapping[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve the velocity once; its loss."""
        loss = flow_matching_loss(self.generator, *Jets(**real), generator=generator)
        optimizer = self.optimizers["generator"]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.generator.parameters(), self.clip)
        optimizer.step()
        return {"flow matching": loss.detach()}
