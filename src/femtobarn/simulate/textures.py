"""Images of things that are no digits: stripes, blobs, polygons and letters, to show a network what lies outside."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.errors import InputError

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def textures(
    count: int, *, side: int = 28, generator: np.random.Generator
) -> Float32[np.ndarray, "image y x"]:
    """Grey images from 0 to 1, a quarter of each kind, in random order.

    Args:
        count: Number of images.
        side: Pixels of a side.
        generator: Source of randomness.

    Raises:
        InputError: No images asked for.
    """
    if count < 1 or side < 4:
        raise InputError(f"expected at least one image of 4 pixels, got {count} of {side}")
    axis = np.linspace(-1, 1, side)
    x, y = np.meshgrid(axis, axis)
    kinds: tuple[Callable[..., np.ndarray], ...] = (_stripes, _blobs, _polygon, _letter)
    drawn = [kinds[i % len(kinds)](x, y, generator) for i in range(count)]
    return np.stack(drawn)[generator.permutation(count)].clip(0, 1).astype(np.float32)


Image = Float[np.ndarray, "y x"]


def _stripes(x: Image, y: Image, generator: np.random.Generator) -> Image:
    angle, waves, phase = (
        generator.uniform(0, np.pi),
        generator.uniform(2, 9),
        generator.uniform(0, 2 * np.pi),
    )
    return 0.5 + 0.5 * np.sin(waves * np.pi * (np.cos(angle) * x + np.sin(angle) * y) + phase)


def _blobs(x: Image, y: Image, generator: np.random.Generator) -> Image:
    image = np.zeros_like(x)
    for _ in range(generator.integers(1, 6)):
        (left, up), width = generator.uniform(-0.8, 0.8, 2), generator.uniform(0.08, 0.4)
        image += generator.uniform(0.4, 1) * np.exp(-((x - left) ** 2 + (y - up) ** 2) / (2 * width**2))
    return image


def _polygon(x: Image, y: Image, generator: np.random.Generator) -> Image:
    """Inside of random half-planes around a centre, filled or as a rim."""
    centre, inside = generator.uniform(-0.3, 0.3, 2), np.full_like(x, np.inf)
    for angle in np.sort(generator.uniform(0, 2 * np.pi, generator.integers(3, 7))):
        away = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
        inside = np.minimum(inside, generator.uniform(0.3, 0.8) - away)
    rim = generator.random() < 0.5
    return ((inside > 0) & ~(rim & (inside > 0.15))).astype(float)


def _letter(x: Image, y: Image, generator: np.random.Generator) -> Image:
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    outline = TextPath((0, 0), _LETTERS[generator.integers(len(_LETTERS))])
    low, high = outline.vertices.min(axis=0), outline.vertices.max(axis=0)
    angle, size = generator.uniform(-0.4, 0.4), generator.uniform(0.5, 0.9)
    turned = np.column_stack(
        ((np.cos(angle) * x + np.sin(angle) * y).ravel(), (np.sin(angle) * x - np.cos(angle) * y).ravel())
    )
    points = turned / size * (high - low)[1] / 2 + (low + high) / 2
    image = np.zeros(len(points), bool)
    for polygon in outline.to_polygons():
        image ^= Outline(polygon).contains_points(points)  # an outline within another is a hole
    return image.reshape(x.shape).astype(float)
