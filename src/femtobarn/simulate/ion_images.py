"""Stacks of counted images of one tissue: each image a class of molecules, drawn from a template of its class.

Templates are real (`femtobarn.datasets.msi_uterine`) or drawn here, so that nothing has to be there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from femtobarn.data.image_stack import ImageStack
from femtobarn.errors import InputError

#: Images of each class in the published benchmark (mass_list.npy of LabLaskin/MSI-self-supervised-clustering).
CLASS_SIZES = (10, 11, 15, 16, 22, 26, 26, 28, 30, 31, 37, 57, 58)
_EXPONENT = (0.7, 1.3)  # of a template: contrast differs from ion to ion
_FIELD, _SMOOTH = 0.35, 6.0  # of the logarithm of a smooth field, and its width in pixels of 48
_MIXED, _FLOOR, _MISSING = 0.15, 0.03, 0.05


@dataclass(frozen=True)
class Ions:
    """How images of a stack are counted, and where they lie."""

    least: float = 0.3
    """Decimal logarithm of the fewest counts of a pixel where the template is 1."""
    most: float = 1.8
    """That of the most counts; uniform in the logarithm."""
    shift: int = 0
    """Largest shift of an image along each axis, in pixels of 48 a side."""

    def __post_init__(self) -> None:
        if not self.least <= self.most or not 0 <= self.shift < 24:
            raise InputError(f"expected counts in their order and a shift from 0 to 23: got {self}")


def ion_images(
    templates: Float[np.ndarray, "class row column"],
    inside: Bool[np.ndarray, "row column"],
    ions: Ions,
    *,
    sizes: Sequence[int] = CLASS_SIZES,
    generator: np.random.Generator,
) -> ImageStack:
    """Counts around the templates of their classes, in random order.

    The mean is 10^U(least, most) (template^U(0.7, 1.3) x smooth field + U(0, 0.15) x another template + 0.03), the
    field the exponential of 0.35 times a Gaussian field of unit variance; counts are Poisson, and 5 % of the pixels are
    missing. A shifted image moves as a whole, by rolling; its tissue may then be anywhere within the shift of where
    the others have theirs, and these pixels count as inside.

    Args:
        templates: From 0 to 1.
        inside: Tissue.
        ions: See `Ions`.
        sizes: Images of each class.
        generator: Of all that is random.

    Raises:
        InputError: Not one size for each template.
    """
    if len(sizes) != len(templates) or len(templates) < 2 or min(sizes) < 1:
        raise InputError(f"expected a size for each of {len(templates)} templates, two or more: got {sizes}")
    label = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    largest = round(ions.shift * inside.shape[0] / 48)
    counts = np.stack([_image(templates, inside, each, ions, generator) for each in label.tolist()])
    shift = generator.integers(-largest, largest + 1, (len(label), 2))
    rolled = np.stack([np.roll(each, by, (0, 1)) for each, by in zip(counts, shift.tolist(), strict=True)])
    around = ndimage.binary_dilation(inside, np.ones((2 * largest + 1,) * 2)) if largest else inside
    return ImageStack(rolled, around, [f"ion {i}" for i in range(len(label))], label, shift)


def drawn_templates(
    classes: int, side: int, *, generator: np.random.Generator
) -> tuple[Float32[np.ndarray, "class row column"], Bool[np.ndarray, "row column"]]:
    """Patterns from 0 to 1 in a tissue, which is an ellipse: ellipses, rings, gradients and stripes by turns."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    inside = (x / 0.9) ** 2 + (y / 0.8) ** 2 < 1
    made = [_pattern(kind % 4, x, y, generator) for kind in range(classes)]
    return np.stack([each * inside for each in made]).astype(np.float32), inside


def smooth_field(
    shape: tuple[int, int], width: float, generator: np.random.Generator
) -> Float[np.ndarray, "row column"]:
    """A Gaussian field of unit variance, correlated over so many pixels."""
    field = ndimage.gaussian_filter(generator.normal(size=shape), width, mode="wrap")
    return field / field.std()


def _image(
    templates: np.ndarray, inside: np.ndarray, label: int, ions: Ions, generator: np.random.Generator
) -> Float32[np.ndarray, "row column"]:
    field = np.exp(_FIELD * smooth_field(inside.shape, _SMOOTH * inside.shape[0] / 48, generator))
    other = generator.choice([each for each in range(len(templates)) if each != label])
    mean = templates[label] ** generator.uniform(*_EXPONENT) * field
    mean = mean + generator.uniform(0, _MIXED) * templates[other] + _FLOOR * inside
    counts = generator.poisson(10 ** generator.uniform(ions.least, ions.most) * mean)
    return np.where(generator.random(inside.shape) < _MISSING, 0, counts).astype(np.float32)


def _pattern(kind: int, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    angle, centre = generator.uniform(0, np.pi), generator.uniform(-0.4, 0.4, 2)
    along = np.cos(angle) * (x - centre[0]) + np.sin(angle) * (y - centre[1])
    across = np.cos(angle) * (y - centre[1]) - np.sin(angle) * (x - centre[0])
    if kind == 0:
        long, short = generator.uniform(0.25, 0.6), generator.uniform(0.15, 0.3)
        return np.exp(-0.5 * ((along / long) ** 2 + (across / short) ** 2) ** 2)
    if kind == 1:
        radius, width = generator.uniform(0.3, 0.6), generator.uniform(0.06, 0.15)
        return np.exp(-0.5 * ((np.hypot(along, across) - radius) / width) ** 2)
    if kind == 2:
        return 1 / (1 + np.exp(-along / generator.uniform(0.1, 0.4)))
    return 0.5 + 0.5 * np.sin(2 * np.pi * along / generator.uniform(0.3, 0.6))
