"""Autoencoder that codes each patch of an image by itself, and its linear twin.

Groenroos, Pierini, Chernyavskaya, arXiv:2303.15319. All kernels are as large as their strides, so that nothing
passes from patch to patch: it is an autoencoder of patches, applied to whole images.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.patches import cut_patches, join_patches

Kernels = Sequence[tuple[int, int]]
KERNELS = ((5, 4), (2, 2), (4, 2), (2, 5), (2, 2))  #: published: patches of 160 x 160 pixels
WIDTHS = (128, 128, 64, 64, 32)  #: published


class PatchAutoencoder(nn.Module):
    """Images from a grid of a few numbers for each patch; the defaults are the published sizes.

    Args:
        kernels: Height and width of the convolutions of the encoder, which are their strides as well; their products
            are the sides of a patch.
        widths: Channels behind each.
        latent: Numbers that a patch is coded by.
    """

    def __init__(
        self, *, kernels: Kernels = KERNELS, widths: Sequence[int] = WIDTHS, latent: int = 16
    ) -> None:
        super().__init__()
        if len(kernels) != len(widths) or not kernels:
            raise InputError(f"expected a width for each kernel, got {len(widths)} for {len(kernels)}")
        self.patch = math.prod(k[0] for k in kernels), math.prod(k[1] for k in kernels)
        down: list[nn.Module] = []
        for before, after, kernel in zip((1, *widths[:-1]), widths, kernels, strict=True):
            down += [nn.Conv2d(before, after, kernel, kernel), nn.ELU()]
        self.encoder = nn.Sequential(*down, nn.Conv2d(widths[-1], latent, 1))
        up: list[nn.Module] = [nn.Conv2d(latent, widths[-1], 1), nn.ReLU()]
        for before, after, kernel in zip(widths[::-1], (*widths[-2::-1], 1), kernels[::-1], strict=True):
            up += [nn.ConvTranspose2d(before, after, kernel, kernel), nn.ReLU()]
        self.decoder = nn.Sequential(*up)
        with torch.no_grad():  # the last ReLU would be dead for images that begin below zero
            up[-2].bias.fill_(0.5)  # type: ignore[operator]

    def encode(self, images: Float[Tensor, "image height width"]) -> Float[Tensor, "image latent row column"]:
        """The numbers of each patch.

        Raises:
            InputError: The sides are no multiples of those of a patch.
        """
        _check(images, self.patch)
        return self.encoder(images[:, None])

    def forward(self, images: Float[Tensor, "image height width"]) -> Float[Tensor, "image height width"]:
        """What the code keeps of images with values from 0 to 1."""
        return self.decoder(self.encode(images))[:, 0]


class PatchPca(nn.Module):
    """The best linear autoencoder of patches: their mean and their first principal components.

    `fit` gives one that is fitted; the arguments here make one to load.

    Args:
        patch: Side of a patch in pixels.
        components: How many.
    """

    mean: Tensor
    directions: Tensor

    def __init__(self, patch: int, components: int) -> None:
        super().__init__()
        self.patch = patch
        self.register_buffer("mean", torch.zeros(patch * patch))
        self.register_buffer("directions", torch.zeros(components, patch * patch))

    @classmethod
    def fit(cls, patches: Float[Tensor, "patch size size"], components: int, *, seed: int = 0) -> "PatchPca":
        """Mean and first components of patches, by subspace iteration from a random start.

        Raises:
            InputError: Not more patches than components.
        """
        if not 1 <= components < min(len(patches), patches[0].numel()):
            raise InputError(
                f"expected fewer components than patches and pixels: got {components}, {tuple(patches.shape)}"
            )
        pca, rows = cls(patches.shape[1], components), patches.flatten(1)
        pca.mean.copy_(rows.mean(dim=0))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            extra = min(components + 8, min(rows.shape))
            _, _, found = torch.svd_lowrank(rows - pca.mean, q=extra, niter=8)
        pca.directions.copy_(found.T[:components])
        return pca

    def forward(self, images: Float[Tensor, "image height width"]) -> Float[Tensor, "image height width"]:
        """What the mean plane keeps of images."""
        patches = cut_patches(images, self.patch)
        rows = patches.flatten(3) - self.mean
        kept = self.mean + rows @ self.directions.T @ self.directions
        return join_patches(kept.view(patches.shape))


def _check(images: Tensor, patch: tuple[int, int]) -> None:
    height, width = images.shape[1:]
    if height % patch[0] or width % patch[1]:
        raise InputError(f"expected images of whole patches of {patch}, got {height} x {width}")
