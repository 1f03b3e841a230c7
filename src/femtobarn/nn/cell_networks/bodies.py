"""Features from the cells of an ECAL and an HCAL, and from additional inputs: three networks (arXiv:1912.06794)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.googlenet_3d import PUBLISHED, GoogLeNet3d
from femtobarn.physics.calorimeter_cells import ECAL, HCAL


class CellDnn(nn.Module):
    """All cells in a row through dense layers; the first has no activation, as in the published code.

    Args:
        window: Cells of the ECAL in x and y.
        given: Number of additional inputs beside the cells.
        hidden: Width of all layers, and number of features.
        layers: Hidden layers after the first.
        dropout: After each hidden layer.
    """

    def __init__(
        self, *, window: int, given: int, hidden: int = 512, layers: int = 4, dropout: float = 0.04
    ) -> None:
        super().__init__()
        inputs = window * window * ECAL[2] + HCAL[0] * HCAL[1] * HCAL[2] + given
        self.first = nn.Linear(inputs, hidden)
        self.dense = dense(hidden, hidden, layers, dropout)

    def forward(
        self,
        ecal: Float[Tensor, "shower x y layer"],
        hcal: Float[Tensor, "shower u v depth"],
        given: Float[Tensor, "shower given"],
    ) -> Float[Tensor, "shower feature"]:
        """Features of the last hidden layer."""
        return self.dense(self.first(torch.cat((ecal.flatten(1), hcal.flatten(1), given), dim=1)))


class CellCnn(nn.Module):
    """One convolution and pooling for each calorimeter, then dense layers.

    Args:
        window, given: See `CellDnn`.
        filters: Channels of the ECAL and of the HCAL convolution.
        kernel: Cells of the ECAL's convolution along each axis.
        hidden: Width of the dense layers, and number of features.
        layers: Dense layers.
        dropout: After each dense layer.
    """

    def __init__(
        self,
        *,
        window: int,
        given: int,
        filters: int = 3,
        kernel: int = 4,
        hidden: int = 512,
        layers: int = 4,
        dropout: float = 0.12,
    ) -> None:
        super().__init__()
        self.ecal = nn.Conv3d(1, filters, kernel)
        self.hcal = nn.Conv3d(1, filters, (2, 2, 6))
        across, deep = (window - kernel + 1) // 2, (ECAL[2] - kernel + 1) // 2
        flat = filters * (across * across * deep + 5 * 5 * 27)
        self.dense = dense(flat + given, hidden, layers, dropout)

    def forward(
        self,
        ecal: Float[Tensor, "shower x y layer"],
        hcal: Float[Tensor, "shower u v depth"],
        given: Float[Tensor, "shower given"],
    ) -> Float[Tensor, "shower feature"]:
        """Features of the last hidden layer."""
        seen = [
            F.max_pool3d(F.relu(convolution(part.unsqueeze(1))), 2).flatten(1)
            for convolution, part in ((self.ecal, ecal), (self.hcal, hcal))
        ]
        return self.dense(torch.cat((*seen, given), dim=1))


class CellGoogLeNet(nn.Module):
    """A 3-D GoogLeNet on the ECAL alone, then a dense layer; the HCAL enters through the additional inputs.

    Args:
        given: Number of additional inputs beside the cells.
        width, stride, blocks: See `GoogLeNet3d`.
        hidden: Width of the dense layer, and number of features.
        dropout: After it.
    """

    def __init__(
        self,
        *,
        given: int,
        width: float = 1.0,
        stride: int = 1,
        blocks: Sequence[Sequence[str]] = PUBLISHED,
        hidden: int = 1024,
        dropout: float = 0.01,
    ) -> None:
        super().__init__()
        self.blocks = GoogLeNet3d(width=width, stride=stride, blocks=blocks)
        self.dense = dense(self.blocks.channels + given, hidden, 1, dropout)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(
        self,
        ecal: Float[Tensor, "shower x y layer"],
        hcal: Float[Tensor, "shower u v depth"],
        given: Float[Tensor, "shower given"],
    ) -> Float[Tensor, "shower feature"]:
        """Features of the dense layer."""
        return self.dense(torch.cat((self.blocks(ecal), given), dim=1))


def dense(inputs: int, hidden: int, layers: int, dropout: float) -> nn.Sequential:
    """Hidden layers with ReLU and dropout."""
    parts: list[nn.Module] = []
    for place in range(layers):
        parts += [nn.Linear(hidden if place else inputs, hidden), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*parts)
