"""A linear layer in fixed point."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.weights import QuantisedWeights


class QuantisedLinear(nn.Module):
    """Products of quantised inputs and weights, summed over the last axis without further rounding.

    Args:
        quantiser: Of the inputs; its shape is that of one event.
        weights: Kernel (output, input) and bias.
    """

    def __init__(self, quantiser: Quantiser, weights: QuantisedWeights) -> None:
        super().__init__()
        self.quantiser, self.weights = quantiser, weights

    def forward(self, x: Float[Tensor, "event *some input"]) -> Float[Tensor, "event *some output"]:
        """Sums of products."""
        q = self.quantiser(x)
        return F.linear(q, *self.weights(lambda weight, bias: F.linear(q, weight, bias)))

    def multiplications(
        self, inputs: Float[Tensor, "*some input"], kernel: Float[Tensor, "output input"], bias: Tensor | None
    ) -> Float[Tensor, ""]:
        """Sum of inputs x kernel over all multiplications of one event, and of the bias over all its additions."""
        products = (inputs * kernel.sum(dim=0)).sum()
        times = inputs[..., 0].numel()
        return products if bias is None else products + times * bias.sum()
