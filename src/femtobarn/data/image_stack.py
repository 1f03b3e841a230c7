"""A stack of aligned images, such as one for each ion, channel or run, and what is done to them before any method."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Shaped
from scipy import ndimage
from torch.nn import functional as F

from femtobarn.errors import InputError

QUANTILE = (
    0.999  #: of the pixels inside, at which images are clipped: spikes would set the scale of all others
)


@dataclass(frozen=True)
class ImageStack:
    """Images of the same pixels: counts or intensities, not stretched, so that faint ones keep their noise."""

    counts: Float32[np.ndarray, "image row column"]
    inside: Bool[np.ndarray, "row column"]
    """Pixels that count, such as tissue or live cells."""
    name: list[str]
    """Of each image, such as its m/z."""
    label: Int[np.ndarray, "image"] | None = None
    """Class of each image, where it is known."""
    shift: Int[np.ndarray, "image 2"] | None = None
    """Pixels that each image was moved by, where it is known."""

    def __post_init__(self) -> None:
        if self.counts.shape[1:] != self.inside.shape or not self.inside.any():
            got = f"{self.counts.shape[1:]} and {self.inside.shape}, {int(self.inside.sum())} inside"
            raise InputError(f"expected images and a mask of one size with pixels inside: got {got}")
        if not np.isfinite(self.counts).all() or self.counts.min(initial=0) < 0:
            bad = int((~(self.counts >= 0) | np.isinf(self.counts)).any(axis=(1, 2)).sum())
            raise InputError(f"expected counts of 0 or more, got {bad} images with others")
        if any(each is not None and len(each) != len(self) for each in (self.name, self.label, self.shift)):
            raise InputError(f"expected a name and a label for each of {len(self)} images")

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, rows: Shaped[np.ndarray, "_"]) -> "ImageStack":
        """These images, in this order."""
        every = np.arange(len(self))[rows]
        some: dict[str, Any] = {"counts": self.counts[every], "name": [self.name[i] for i in every]}
        known = {"label": self.label, "shift": self.shift}
        return replace(self, **some, **{key: each[every] for key, each in known.items() if each is not None})


def resized(stack: ImageStack, side: int) -> ImageStack:
    """The stack on a square of so many pixels a side: averages of areas where that is less, else bilinear.

    A pixel is inside if half of what it shows was.
    """
    if stack.inside.shape == (side, side):
        return stack
    every = np.concatenate((stack.counts, stack.inside[None].astype(np.float32)))
    found = torch.from_numpy(every)[:, None]
    for axis, size in enumerate(
        stack.inside.shape
    ):  # along each axis by itself: one may shrink, the other grow
        goal = (side, found.shape[3]) if axis == 0 else (found.shape[2], side)
        mode: dict[str, Any] = (
            {"mode": "area"} if side < size else {"mode": "bilinear", "align_corners": False}
        )
        found = F.interpolate(found, size=goal, **mode)
    images = found[:, 0].numpy()
    return replace(stack, counts=images[:-1], inside=images[-1] >= 0.5, shift=None)


def scaled(
    counts: Float[np.ndarray, "image row column"],
    inside: Bool[np.ndarray, "row column"],
    *,
    quantile: float = QUANTILE,
) -> Float32[np.ndarray, "image row column"]:
    """Images from 0 to 1, clipped at a quantile of their pixels inside, 0 outside.

    Where that quantile is 0, the largest pixel counts as 1; images without any count stay 0.
    """
    pixels = np.where(inside, counts, 0)
    limit = np.quantile(pixels[:, inside], quantile, axis=1)
    limit = np.where(limit > 0, limit, pixels.max(axis=(1, 2)))[:, None, None]
    return (np.minimum(pixels, limit) / np.where(limit > 0, limit, 1)).astype(np.float32)


def stabilised(
    counts: Float[np.ndarray, "image row column"],
    inside: Bool[np.ndarray, "row column"],
    *,
    blur: float = 1.0,
) -> Float[np.ndarray, "image row column"]:
    """Square roots of the counts, whose Poisson noise is the same everywhere, under a Gaussian blur; 0 outside."""
    root = np.sqrt(np.where(inside, counts, 0))
    return np.where(inside, ndimage.gaussian_filter(root, (0, blur, blur)), 0)
