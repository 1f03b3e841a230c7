"""The published chain of networks: what is clean, what differs from it, and whether that is a defect on a sensor."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.losses import binary_focal
from femtobarn.nn.patch_autoencoder import KERNELS, WIDTHS, PatchAutoencoder
from femtobarn.nn.patch_classifier import STAGES, BackgroundNet, PatchClassifier
from femtobarn.nn.patches import cut_patches


class PatchInspector(nn.Module):
    """The score of each patch of an image that it shows a defect (arXiv:2303.15319).

    Args:
        classifier: Of patches.
        autoencoder: The classifier sees how patches differ from what it makes of them; without one, the patches.
        background: Of patches beside the sensor, which get the score 0.
        patch: Side of a patch in pixels.
    """

    def __init__(
        self,
        classifier: PatchClassifier,
        *,
        autoencoder: PatchAutoencoder | None = None,
        background: BackgroundNet | None = None,
        patch: int = 160,
    ) -> None:
        super().__init__()
        self.classifier, self.autoencoder, self.background = classifier, autoencoder, background
        self.patch = patch

    def seen(self, images: Float[Tensor, "image height width"]) -> Float[Tensor, "image height width"]:
        """What the classifier sees: the absolute difference to the reconstruction, or the image itself."""
        if self.autoencoder is None:
            return images
        with torch.no_grad():
            return (images - self.autoencoder(images)).abs()

    def forward(self, images: Float[Tensor, "image height width"]) -> Float[Tensor, "image row column"]:
        """Probability of a defect, 0 beside the sensor."""
        patches = cut_patches(self.seen(images), self.patch)
        flat = patches.flatten(0, 2)
        score = torch.sigmoid(self.classifier(flat)).view(patches.shape[:3])
        if self.background is not None:
            score = torch.where(self.background(images) > 0, 0.0, score)
        return score

    def loss(
        self,
        patches: Float[Tensor, "patch size size"],
        defect: Bool[Tensor, "patch"],
        background: Bool[Tensor, "patch"],
    ) -> Float[Tensor, ""]:
        """Focal loss of the classifier, with the cross entropy of the background where there is a network for it.

        In training the patches are turned and flipped at random, and those with a defect scaled by 0.75 to 1.25.
        """
        x = self.seen(patches)
        if self.training:
            factor = torch.where(defect, torch.empty(len(x), device=x.device).uniform_(0.75, 1.25), 1.0)
            x = torch.rot90(x * factor[:, None, None], int(torch.randint(4, ())), (1, 2))
            x = x.flip(2) if torch.rand(()) < 0.5 else x
        loss = binary_focal(self.classifier(x), defect)
        if self.background is not None:
            beside = self.background(patches)[:, 0, 0]
            loss = loss + F.binary_cross_entropy_with_logits(beside, background.to(beside.dtype))
        return loss


@dataclass(frozen=True)
class PatchNetworks:
    """Sizes of the networks; the defaults are the published ones, for patches of 160 pixels."""

    kernels: tuple[tuple[int, int], ...] = KERNELS
    """Kernels of the autoencoder's convolutions."""
    widths: tuple[int, ...] = WIDTHS
    """Widths of the autoencoder's layers."""
    latent: int = 16
    """Numbers of a patch in the autoencoder, and principal components."""
    stages: tuple[tuple[int, ...], ...] = STAGES
    """Channels of the classifier's convolutions between two poolings."""
    dense: tuple[int, ...] = (128, 64)
    """Widths of the classifier's dense layers."""
    background: tuple[int, ...] = (4, 10, 4)
    """Kernels of the network that knows patches beside the sensor."""

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return math.prod(kernel[0] for kernel in self.kernels)

    def autoencoder(self) -> PatchAutoencoder:
        """An untrained one."""
        return PatchAutoencoder(kernels=self.kernels, widths=self.widths, latent=self.latent)

    def inspector(self, *, of_difference: bool = True) -> PatchInspector:
        """An untrained one; its autoencoder, if it sees differences, is not trained with it."""
        return PatchInspector(
            PatchClassifier(self.patch, stages=self.stages, dense=self.dense),
            autoencoder=self.autoencoder().requires_grad_(False) if of_difference else None,
            background=BackgroundNet(kernels=self.background),
            patch=self.patch,
        )
