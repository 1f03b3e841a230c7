"""The networks by which fixed-point trainings for FPGAs are compared (arXiv:2405.00645): jets, digits, muons."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


def jet_classifier(hidden: Sequence[int] = (64, 32, 32), *, norm: bool = True) -> nn.Sequential:
    """Scores (jet, 5) from observables (jet, 16).

    Args:
        hidden: Widths of the layers between.
        norm: Batch normalisation in each of them.
    """
    sizes = (16, *hidden)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for place, (before, after) in enumerate(zip(sizes, hidden, strict=False), start=1):
        layers[f"dense{place}"] = nn.Linear(before, after)
        if norm:
            layers[f"norm{place}"] = nn.BatchNorm1d(after)
        layers[f"relu{place}"] = nn.ReLU()
    layers[f"dense{len(sizes)}"] = nn.Linear(sizes[-1], 5)
    return nn.Sequential(layers)


def digit_classifier(side: int = 32) -> nn.Sequential:
    """Scores (image, 10) from images (image, 3, side, side): three convolutions with pooling, three dense layers."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
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
    """Scaled angle of a track: strips of each station joined over its layers, then over stations, then four layers.

    The published network has tanh behind the convolutions; here they end in ReLU, which needs no table. How its
    stations are joined we know in words only ("masked dense 50 x 50 between stations, add").

    Args:
        stations: Layers of each station, the first one first.
        strips: Of each layer.
    """

    def __init__(self, *, stations: tuple[int, int, int] = (3, 2, 2), strips: int = 50) -> None:
        super().__init__()
        self.stations = stations
        self.station1, self.station2, self.station3 = (
            nn.Sequential(nn.Conv1d(layers, 1, 3, padding="same"), nn.ReLU(), nn.Flatten())
            for layers in stations
        )
        self.link2, self.link3 = nn.Linear(strips, strips), nn.Linear(strips, strips)
        self.dense1, self.dense2 = nn.Linear(strips, 28), nn.Linear(28, 14)
        self.dense3, self.dense4 = nn.Linear(14, 8), nn.Linear(8, 1)

    def forward(self, hits: Any) -> Any:  # tensors, or what stands for them while it is traced
        """Scaled angles (track, 1) from hits (track, layer, strip)."""
        second = self.stations[0]
        third = second + self.stations[1]
        outer = self.link2(self.station2(hits[:, second:third])) + self.link3(self.station3(hits[:, third:]))
        x = torch.relu(self.station1(hits[:, :second]) + outer)
        x = torch.relu(self.dense1(x))
        x = torch.relu(self.dense2(x))
        return self.dense4(torch.relu(self.dense3(x)))
