"""Networks that tell patches with a defect, and patches beside the sensor (arXiv:2303.15319)."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError

STAGES = ((32, 32), (64, 64), (64, 64, 64), (128, 128, 128), (256, 256, 256))  #: published


class PatchClassifier(nn.Module):
    """The logit that a patch shows a defect, from the patch or from its difference to a clean one.

    Args:
        patch: Side of a patch in pixels; 160 as published.
        stages: Channels of the convolutions between two poolings, which halve the sides.
        dense: Widths of the layers behind.
        dropout: Behind each of these.
    """

    def __init__(
        self,
        patch: int = 160,
        *,
        stages: Sequence[Sequence[int]] = STAGES,
        dense: Sequence[int] = (128, 64),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not stages or patch % 2 ** len(stages):
            raise InputError(f"expected a side that can be halved {len(stages)} times, got {patch}")
        layers: list[nn.Module] = []
        channels = 1
        for stage in stages:
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.Flatten())
        channels *= (patch // 2 ** len(stages)) ** 2
        for width in dense:
            layers += [nn.Linear(channels, width), nn.ReLU(), nn.Dropout(dropout)]
            channels = width
        self.layers = nn.Sequential(*layers, nn.Linear(channels, 1))

    def forward(self, patches: Float[Tensor, "patch size size"]) -> Float[Tensor, "patch"]:
        """A logit each."""
        return self.layers(patches[:, None])[:, 0]


class BackgroundNet(nn.Module):
    """The logit of each patch of an image that it lies beside the sensor.

    Args:
        kernels: Sides of the convolutions, which are their strides as well; their product is the side of a patch.
        widths: Channels behind each.
        dropout: Before the last layer.
    """

    def __init__(
        self,
        *,
        kernels: Sequence[int] = (4, 10, 4),
        widths: Sequence[int] = (16, 32, 64),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if len(kernels) != len(widths):
            raise InputError(f"expected a width for each kernel, got {len(widths)} for {len(kernels)}")
        layers: list[nn.Module] = []
        for before, after, kernel in zip((1, *widths[:-1]), widths, kernels, strict=True):
            layers += [nn.Conv2d(before, after, kernel, kernel), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Conv2d(widths[-1], 1, 1))

    def forward(self, images: Float[Tensor, "image height width"]) -> Float[Tensor, "image row column"]:
        """A logit for each patch."""
        return self.layers(images[:, None])[:, 0]
