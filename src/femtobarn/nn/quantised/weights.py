"""Kernel and bias of a layer, folded with the batch normalisation behind it, then quantised."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser

Norm = nn.BatchNorm1d | nn.BatchNorm2d


class QuantisedWeights(nn.Module):
    """Kernel and bias as the hardware will have them.

    A batch normalisation disappears into them before they are rounded, in training with the statistics of the
    batch, in `eval()` with the running ones; so nothing changes when the network is written out.

    Args:
        weight: Kernel, output axis first.
        bias: One per output; none is the same as zeros where there is a `norm`, and stays none otherwise.
        kernel_quantiser, bias_quantiser: Of the folded numbers.
        norm: The normalisation of the layer's outputs.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        kernel_quantiser: WeightQuantiser,
        bias_quantiser: WeightQuantiser,
        norm: Norm | None = None,
    ) -> None:
        super().__init__()
        if norm is not None and norm.running_mean is None:
            raise InputError("a batch normalisation without running statistics cannot be folded")
        if norm is not None and bias is None:
            bias = torch.zeros(len(weight))
        self.weight = nn.Parameter(weight.detach().clone())
        self.bias = nn.Parameter(bias.detach().clone()) if bias is not None else None
        self.kernel_quantiser = kernel_quantiser
        self.bias_quantiser = bias_quantiser if bias is not None else None
        self.norm = deepcopy(norm)

    def forward(self, layer: Callable[[Tensor, Tensor | None], Tensor]) -> tuple[Tensor, Tensor | None]:
        """Quantised kernel and bias; `layer` gives the outputs for any kernel and bias."""
        if self.norm is None or not self.norm.training:
            return self.constants()
        outputs = layer(self.weight, self.bias)
        if not outputs.numel():  # no statistics of a batch without events
            return self.constants()
        return self._quantised(*self._folded(*self._batch_statistics(outputs)))

    def constants(self) -> tuple[Tensor, Tensor | None]:
        """Quantised kernel and bias with the running statistics: what the hardware will have."""
        return self._quantised(*self._at_rest())

    def start_ranges(self) -> None:
        """Give kernel and bias the integer bits that they need as they are."""
        kernel, bias = self._at_rest()
        self.kernel_quantiser.start_from(kernel)
        if self.bias_quantiser is not None and bias is not None:
            self.bias_quantiser.start_from(bias)

    def follow(self) -> None:
        """Give a wrapping kernel and bias the integer bits that they need now: weights may have been loaded."""
        kernel, bias = self._at_rest()
        self.kernel_quantiser.follow(kernel)
        if self.bias_quantiser is not None and bias is not None:
            self.bias_quantiser.follow(bias)

    def _at_rest(self) -> tuple[Tensor, Tensor | None]:
        if self.norm is None:
            return self.weight, self.bias
        assert self.norm.running_mean is not None
        assert self.norm.running_var is not None
        return self._folded(self.norm.running_mean, self.norm.running_var)

    def _quantised(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        kernel = self.kernel_quantiser(weight)
        return kernel, self.bias_quantiser(bias) if self.bias_quantiser is not None else None

    def _folded(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        norm = self.norm
        assert norm is not None
        assert self.bias is not None
        scale = torch.rsqrt(variance + norm.eps)
        if norm.affine:
            scale = scale * norm.weight
        offset = norm.bias if norm.affine else 0.0
        weight = self.weight * scale.reshape(-1, *(1 for _ in self.weight.shape[1:]))
        return weight, (self.bias - mean) * scale + offset

    def _batch_statistics(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each output in this batch; the running ones take their share of them."""
        norm = self.norm
        assert norm is not None
        axes = [axis for axis in range(y.ndim) if axis != 1]
        variance, mean = torch.var_mean(y, dim=axes, correction=0)
        count = y.numel() // y.shape[1]
        with torch.no_grad():
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked.add_(1)
            share = 1.0 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean, share)
            norm.running_var.lerp_(variance * (count / max(count - 1, 1)), share)
        return mean, variance
