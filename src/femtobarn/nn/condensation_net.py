"""Hits in, objects out: GravNet blocks with the heads of object condensation (arXiv:2204.01681)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.gravnet import DistanceMessages, GravNet

INPUTS = ("energy", "x", "y", "z", "time", "size")  #: of a hit: GeV, mm, ns, mm
_LATERAL, _DEPTH, _FACE = 50.0, 1500.0, 3200.0  # mm; units of the first coordinates
_FEATURES = 9


class Condensed(NamedTuple):
    """What the network says of each hit."""

    beta: Float[Tensor, " hit"]
    x: Float[Tensor, "hit dimension"]
    distance: Float[Tensor, " hit"]  # from 0 to 2
    factor: Float[Tensor, " hit"]  # true over summed energy of the hit's object


class CondensationNet(nn.Module):
    """Blocks of global exchange, dense layers, GravNet and messages; their outputs together go to the heads.

    Defaults as in the snapshot of May 2022. Clusters are sought in the coordinates of the hit, seen from the collision
    (x and y times face / z), and what the network adds to them.

    Args:
        width: Of dense layers and of the blocks' outputs.
        blocks: Their number.
        neighbours, dimensions, propagated: See `GravNet`.
        messages: Widths of the rounds of messages in each block.
        space: Dimensions of the cluster space, at least 3.
        momentum: Of the running means of the batch norms.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 2,
        neighbours: int = 64,
        dimensions: int = 6,
        propagated: int = 64,
        messages: Sequence[int] = (64, 64, 32, 32, 16, 16),
        space: int = 3,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.space = space
        self.first = nn.BatchNorm1d(_FEATURES, momentum=momentum)
        self.blocks = nn.ModuleList()
        features = _FEATURES
        for _ in range(blocks):
            gravnet = GravNet(
                width + 3, width, dimensions=dimensions, neighbours=neighbours, propagated=propagated
            )
            passing = DistanceMessages(2 * width, messages)
            self.blocks.append(
                nn.ModuleDict(
                    {
                        "dense": _dense(4 * features, (width, width), momentum),
                        "gravnet": gravnet,
                        "messages": passing,
                        "after": _dense(passing.features + 2 * width, (width, width), momentum),
                    }
                )
            )
            features = width
        self.last = _dense(blocks * width + 3, (width, width), momentum)
        self.heads = nn.Linear(width, 3 + space)
        nn.init.normal_(self.heads.weight, std=0.01)
        nn.init.zeros_(self.heads.bias)
        self.gain = nn.Parameter(torch.ones(3))

    def forward(self, hits: Float[Tensor, "hit 6"], offset: Int[Tensor, " boundary"]) -> Condensed:
        """beta, cluster coordinates, distance and energy factor of each hit; columns of the hits are `INPUTS`."""
        place = coordinates(hits)
        x = self.first(features(hits))
        made = [place]
        for block in self.blocks:
            parts = dict(block.named_children())
            h = parts["dense"](exchanged(x, offset))
            g, near = parts["gravnet"](torch.cat((place, h), dim=1), offset)
            h = torch.cat((h, g), dim=1)
            x = parts["after"](torch.cat((parts["messages"](h, near), h), dim=1))
            made.append(x)
        out = self.heads(self.last(torch.cat(made, dim=1)))
        beta, distance, factor, moved = out.split((1, 1, 1, self.space), dim=1)
        fixed = F.pad(self.gain * place, (0, self.space - 3))
        return Condensed(
            torch.sigmoid(beta.squeeze(1)) * (1 - 2e-4) + 1e-4,
            fixed + moved,
            2 * torch.sigmoid(distance.squeeze(1)),
            F.relu(1 + factor.squeeze(1)),
        )


def coordinates(hits: Float[Tensor, "hit 6"]) -> Float[Tensor, "hit 3"]:
    """x and y on the face as seen from the collision in units of 50 mm, depth in units of 1.5 m."""
    z = hits[:, 3].clamp(min=1.0)
    return torch.stack(
        (
            hits[:, 1] * _FACE / z / _LATERAL,
            hits[:, 2] * _FACE / z / _LATERAL,
            (hits[:, 3] - _FACE) / _DEPTH,
        ),
        dim=1,
    )


def features(hits: Float[Tensor, "hit 6"]) -> Float[Tensor, "hit 9"]:
    """What the first layer is given: energy and its logarithm, eta, theta, radius, x, y, depth, time.

    The size of the cell is not among them: in this endcap it is a function of place.
    """
    energy, x, y, z, time, _ = hits.unbind(dim=1)
    r = torch.hypot(x, y).clamp(min=1.0)
    theta = torch.atan2(r, z)
    columns = (
        torch.log(energy.clamp(min=1e-4)),
        energy.clamp(max=10.0),
        torch.asinh(z / r),
        10 * theta,
        r / 1e3,
        x / 1e3,
        y / 1e3,
        (z - _FACE) / _DEPTH,
        time.clamp(-1, 2),
    )
    return torch.stack(columns, dim=1)


def exchanged(
    x: Float[Tensor, "hit feature"], offset: Int[Tensor, " boundary"]
) -> Float[Tensor, "hit four_features"]:
    """Each hit's features beside their mean, minimum and maximum over its event."""
    parts = []
    bounds = offset.cpu().tolist()
    for start, stop in pairwise(bounds):
        some = x[start:stop]
        if stop > start:
            whole = torch.cat((some.mean(dim=0), some.amin(dim=0), some.amax(dim=0)))
            parts.append(torch.cat((some, whole.expand(len(some), -1)), dim=1))
    return torch.cat(parts) if parts else x.new_zeros((0, 4 * x.shape[1]))


def _dense(features: int, widths: Sequence[int], momentum: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.BatchNorm1d(features, momentum=momentum))
