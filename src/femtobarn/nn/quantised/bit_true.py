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
        self._made: tuple[dict[str, Tensor], IntegerModel] | None = None

    @property
    def integers(self) -> IntegerModel:
        """The integer model; it is made again whenever a weight or a bit is no longer what it was made from."""
        now = dict(self.net.named_parameters()) | dict(self.net.named_buffers())
        if self._made is None or not _same(self._made[0], now):
            # Compared by value: loading weights, an optimiser or an assignment may change them in any mode.
            copy = {name: numbers.detach().clone() for name, numbers in now.items()}
            self._made = copy, to_integer(self.net)
        return self._made[1]

    def forward(self, x: Float[Tensor, "event *shape"]) -> Float[Tensor, "event *output"]:
        """Outputs, of the precision of the inputs."""
        if self.training:
            answer: Tensor = self.net(x)
            return answer
        exact = self.integers(x.detach().cpu().double().numpy())
        return torch.from_numpy(exact).to(x)


def _same(old: dict[str, Tensor], new: dict[str, Tensor]) -> bool:
    """Whether these are the same numbers under the same names."""
    return old.keys() == new.keys() and all(
        old[name].device == numbers.device and torch.equal(old[name], numbers)
        for name, numbers in new.items()
    )
