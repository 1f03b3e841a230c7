"""The networks of the paper, in floating point, and what each is trained for and judged by."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.datasets import muon_tgc, svhn
from femtobarn.nn.quantised import QuantisedLinear
from femtobarn.systems.hgq.sample import Scale, Task

_TAIL = 30.0  # mrad; residuals beyond it do not count, as published


def network(task: Task, *, hidden: Sequence[int], norm: bool) -> nn.Module:
    """Untrained network of a task; `hidden` and `norm` are for jets."""
    if task == "jets":
        return jet_classifier(hidden, norm=norm)
    return svhn_classifier() if task == "svhn" else MuonTracker()


def jet_classifier(hidden: Sequence[int] = (64, 32, 32), *, norm: bool = True) -> nn.Sequential:
    """16 observables to 5 classes through layers of these widths, with batch normalisation if wanted."""
    sizes = (16, *hidden)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for place, (before, after) in enumerate(zip(sizes, hidden, strict=False), start=1):
        layers[f"dense{place}"] = nn.Linear(before, after)
        if norm:
            layers[f"norm{place}"] = nn.BatchNorm1d(after)
        layers[f"relu{place}"] = nn.ReLU()
    layers[f"dense{len(sizes)}"] = nn.Linear(sizes[-1], 5)
    return nn.Sequential(layers)


def svhn_classifier() -> nn.Sequential:
    """Three convolutions with pooling, three dense layers: 16, 16, 24 channels, then 42, 64, 10 values."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    side, channels = svhn.SIDE, 3
    for place, width in enumerate((16, 16, 24), start=1):
        layers[f"conv{place}"] = nn.Conv2d(channels, width, 3)
        layers[f"relu{place}"] = nn.ReLU()
        layers[f"pool{place}"] = nn.MaxPool2d(2)
        side, channels = (side - 2) // 2, width
    layers["flatten"] = nn.Flatten()
    sizes = (channels * side * side, 42, 64)
    for place, (before, after) in enumerate(zip(sizes, (42, 64), strict=False), start=1):
        layers[f"dense{place}"] = nn.Linear(before, after)
        layers[f"relu{place + 3}"] = nn.ReLU()
    layers["dense3"] = nn.Linear(sizes[-1], 10)
    return nn.Sequential(layers)


class MuonTracker(nn.Module):
    """Angle of a track: strips of each station joined over its layers, then over stations, then four layers.

    The published network has tanh behind the convolutions; here they end in ReLU, which needs no table. How its
    stations are joined we know in words only ("masked dense 50 x 50 between stations, add").
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = [layers.stop - layers.start for layers in muon_tgc.STATIONS]
        self.station1, self.station2, self.station3 = (
            nn.Sequential(nn.Conv1d(size, 1, 3, padding="same"), nn.ReLU(), nn.Flatten()) for size in sizes
        )
        strips = muon_tgc.STRIPS
        self.link2, self.link3 = nn.Linear(strips, strips), nn.Linear(strips, strips)
        self.dense1, self.dense2 = nn.Linear(strips, 28), nn.Linear(28, 14)
        self.dense3, self.dense4 = nn.Linear(14, 8), nn.Linear(8, 1)

    def forward(self, hits: Any) -> Any:  # tensors, or what stands for them while it is traced
        """Scaled angles (track, 1) for hits (track, 7, 50)."""
        first, second, third = muon_tgc.STATIONS
        outer = self.link2(self.station2(hits[:, second])) + self.link3(self.station3(hits[:, third]))
        x = torch.relu(self.station1(hits[:, first]) + outer)
        x = torch.relu(self.dense1(x))
        x = torch.relu(self.dense2(x))
        return self.dense4(torch.relu(self.dense3(x)))


def keep_masked(net: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set the weights outside the masks to zero, of a network in floating point or a quantised one."""
    with torch.no_grad():
        for name, mask in masks.items():
            layer = net.get_submodule(name)
            weight = layer.weights.weight if isinstance(layer, QuantisedLinear) else layer.weight
            assert isinstance(weight, Tensor)
            weight.mul_(mask)


def loss(task: Task, output: Float[Tensor, "event output"], y: Tensor) -> Tensor:
    """Cross-entropy, or the mean squared error of the scaled angle."""
    return F.mse_loss(output[:, 0], y) if task == "muon" else F.cross_entropy(output, y)


def quality(task: Task, output: np.ndarray, y: Tensor, scale: Scale) -> tuple[float, float]:
    """Accuracy and its error; for muons the resolution in mrad, with a minus so that more is better."""
    target = y.numpy()
    if task == "muon":
        residual = (output[:, 0].astype(np.float64) - target) * scale.unit
        core = residual[np.abs(residual) < _TAIL]
        if len(core) < len(residual) / 2:  # a resolution without most of the tracks would mean nothing
            return -math.inf, math.nan
        width = float(np.sqrt((core**2).mean()))
        return -width, width / math.sqrt(2 * len(core))
    share = float((output.argmax(axis=1) == target).mean())
    return share, math.sqrt(share * (1 - share) / len(target))
