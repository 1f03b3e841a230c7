"""The checkpoints of a sweep that nothing else beats in both quality and cost."""

from typing import NamedTuple

from torch import Tensor, nn


class Checkpoint(NamedTuple):
    """A trained network in the trade between quality and cost."""

    quality: float
    cost: float
    epoch: int
    state: dict[str, Tensor]


class ParetoSet:
    """Checkpoints of which none is at least as good and at most as expensive as another; the others are dropped.

    Fill one with the validation sample during training. Then for each: load the state, `calibrate`, take the
    `exact_ebops`, and offer it to a second set, since the exact cost may reorder them.
    """

    def __init__(self) -> None:
        self.checkpoints: list[Checkpoint] = []

    def offer(self, model: nn.Module, *, quality: float, cost: float, epoch: int) -> bool:
        """Keep a copy of the model's state unless it is dominated; True if kept. A NaN is never kept."""
        if not (quality == quality and cost == cost):
            return False
        if any(old.quality >= quality and old.cost <= cost for old in self.checkpoints):
            return False
        state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        left = [old for old in self.checkpoints if old.quality > quality or old.cost < cost]
        new = Checkpoint(quality, cost, epoch, state)
        self.checkpoints = sorted([*left, new], key=lambda checkpoint: checkpoint.cost)
        return True
