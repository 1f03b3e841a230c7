"""Autoencoder of images with two encoders: one keeps where things are, one sums the image up in two numbers.

The two numbers steer every stage of the decoder, and are a score without it (CoDAE, arXiv:2306.12955). Sizes are those
of the authors' code (github.com/Luca96/dark-autoencoders, read for its numbers): with the published widths the three
parts have 612,032, 270,594 and 763,841 parameters, as there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.circular_conv import CircularConv2d
from femtobarn.nn.relaxed_one_hot import RelaxedMixture, monte_carlo_kl, relaxed_sample

WIDTHS = (64, 128, 128, 256)  #: of the published encoders, in the order of their stages
IMAGE = (72, 58)  #: phi, eta
_SLOPE, _EPSILON = 0.2, 1e-3  # of LeakyReLU, and beside the variance: the defaults of TensorFlow
_EMPTY = -1.0  # logit of a pixel of the untrained decoder


class Reconstruction(NamedTuple):
    """What the autoencoder makes of images."""

    logits: Float[Tensor, "event 1 phi eta"]
    """Of a pixel being occupied."""
    latent: Float[Tensor, "event latent a b"]
    summary: Float[Tensor, "event z"]


class ConvLayer(nn.Sequential):
    """3 by 3 convolution, normalisation over each channel of each image, LeakyReLU.

    Args:
        inputs, outputs: Channels.
        stride: Of both axes.
        groups: Of channels that see each other.
        circular: Close the image in phi, its first axis.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int = 1, groups: int = 1, circular: bool = False
    ) -> None:
        if circular:
            layer: nn.Module = CircularConv2d(inputs, outputs, stride=stride, azimuth=2, groups=groups)
        else:
            layer = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, groups=groups)
        super().__init__(layer, nn.InstanceNorm2d(outputs, eps=_EPSILON, affine=True), nn.LeakyReLU(_SLOPE))


class Residual(nn.Module):
    """Two layers beside the identity."""

    def __init__(self, width: int, *, groups: int, circular: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(ConvLayer(width, width, groups=groups, circular=circular) for _ in range(2))
        )

    def forward(self, x: Float[Tensor, "event channel a b"]) -> Float[Tensor, "event channel a b"]:
        """Features of the same shape."""
        return x + self.layers(x)


class SpatialConditioning(nn.Module):
    """Features times a linear convolution of (z, x, y): what z says may differ from place to place.

    Args:
        z: Numbers that steer.
        channels: Of the features.
    """

    def __init__(self, z: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(z + 2, channels, 3, padding=1)

    def forward(
        self, features: Float[Tensor, "event channel a b"], z: Float[Tensor, "event z"]
    ) -> Float[Tensor, "event channel a b"]:
        """Steered features; x and y are the place in the image, from -1 to 1."""
        rows, columns = features.shape[2:]
        line = [torch.linspace(-1, 1, n, dtype=z.dtype, device=z.device) for n in (rows, columns)]
        place = torch.stack(torch.meshgrid(*line, indexing="ij")).expand(len(z), -1, -1, -1)
        spread = z[:, :, None, None].expand(-1, -1, rows, columns)
        scale: Tensor = self.conv(torch.cat((spread, place), dim=1))
        return features * scale


class DualAutoencoder(nn.Module):
    """Images to a grid of features and a summary of two numbers, and from both back to images.

    Args:
        widths: Channels of the stages of the encoders; the decoder has them the other way round.
        latent: Channels of the grid.
        summary: Numbers that the second encoder gives.
        categorical: Let a relaxed one-hot vector of the channels stand in each cell of the grid, with a temperature of
            its own, and learn a prior of all cells (CoDVAE); see `femtobarn.nn.relaxed_one_hot`.
        circular: Convolve around in phi. Pooling and resizing still end at the seam.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = WIDTHS,
        latent: int = 64,
        summary: int = 2,
        categorical: bool = False,
        circular: bool = False,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.prior = RelaxedMixture(latent) if categorical else None
        self.energy_encoder = _energy_encoder(widths, latent + categorical, circular)
        self.mask_encoder = _mask_encoder(widths, summary, circular)
        self.decoder = _Decoder(widths, latent, summary, circular)
        self.apply(_initialise)
        nn.init.constant_(self.decoder.exit.bias, _EMPTY)  # type: ignore[arg-type]

    def summary(self, x: Float[Tensor, "event 1 phi eta"]) -> Float[Tensor, "event z"]:
        """The two numbers alone, without decoder and first encoder: the score of a trigger."""
        found: Tensor = self.mask_encoder(x)
        return found

    def encoded(
        self, x: Float[Tensor, "event 1 phi eta"]
    ) -> tuple[Float[Tensor, "event latent a b"], Float[Tensor, "event 1 a b"]]:
        """Features of the grid, or logits of the categories, and the temperature of each cell (1 or more)."""
        found = self.energy_encoder(x)
        if self.prior is None:
            return found, torch.ones_like(found[:, :1])
        return found[:, : self.latent], 1 + F.softplus(found[:, self.latent :])

    def decoded(
        self, latent: Float[Tensor, "event latent a b"], summary: Float[Tensor, "event z"]
    ) -> Float[Tensor, "event 1 phi eta"]:
        """Logits of the pixels."""
        found: Tensor = self.decoder(latent, summary)
        return found

    def image(self, x: Float[Tensor, "event 1 phi eta"]) -> Float[Tensor, "event 1 phi eta"]:
        """The probability of each pixel being occupied, without noise."""
        return torch.sigmoid(self(x).logits)

    def divergence(
        self,
        x: Float[Tensor, "event 1 phi eta"],
        *,
        samples: int = 10,
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "event"], Float[Tensor, "event latent a b"]]:
        """KL divergence of each image's cells from the prior, from samples of them, and the first of these.

        Args:
            x: Images.
            samples: Behind the divergence; the published number is ten.
            generator: Of the noise; torch's own if not given.

        Raises:
            ValueError: The latent is not categorical.
        """
        if self.prior is None:
            raise ValueError("a divergence needs categorical=True")
        logits, temperature = self.encoded(x)
        cells, of_cells = logits.flatten(2).transpose(1, 2), temperature.flatten(2).transpose(1, 2)
        log_z = relaxed_sample(cells, of_cells, samples=samples, generator=generator)
        first = log_z[0].exp().transpose(1, 2).reshape(logits.shape)
        return monte_carlo_kl(log_z, cells, of_cells, self.prior), first

    def forward(self, x: Float[Tensor, "event 1 phi eta"]) -> Reconstruction:
        """The reconstruction without noise: of categories their shares at the temperature of the cell."""
        latent, temperature = self.encoded(x)
        if self.prior is not None:
            latent = torch.softmax(latent / temperature, dim=1)
        summary = self.summary(x)
        return Reconstruction(self.decoded(latent, summary), latent, summary)


class _Decoder(nn.Module):
    def __init__(self, widths: Sequence[int], latent: int, summary: int, circular: bool) -> None:
        super().__init__()
        outputs = tuple(reversed(widths))
        inputs = (latent, *outputs[:-1])
        groups = (1, *[4] * (len(widths) - 1))
        self.steering = nn.ModuleList(SpatialConditioning(summary, width) for width in inputs)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear"),
                ConvLayer(a, b, groups=g, circular=circular),
                Residual(b, groups=4, circular=circular),
            )
            for a, b, g in zip(inputs, outputs, groups, strict=True)
        )
        self.exit = nn.Conv2d(outputs[-1], 1, 1)

    def forward(
        self, x: Float[Tensor, "event latent a b"], z: Float[Tensor, "event z"]
    ) -> Float[Tensor, "event 1 phi eta"]:
        for steer, stage in zip(self.steering, self.stages, strict=True):
            x = stage(steer(x, z))
        top, left = ((have - want) // 2 for have, want in zip(x.shape[2:], IMAGE, strict=True))
        inside = x[:, :, top : top + IMAGE[0], left : left + IMAGE[1]]
        logits: Tensor = self.exit(inside)
        return logits


def _energy_encoder(widths: Sequence[int], outputs: int, circular: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, width in zip((1, *widths), widths, strict=False):
        groups = 1 if before == 1 else 4
        layers.append(ConvLayer(before, width, stride=2, groups=groups, circular=circular))
        layers.append(Residual(width, groups=4, circular=circular))
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], outputs, 1))


def _mask_encoder(widths: Sequence[int], outputs: int, circular: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, width in zip((1, *widths), widths, strict=False):
        layers.append(ConvLayer(before, width, groups=1 if before == 1 else 2, circular=circular))
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    cells = 1
    for side in IMAGE:
        for _ in widths:
            side = -(-side // 2)
        cells *= side
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(cells * widths[-1], outputs))


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
