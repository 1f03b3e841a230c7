"""Encoders of one-channel images with what contrastive learning and self-labelling need beside them."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.efficientnet_lite import load_efficientnet_lite0

Images = Float[Tensor, "image row column"]

_REACH = 4  # pixels, of the blur


class ImageEncoder(nn.Module):
    """Features of images, and the projection that a contrastive loss compares and nothing else uses.

    Pixels that are not inside cannot influence the features.

    Args:
        inside: Pixels that count, of images of this size.
        trunk: From (image, 1, row, column) to (image, feature); `small_trunk` if not given.
        stabilise: See square roots under a blur of one pixel instead of the images.
        projection: Widths of the two layers of the projection.
    """

    inside: Tensor
    kernel: Tensor

    def __init__(
        self,
        inside: Bool[Tensor, "row column"],
        trunk: nn.Module | None = None,
        *,
        stabilise: bool = False,
        projection: tuple[int, int] = (128, 64),
    ) -> None:
        super().__init__()
        if not inside.any():
            raise InputError(f"expected some of {tuple(inside.shape)} pixels inside, got none")
        self.register_buffer("inside", inside)
        bell = torch.exp(-0.5 * torch.arange(-_REACH, _REACH + 1.0) ** 2)
        self.register_buffer("kernel", bell / bell.sum(), persistent=False)
        self.stabilise = stabilise
        self.trunk = small_trunk(inside.shape[0], inside.shape[1]) if trunk is None else trunk
        with torch.no_grad():
            self.outputs = int(self.trunk.eval()(torch.zeros(1, 1, *inside.shape)).shape[1])
        self.trunk.train()
        hidden, last = projection
        self.projection = nn.Sequential(nn.Linear(self.outputs, hidden), nn.ReLU(), nn.Linear(hidden, last))

    def forward(self, images: Images) -> Float[Tensor, "image feature"]:
        """Features of images with values from 0 to about 1."""
        seen = torch.where(self.inside, images, 0.0)[:, None]
        return self.trunk(self._stabilised(seen) if self.stabilise else seen)

    def project(self, images: Images) -> Float[Tensor, "image projection"]:
        """What the contrastive loss compares."""
        return self.projection(self(images))

    def _stabilised(self, images: Float[Tensor, "image 1 row column"]) -> Float[Tensor, "image 1 row column"]:
        root = F.pad(images.clamp(min=0).sqrt(), (_REACH,) * 4)
        blurred = F.conv2d(F.conv2d(root, self.kernel.view(1, 1, -1, 1)), self.kernel.view(1, 1, 1, -1))
        inside = torch.where(self.inside, blurred, 0.0)
        return inside / inside.amax(dim=(2, 3), keepdim=True).clamp(min=1e-9)


class ClusterNetwork(nn.Module):
    """An encoder with a linear head on its features: the probability of each cluster.

    Args:
        encoder: Trained.
        clusters: Outputs.
    """

    def __init__(self, encoder: ImageEncoder, clusters: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(encoder.outputs, clusters)

    def forward(self, images: Images) -> Float[Tensor, "image cluster"]:
        """Probabilities."""
        return self.head(self.encoder(images)).softmax(dim=1)


def small_trunk(
    rows: int, columns: int, *, widths: Sequence[int] = (24, 48, 96, 128), outputs: int = 128, groups: int = 0
) -> nn.Sequential:
    """Blocks of a convolution of stride 2, a normalisation and a ReLU, then a linear layer on the grid that is left.

    Args:
        rows, columns: Of the images.
        widths: Channels of the blocks.
        outputs: Features of an image.
        groups: Of the channels of a group normalisation, for batches too small for the usual batch normalisation;
            0 for the latter.

    Raises:
        InputError: Images too small for so many blocks.
    """
    if min(rows, columns) < 2 ** len(widths):
        raise InputError(f"expected at least {2 ** len(widths)} pixels a side, got {rows} x {columns}")
    made: list[nn.Module] = []
    for before, after in zip((1, *widths), widths, strict=False):
        norm = nn.GroupNorm(groups, after) if groups else nn.BatchNorm2d(after)
        made += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), norm, nn.ReLU()]
        rows, columns = -(-rows // 2), -(-columns // 2)
    return nn.Sequential(*made, nn.Flatten(), nn.Linear(widths[-1] * rows * columns, outputs))


class Lite0Trunk(nn.Module):
    """EfficientNet-Lite0 with the weights of ImageNet, averaged over the image; they may be trained on.

    Raises:
        MissingExtraError: Its weights are not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = load_efficientnet_lite0((15,)).requires_grad_(True)

    def forward(self, images: Float[Tensor, "image 1 row column"]) -> Float[Tensor, "image 320"]:
        """Features."""
        return self.network(images[:, 0]).mean(dim=(2, 3))
