"""A residual network for images of three dimensions (He et al., arXiv:1512.03385, with 18 layers)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ResidualBlock3d(nn.Module):
    """Two convolutions with batch norm, added to what came in."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.ReLU(),
            nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.skip = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Float[Tensor, "image in_channel a b c"]) -> Float[Tensor, "image channel d e f"]:
        """The features, on a coarser grid if the block has a stride."""
        return torch.relu(self.body(x) + self.skip(x))


class ShowerResNet(nn.Module):
    """The convolutional classifier of the CaloChallenge for data sets 2 and 3 (arXiv:2410.21611).

    Rows are as for its other classifiers: log10 of the incident energy, then the voxels over that energy. The
    voxels become an image of (layer, slice, ring); the incident energy joins, batch-normed, before the last layer.

    Args:
        shape: Layers, slices and rings: (45, 16, 9) or (45, 50, 18).
        outputs: 1 for a logit, or one for each class.
        widths: Channels of the four stages of two blocks each.
    """

    def __init__(
        self, shape: tuple[int, int, int], outputs: int = 1, *, widths: Sequence[int] = (32, 64, 64, 128)
    ) -> None:
        super().__init__()
        self.shape = shape
        stages: list[nn.Module] = []
        for place, (before, width) in enumerate(zip((widths[0], *widths), widths, strict=False)):
            stages += [
                ResidualBlock3d(before, width, stride=1 if place == 0 else 2),
                ResidualBlock3d(width, width),
            ]
        self.image = nn.Sequential(
            nn.Conv3d(1, widths[0], 7, 2, 3, bias=False),
            nn.BatchNorm3d(widths[0]),
            nn.ReLU(),
            nn.MaxPool3d(3, 2, 1),
            *stages,
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
        )
        self.energy = nn.BatchNorm1d(1)
        self.last = nn.Linear(widths[-1] + 1, outputs)

    def forward(self, x: Float[Tensor, "shower feature"]) -> Float[Tensor, "shower output"]:
        """One logit or the scores of all classes for each shower."""
        image = self.image(x[:, 1:].reshape(-1, 1, *self.shape))
        scores: Tensor = self.last(torch.cat((image, self.energy(x[:, :1])), dim=1))
        return scores
