"""Convolutional spiking network on binned events, its first weights, and its costs (arXiv:2201.10777)."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from femtobarn.errors import InputError
from femtobarn.nn.lif import Neuron, potentials, spikes, traces

FIRST_MEAN = -0.56  #: of the potentials at the start: 29 % of N(-0.56, 1) are above the threshold
FIRST_GAIN = 10.0  #: of the traces of the network's inputs

Frames = Float[Tensor, "event step _ _ _"]


def soft_sign(potential: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """u / (1 + |u|): what takes the place of spikes in the network without spikes that the paper compares with."""
    return potential / (1 + potential.abs())


class SpikingConv(nn.Module):
    """Convolution of traces, pooling of potentials by 2, spikes.

    Args:
        inputs, outputs: Channels.
        neuron: Constants of the units.
        gain: Of the traces of the inputs.
        kernel: Pixels a side, odd.
        spiking: False puts `soft_sign` in the place of spikes.
    """

    def __init__(
        self, inputs: int, outputs: int, *, neuron: Neuron, gain: float = 1.0, kernel: int = 5, spiking: bool = True
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.neuron, self.gain, self.spiking = neuron, gain, spiking

    def currents(self, trace: Frames) -> Frames:
        """Weighted sums of traces at each step."""
        found: Tensor = self.conv(trace.flatten(0, 1))
        return found.reshape(*trace.shape[:2], *found.shape[1:])

    def forward(self, incoming: Frames, burn_in: int = 0) -> Frames:
        """Spikes; the first `burn_in` steps do not pass gradients on."""
        trace = traces(incoming, self.neuron, gain=self.gain)
        if burn_in:
            with torch.no_grad():
                before = self.currents(trace[:, :burn_in])
            current = torch.cat((before, self.currents(trace[:, burn_in:])), dim=1)
        else:
            current = self.currents(trace)
        if not self.spiking:
            return soft_sign(_pooled(current))
        return spikes(_pooled(potentials(current, self.neuron)))


class SpikingNet(nn.Module):
    """Layers of `SpikingConv`, then one linear layer on traces whose potentials at the last step are the logits.

    Args:
        shape: Channels, rows and columns of a time bin of events.
        outputs: Logits.
        channels: Of each layer.
        neuron: Constants of the units; the published ones if not given.
        burn_in: First steps without gradient.
        spiking: False makes the same network without spikes.
    """

    def __init__(
        self,
        shape: Sequence[int] = (2, 16, 32),
        outputs: int = 5,
        *,
        channels: Sequence[int] = (32, 64, 128),
        neuron: Neuron | None = None,
        burn_in: int = 70,
        spiking: bool = True,
    ) -> None:
        super().__init__()
        if min(shape[1:]) < 2 ** len(channels):
            raise InputError(
                f"{len(channels)} layers halve rows and columns: expected more than {tuple(shape[1:])}"
            )
        neuron = neuron or Neuron()
        self.neuron, self.burn_in, self.is_spiking = neuron, burn_in, spiking
        widths = [shape[0], *channels]
        self.layers = nn.ModuleList(
            SpikingConv(one, other, neuron=neuron, gain=1.0 if place else FIRST_GAIN, spiking=spiking)
            for place, (one, other) in enumerate(itertools.pairwise(widths))
        )
        last = channels[-1] * math.prod(side >> len(channels) for side in shape[1:])
        self.head = nn.Linear(last, outputs, bias=False)

    def hidden(self, x: Frames) -> list[Frames]:
        """Spikes of each layer."""
        found, burn_in = list[Tensor](), self.burn_in if torch.is_grad_enabled() else 0
        for layer in self.layers:
            x = layer(x, burn_in)
            found.append(x)
        return found

    def rates(self, x: Frames) -> Float[Tensor, "event feature"]:
        """Spikes of each unit of the last layer a step, after the burn-in: counts, divided by their number of steps."""
        return self.hidden(x)[-1][:, self.burn_in :].mean(dim=1).flatten(1)

    def forward(self, x: Frames) -> Float[Tensor, "event output"]:
        """Logits."""
        last = self.hidden(x)[-1].flatten(2)
        logits: Tensor = self.head(traces(last, self.neuron)[:, -1])
        return logits


def start_near_threshold(net: SpikingNet, x: Frames) -> None:
    """Orthogonal weights, scaled and shifted layer by layer until potentials have variance 1 and mean -0.56.

    Without it few units are near the threshold and gradients vanish (LSUV, arXiv:1511.06422, with the mean of the
    reference). The reset is left out, so that each layer takes one exact step.

    Args:
        net: Changed in place.
        x: Some inputs of the kind to come.
    """
    with torch.no_grad():
        for layer in net.layers:
            assert isinstance(layer, SpikingConv)
            assert layer.conv.bias is not None
            nn.init.orthogonal_(layer.conv.weight)
            nn.init.zeros_(layer.conv.bias)
            current = layer.currents(traces(x, layer.neuron, gain=layer.gain))
            scale = _scale(current)
            layer.conv.weight.mul_(scale)
            layer.conv.bias.fill_(FIRST_MEAN - float(current.mean()) * scale)
            x = layer(x)
        nn.init.orthogonal_(net.head.weight)
        net.head.weight.mul_(_scale(net.head(traces(x.flatten(2), net.neuron)[:, -1])))


class InferenceCost(NamedTuple):
    """Of one inference, on average over events."""

    spikes: float
    """Of all layers over all steps, events of the sensor not among them."""
    synaptic_operations: float
    """Additions: each event and spike reaches every output channel in the window of the kernel, or every output."""
    updates: float
    """Units times steps; each updates its traces."""


def inference_cost(net: SpikingNet, x: Frames) -> InferenceCost:
    """Spikes and operations of an inference that computes only where something arrives.

    Args:
        net: A spiking network.
        x: Events in bins; a bin with a count of 2 counts twice.
    """
    with torch.no_grad():
        levels = [x, *net.hidden(x)]
        total = [float(each.double().sum()) / len(x) for each in levels]
        sizes = [each[0, 0].numel() for each in levels[1:]]
    fans = [each.conv.weight[:, 0].numel() for each in net.layers if isinstance(each, SpikingConv)]
    operations = sum(count * fan for count, fan in zip(total, [*fans, net.head.out_features], strict=True))
    return InferenceCost(sum(total[1:]), operations, float(x.shape[1] * (sum(sizes) + net.head.out_features)))


def _pooled(potential: Frames) -> Frames:
    found: Tensor = functional.max_pool2d(potential.flatten(0, 1), 2)
    return found.reshape(*potential.shape[:2], *found.shape[1:])


def _scale(current: Tensor) -> float:
    spread = float(current.std())
    return 1 / spread if spread > 0 else 1.0
