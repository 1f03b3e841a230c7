"""GravNet: learned coordinates say who hears whom, and how well (Qasim et al. 2019, arXiv:1902.07987)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.ragged_neighbours import nearest_in_events

_STEEPNESS = 10.0  # weights are exp(-10 d^2)


class HitNeighbours(NamedTuple):
    """Who is near whom in the learned space."""

    rows: Int[Tensor, "hit count"]
    real: Bool[Tensor, "hit count"]
    square: Float[Tensor, "hit count"]  # squared distance


class GravNet(nn.Module):
    """New features of each hit from its nearest hits in a learned space, as in arXiv:2204.01681.

    Coordinates s = W x; features f = ReLU(dense(x)) of the K nearest are weighted with exp(-10 d^2); their mean and
    maximum, less the hit's own f, and x go through the last dense layer with ReLU. The hit itself is among the K.

    Args:
        features: Features of a hit before; the first `dimensions` of them are coordinates, which s is at first.
        outputs: Features after.
        dimensions: Of the learned space.
        neighbours: K.
        propagated: Features that are passed on.
        method: See `nearest_in_events`.
    """

    def __init__(
        self,
        features: int,
        outputs: int = 64,
        *,
        dimensions: int = 6,
        neighbours: int = 64,
        propagated: int = 64,
        method: str = "auto",
    ) -> None:
        super().__init__()
        self.neighbours, self.method = neighbours, method
        self.space = nn.Linear(features, dimensions, bias=False)
        with torch.no_grad():
            nn.init.normal_(self.space.weight, std=0.01)
            self.space.weight += torch.eye(dimensions, features)
        self.passed = nn.Linear(features, propagated)
        self.output = nn.Linear(features + 2 * propagated, outputs)

    def forward(
        self, x: Float[Tensor, "hit feature"], offset: Int[Tensor, " boundary"]
    ) -> tuple[Float[Tensor, "hit output"], HitNeighbours]:
        """New features, and the neighbours for layers after it."""
        s = self.space(x)
        index, real = nearest_in_events(s, offset, self.neighbours, method=self.method)
        near = HitNeighbours(index, real, squared_distances(s, index))
        heard = mean_and_largest(F.relu(self.passed(x)), near, near.square)
        return F.relu(self.output(torch.cat((heard, x), dim=1))), near


class DistanceMessages(nn.Module):
    """Some rounds of messages between the same neighbours, each with a distance scale of its own.

    In each round every hit stretches the distances to its neighbours by a learned factor from 1/4 to 4, hears the mean
    and the maximum of their features f = ReLU(dense(x)), weighted with exp(-10 d^2), less its own f, and keeps x beside
    what it has heard, which goes through a dense layer with ReLU (arXiv:2204.01681, HGCalML of May 2022).

    Args:
        features: Features of a hit before.
        widths: Features after each round.
    """

    def __init__(self, features: int, widths: Sequence[int] = (64, 64, 32, 32, 16, 16)) -> None:
        super().__init__()
        self.rounds = nn.ModuleList()
        self.features = features
        for width in widths:
            self.rounds.append(
                nn.ModuleDict(
                    {
                        "scale": nn.Linear(self.features, 1),
                        "passed": nn.Linear(self.features, width),
                        "output": nn.Linear(self.features + 2 * width, width),
                    }
                )
            )
            self.features = width

    def forward(self, x: Float[Tensor, "hit feature"], near: HitNeighbours) -> Float[Tensor, "hit output"]:
        """Features after all rounds."""
        for layer in self.rounds:
            parts = dict(layer.named_children())
            square = near.square * torch.pow(4.0, torch.tanh(parts["scale"](x)))
            heard = mean_and_largest(F.relu(parts["passed"](x)), near, square)
            x = F.relu(parts["output"](torch.cat((heard, x), dim=1)))
        return x


def squared_distances(
    s: Float[Tensor, "hit dimension"], index: Int[Tensor, "hit count"]
) -> Float[Tensor, "hit count"]:
    """Of each hit to its neighbours, with gradients to both."""
    return (s[:, None, :] - s[index]).square().sum(dim=2)


def mean_and_largest(
    f: Float[Tensor, "hit feature"], near: HitNeighbours, square: Float[Tensor, "hit count"]
) -> Float[Tensor, "hit two_features"]:
    """Mean and maximum of the neighbours' features, weighted with exp(-10 d^2), each less the hit's own."""
    weight = torch.where(near.real, torch.exp(-_STEEPNESS * square), 0.0)
    heard = f[near.rows] * weight[:, :, None]
    mean = heard.sum(dim=1) / near.real.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.cat((mean - f, heard.amax(dim=1) - f), dim=1)
