"""A quantised network that answers as its hardware will."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised.export import to_integer


class BitTrue(nn.Module):
    """A quantised network that answers by its integer model in `eval()`, and trains as it is.

    In float32 a network is exact only while its sums stay below 24 bits. With this around it, validation and
    evaluation see what the hardware gives, without a gradient.

    Args:
        net: From `quantise`.

    Raises:
        InputError: In `eval()`, for a network that `to_integer` refuses.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self._integers: IntegerModel | None = None

    @property
    def integers(self) -> IntegerModel:
        """The integer model; it is made once, and again after the next training."""
        if self.training or self._integers is None:
            self._integers = to_integer(self.net)
        return self._integers

    def forward(self, x: Float[Tensor, "event *shape"]) -> Float[Tensor, "event *output"]:
        """Outputs, of the precision of the inputs."""
        if self.training:
            answer: Tensor = self.net(x)
            return answer
        exact = self.integers(x.detach().cpu().double().numpy())
        return torch.from_numpy(exact).to(x)

    def train(self, mode: bool = True) -> "BitTrue":
        """Switch between training and integers."""
        self._integers = None
        return super().train(mode)
