"""From an image and a few settings of a machine to the map behind it, through a short code that can be tuned."""

import itertools
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError


class MapInverse(nn.Module):
    """Convolutions and dense layers to a code, transposed convolutions to a map that sums to one.

    The settings join before the code (the layout of arXiv:2107.06207, whose sizes are not public). The loss is the
    cross entropy with the true map: mean squared errors of such maps end at the mean map.

    Args:
        pixels: Side of the images, a power of two from 8 on.
        size: Side of the maps, likewise.
        settings: Numbers that describe the machine, in their own units.
        codes: Length of the code.
        channels: Of the first convolution.
    """

    centre: Tensor
    scale: Tensor
    spread: Tensor

    def __init__(
        self, pixels: int = 32, size: int = 32, *, settings: int = 1, codes: int = 8, channels: int = 16
    ) -> None:
        super().__init__()
        if any(side < 8 or side & (side - 1) for side in (pixels, size)) or min(codes, channels) < 1:
            raise InputError(f"expected sides that are powers of two from 8 on, got {pixels} and {size}")
        self.pixels = pixels
        widths = [1, channels, *[2 * channels] * (int(math.log2(pixels)) - 3)]
        down = [
            layer
            for a, b in itertools.pairwise(widths)
            for layer in (nn.Conv2d(a, b, 3, stride=2, padding=1), nn.LeakyReLU(0.1))
        ]
        self.image = nn.Sequential(*down, nn.Flatten(), nn.Linear(16 * widths[-1], 64), nn.LeakyReLU(0.1))
        self.code = nn.Linear(64 + settings, codes)
        steps = int(math.log2(size)) - 2
        shrinking = [max(2 * channels >> i, 4) for i in range(steps + 1)]
        up = [
            layer
            for a, b in itertools.pairwise(shrinking)
            for layer in (nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.1))
        ]
        self.map = nn.Sequential(
            nn.Linear(codes, 64), nn.LeakyReLU(0.1), nn.Linear(64, 16 * shrinking[0]), nn.LeakyReLU(0.1),
            nn.Unflatten(1, (shrinking[0], 4, 4)), *up, nn.Conv2d(shrinking[-1], 1, 3, padding=1),
        )  # fmt: skip
        self.register_buffer("centre", torch.zeros(settings))
        self.register_buffer("scale", torch.ones(settings))
        self.register_buffer("spread", torch.ones(codes))

    @torch.no_grad()
    def learn_scale(self, settings: Float[Tensor, "shot setting"]) -> None:
        """Keep mean and standard deviation of the settings, by which they are normalised."""
        self.centre.copy_(settings.mean(dim=0))
        self.scale.copy_((settings - self.centre).square().mean(dim=0).sqrt().clamp(min=1e-12))

    @torch.no_grad()
    def learn_spread(
        self, images: Float[Tensor, "shot pixel pixel"], settings: Float[Tensor, "shot setting"]
    ) -> None:
        """Keep the standard deviation of each number of the code: the unit in which feedback moves it."""
        self.spread.copy_(self.encode(images, settings).std(dim=0).clamp(min=1e-6))

    def encode(
        self, images: Float[Tensor, "shot pixel pixel"], settings: Float[Tensor, "shot setting"]
    ) -> Float[Tensor, "shot code"]:
        """The code of images of any brightness.

        Raises:
            InputError: Images of another size.
        """
        if images.shape[1:] != (self.pixels, self.pixels):
            raise InputError(
                f"expected images of {self.pixels} x {self.pixels} pixels, got {tuple(images.shape[1:])}"
            )
        mean = images.mean(dim=(1, 2), keepdim=True).clamp(min=1e-12)
        seen = self.image((images / mean)[:, None])
        return self.code(torch.cat((seen, (settings - self.centre) / self.scale), dim=1))

    def logits(self, code: Float[Tensor, "shot code"]) -> Float[Tensor, "shot row column"]:
        """Logarithm of the map, up to a constant."""
        return self.map(code)[:, 0]

    def decode(self, code: Float[Tensor, "shot code"]) -> Float[Tensor, "shot row column"]:
        """The map of a code; it sums to one."""
        logits = self.logits(code)
        return logits.flatten(1).softmax(dim=1).view_as(logits)

    def forward(
        self, images: Float[Tensor, "shot pixel pixel"], settings: Float[Tensor, "shot setting"]
    ) -> Float[Tensor, "shot row column"]:
        """The map behind each image."""
        return self.decode(self.encode(images, settings))


def map_cross_entropy(
    logits: Float[Tensor, "shot row column"], truth: Float[Tensor, "shot row column"]
) -> Float[Tensor, ""]:
    """Mean cross entropy of maps that sum to one, less its least value: the Kullback-Leibler divergence."""
    truth = truth.flatten(1)
    log = logits.flatten(1).log_softmax(dim=1)
    return (torch.special.xlogy(truth, truth) - truth * log).sum(dim=1).mean()


def map_loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Float[Tensor, ""]:
    """`map_cross_entropy` of a `MapInverse` on batches of "screen", "settings" and the true "map"."""
    assert isinstance(model, MapInverse)
    return map_cross_entropy(model.logits(model.encode(batch["screen"], batch["settings"])), batch["map"])
