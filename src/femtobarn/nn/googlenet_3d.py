"""A 3-D GoogLeNet: inception blocks of three-dimensional convolutions (arXiv:1912.06794, after arXiv:1409.4842)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BLOCKS", "GoogLeNet3d", "Inception", "MaxPool"]

#: Channels of the inception blocks: 1 x 1, reduction and 3 x 3, reduction and twice 3 x 3, pool.
BLOCKS: dict[str, tuple[int, int, int, int, int, int]] = {
    "a3": (64, 96, 128, 16, 32, 32),
    "b3": (128, 128, 192, 32, 96, 64),
    "a4": (192, 96, 208, 16, 48, 64),
    "b4": (160, 112, 224, 24, 64, 64),
    "c4": (128, 128, 256, 24, 64, 64),
    "d4": (112, 144, 288, 32, 64, 64),
    "e4": (256, 160, 320, 32, 128, 128),
    "a5": (256, 160, 320, 32, 128, 128),
    "b5": (384, 192, 384, 48, 128, 128),
}
PUBLISHED = (("a3", "b3"), ("a4", "b4", "c4", "d4", "e4"), ("a5", "b5"))


class GoogLeNet3d(nn.Module):
    """Features of an image of cells: convolution, inception blocks, mean over the cells.

    Args:
        width: By which all channels are multiplied.
        stride: Of the first convolution; 1 as published.
        blocks: Names of `BLOCKS`, in groups with pooling between them.

    Attributes:
        channels: Number of features.
    """

    def __init__(
        self, *, width: float = 1.0, stride: int = 1, blocks: Sequence[Sequence[str]] = PUBLISHED
    ) -> None:
        super().__init__()
        channels = _scaled(192, width)
        stages: list[nn.Module] = [nn.InstanceNorm3d(1), _convolution(1, channels, 3, stride=stride)]
        for place, group in enumerate(blocks):
            if place:
                stages.append(MaxPool(stride=2))
            for name in group:
                stages.append(Inception(channels, *(_scaled(c, width) for c in BLOCKS[name])))
                channels = sum(_scaled(BLOCKS[name][i], width) for i in (0, 2, 4, 5))
        self.channels = channels
        self.stages = nn.Sequential(*stages, nn.AdaptiveAvgPool3d(1), nn.Flatten())

    def forward(self, cells: Float[Tensor, "image x y z"]) -> Float[Tensor, "image feature"]:
        """The features."""
        found: Tensor = self.stages(cells.unsqueeze(1))
        return found


class Inception(nn.Module):
    """Four ways through a block side by side; the third has two 3 x 3 x 3 convolutions in place of a 5 x 5 x 5."""

    def __init__(
        self, channels: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int
    ) -> None:
        super().__init__()
        self.one = _convolution(channels, one, 1)
        self.three = nn.Sequential(_convolution(channels, reduce3, 1), _convolution(reduce3, three, 3))
        self.five = nn.Sequential(
            _convolution(channels, reduce5, 1), _convolution(reduce5, five, 3), _convolution(five, five, 3)
        )
        self.pool = nn.Sequential(MaxPool(stride=1), _convolution(channels, pool, 1))

    def forward(self, x: Float[Tensor, "image channel x y z"]) -> Float[Tensor, "image out x y z"]:
        """The channels of all four."""
        return torch.cat((self.one(x), self.three(x), self.five(x), self.pool(x)), dim=1)


class MaxPool(nn.Module):
    """The largest of 3 x 3 x 3 cells, channels kept last in memory: a CPU is some ten times faster there."""

    def __init__(self, *, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Float[Tensor, "image channel x y z"]) -> Float[Tensor, "image channel u v w"]:
        """Padded with nothing at the faces."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        return F.max_pool3d(x, 3, stride=self.stride, padding=1)


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm3d(outputs, eps=1e-7),
        nn.ReLU(),
    )


def _scaled(channels: int, width: float) -> int:
    return max(2, round(channels * width))
