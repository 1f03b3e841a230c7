"""Random views of images for contrastive learning: of counting experiments, and of photographs as published.

All functions take images (image, row, column) with values from 0 to 1, and draw for each image by itself.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError

Images = Float[Tensor, "image row column"]
Strength = Literal["weak", "medium", "strong"]


@dataclass(frozen=True)
class Counting:
    """Views as another measurement would show an image: other counts, other efficiencies, pixels missing."""

    kept: tuple[float, float] = (0.3, 0.9)
    """Share of the pixels that are kept."""
    field: float = 0.3
    """Standard deviation of the logarithm of a smooth field."""
    counts: tuple[float, float] = (0.3, 1.5)
    """Decimal logarithms of the counts of the brightest pixel, uniform between."""
    shift: int = 0
    """Largest shift along each axis in pixels, for images that are not registered."""

    def __post_init__(self) -> None:
        if not (0 < self.kept[0] <= self.kept[1] <= 1) or self.field < 0 or self.shift < 0:
            raise InputError(f"expected shares in (0, 1], a field and a shift of 0 or more: got {self}")


def counting_view(images: Images, settings: Counting, *, generator: torch.Generator) -> Images:
    """Poisson counts of the images through a smooth field, some pixels missing, with the largest value 1 again."""
    number, rows, columns = images.shape
    keep = _uniform(number, *settings.kept, generator)
    strength = 10 ** _uniform(number, *settings.counts, generator)
    wave = torch.randn(number, 1, 4, 4, generator=generator, device=generator.device)
    field = (settings.field * F.interpolate(wave, size=(rows, columns), mode="bicubic")[:, 0]).exp()
    seen = torch.rand(images.shape, generator=generator, device=generator.device) < keep
    counts = torch.poisson(strength * images * field, generator=generator) * seen
    return rolled(_to_one(counts), settings.shift, generator=generator)


def photographic_view(
    images: Images,
    strength: str,
    inside: Bool[Tensor, "row column"],
    *,
    generator: torch.Generator,
) -> Images:
    """Blur, brightness and contrast, and Gaussian noise, as published for images of ions with a pre-trained encoder.

    The noise is U(0.001, n) of the mean of the bright pixels over 0.6. Colours have no meaning here and are left out.
    The weak and the strong set end with the mask (LabLaskin/MSI-self-supervised-clustering, commit 2bdd101).

    Args:
        images: From 0 to 1.
        strength: "weak", "medium" (of the pre-training) or "strong".
        inside: The mask.
        generator: Of the draws.
    """
    least, most, jitter, noise = _PUBLISHED[strength]
    number = len(images)
    blurred = _blur(images, _uniform(number, least, most, generator))
    bright, contrast = (_uniform(number, 1 - jitter, 1 + jitter, generator) for _ in range(2))
    brighter = (bright * blurred).clamp(0, 1)
    mean = brighter.mean(dim=(1, 2), keepdim=True)
    jittered = (contrast * brighter + (1 - contrast) * mean).clamp(0, 1)
    lit = jittered > 25 / 255
    level = (jittered * lit).sum(dim=(1, 2), keepdim=True) / lit.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    level = torch.where(lit.any(dim=2, keepdim=True).any(dim=1, keepdim=True), level, mean) * 255 / 153
    sigma = _uniform(number, 0.001, noise, generator) * level
    noisy = (
        jittered + sigma * torch.randn(images.shape, generator=generator, device=generator.device)
    ).clamp(0, 1)
    return noisy if strength == "medium" else torch.where(inside, noisy, 0.0)


def rolled(images: Images, largest: int, *, generator: torch.Generator) -> Images:
    """Each image moved by a random whole shift; what leaves at one side comes in at the other."""
    if not largest:
        return images
    number, rows, columns = images.shape
    down, right = torch.randint(
        -largest, largest + 1, (2, number, 1), generator=generator, device=generator.device
    )
    row, column, image = (torch.arange(n, device=images.device) for n in (rows, columns, number))
    row, column = (row - down) % rows, (column - right) % columns
    return images[image[:, None, None], row[:, :, None], column[:, None, :]]


#: Least and most blur in pixels of 96, jitter, and noise of each set.
_PUBLISHED = {
    "weak": (0.01, 0.75, 0.25, 0.2),
    "medium": (0.01, 0.75, 0.5, 0.2),
    "strong": (0.1, 2.0, 0.5, 0.4),
}
_KERNEL = 9


def _uniform(number: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "image 1 1"]:
    return low + (high - low) * torch.rand(number, 1, 1, generator=generator, device=generator.device)


def _to_one(images: Images) -> Images:
    return images / images.amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)


def _blur(images: Images, width: Float[Tensor, "image 1 1"]) -> Images:
    place = torch.arange(_KERNEL, device=width.device) - _KERNEL // 2
    kernel = torch.exp(-0.5 * (place / width[:, 0]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True))[:, None]
    half, number = _KERNEL // 2, len(images)
    padded = F.pad(images[None], (half,) * 4, mode="reflect")
    along = F.conv2d(padded, kernel[:, :, None], groups=number)
    return F.conv2d(along, kernel[..., None], groups=number)[0]
