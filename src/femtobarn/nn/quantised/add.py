"""A sum of two values in fixed point."""

from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.quantised.quantiser import Quantiser


class QuantisedAdd(nn.Module):
    """Sum of two quantised values of one shape, such as a residual connection."""

    def __init__(self, left: Quantiser, right: Quantiser) -> None:
        super().__init__()
        self.left, self.right = left, right

    def forward(
        self, left: Float[Tensor, "event *shape"], right: Float[Tensor, "event *shape"]
    ) -> Float[Tensor, "event *shape"]:
        """Sums."""
        return self.left(left) + self.right(right)
