"""A convolution in fixed point."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.weights import QuantisedWeights


class QuantisedConv(nn.Module):
    """Convolution of quantised inputs along one or two axes, with zeros around the image and no rounding of the sums.

    Args:
        convolution: Gives stride, padding, dilation and groups.
        quantiser: Of the inputs (channel, *position).
        weights: Kernel (output, channel of the group, *kernel) and bias.

    Attributes:
        padding: Zeros before and after each axis.
    """

    def __init__(
        self, convolution: nn.Conv1d | nn.Conv2d, quantiser: Quantiser, weights: QuantisedWeights
    ) -> None:
        super().__init__()
        self.quantiser, self.weights = quantiser, weights
        self.stride, self.dilation = tuple(convolution.stride), tuple(convolution.dilation)
        self.groups = convolution.groups
        self.padding = _padding(convolution)

    def forward(
        self, x: Float[Tensor, "event channel *position"]
    ) -> Float[Tensor, "event output *position_out"]:
        """Sums of products."""
        q = self.quantiser(x)
        return self._convolve(q, *self.weights(lambda weight, bias: self._convolve(q, weight, bias)))

    def multiplications(
        self, inputs: Float[Tensor, "channel *position"], kernel: Tensor, bias: Tensor | None
    ) -> Float[Tensor, ""]:
        """Sum of inputs x kernel over all multiplications of one event, and of the bias over all its additions."""
        return self._convolve(inputs[None], kernel, bias).sum()

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ends = [zeros for pair in reversed(self.padding) for zeros in pair]
        x = F.pad(x, ends) if any(ends) else x
        convolve = F.conv1d if weight.ndim == 3 else F.conv2d
        return convolve(x, weight, bias, stride=self.stride, dilation=self.dilation, groups=self.groups)


def _padding(convolution: nn.Conv1d | nn.Conv2d) -> tuple[tuple[int, int], ...]:
    if convolution.padding == "valid":
        return tuple((0, 0) for _ in convolution.kernel_size)
    if convolution.padding == "same":
        pairs = zip(convolution.dilation, convolution.kernel_size, strict=True)
        both = [dilation * (kernel - 1) for dilation, kernel in pairs]
        return tuple((zeros // 2, zeros - zeros // 2) for zeros in both)
    return tuple((int(zeros), int(zeros)) for zeros in convolution.padding)
