"""A training loss with the price of the hardware in it."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.quantised.bits import total_bits
from femtobarn.nn.quantised.cost import ebops


class CostedLoss(nn.Module):
    """``loss(model, batch) + beta EBOPs + gamma (sum of all bits)``, callable as an engine objective.

    Also what tells the best epoch of a network whose cost falls while it trains: the loss alone would choose
    an early, expensive one.

    Args:
        loss: Of a model and a batch; as a module its state is kept with that of the training.
        beta: Price of an effective bit operation.
        gamma: Price of a bit, which keeps those low that multiply nothing.
    """

    def __init__(self, loss: Callable[[nn.Module, Any], Tensor], *, beta: float, gamma: float = 0.0) -> None:
        super().__init__()
        self.loss, self.beta, self.gamma = loss, beta, gamma

    def forward(self, model: nn.Module, batch: Any) -> Float[Tensor, ""]:
        """The loss of a batch; the model is called first, since weights have the bits of their last call."""
        loss = self.loss(model, batch)
        return loss + self.beta * ebops(model) + self.gamma * total_bits(model)
