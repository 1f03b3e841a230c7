"""Street View House Numbers: the digit in the middle of an image of 32 x 32 pixels, its neighbours beside it.

`open_images` reads the published MATLAB files, `stand_in` draws digits in colour that need no file.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from femtobarn.data.atomic import write_whole
from femtobarn.data.opening import check_file, given_files, numbers, reading
from femtobarn.data.source import Arrays, InMemory
from femtobarn.errors import InputError

NAME = "svhn"
SUMMARY = "House numbers in colour, 32 x 32 pixels, labelled 0 to 9 (SVHN; stand-in drawn from fonts)"
RECORD = "http://ufldl.stanford.edu/housenumbers: train_32x32.mat, test_32x32.mat, extra_32x32.mat"
SIDE = 32  #: pixels
PUBLISHED_IMAGES = {"train_32x32.mat": 73_257, "test_32x32.mat": 26_032, "extra_32x32.mat": 531_131}
#: Our name, what it is, where it comes from.
COLUMNS = (
    ("image", "uint8 (3, 32, 32): red, green, blue; rows from the top", "X (32, 32, 3, image)"),
    ("label", "the digit in the middle, 0 to 9", "y (image, 1), where 10 stands for 0"),
)

_FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")  # those that come with matplotlib
_GLYPH = 48  # pixels along a side of a drawn digit
_BATCH = 1024


def open_images(files: str | Path | Sequence[str | Path]) -> InMemory:
    """Images and labels of one file or of several, one after the other.

    Raises:
        InputError: No such file, not a MATLAB file of this layout, or a label that is no digit.
    """
    parts = [_read(path) for path in given_files(files, ".mat")]
    return InMemory({name: np.concatenate([part[name] for part in parts]) for name in ("image", "label")})


def is_published(files: Sequence[Path], images: int) -> bool:
    """Whether files can be the published ones: by their names, and as many images as the record has under these."""
    names = [path.name for path in files]
    return set(names) <= set(PUBLISHED_IMAGES) and images == sum(PUBLISHED_IMAGES[name] for name in names)


def write_images(
    path: str | Path, image: UInt8[np.ndarray, "image 3 32 32"], label: Int64[np.ndarray, "label"]
) -> None:
    """Write images in the published layout.

    Raises:
        InputError: Labels that are no digits, or another number of them; the file cannot be written.
    """
    from scipy.io import savemat

    if len(image) != len(label) or ((label < 0) | (label > 9)).any():
        raise InputError(
            f"expected a digit for each of {len(image)} images, got {len(label)} labels from {set(label.tolist())}"
        )
    y = np.where(label == 0, 10, label).astype(np.uint8)[:, None]

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            savemat(file, {"X": image.transpose(2, 3, 1, 0), "y": y}, do_compression=True)

    write_whole(Path(path), write)


def stand_in(count: int, *, seed: int) -> InMemory:
    """Digits of matplotlib's fonts in random colours, sizes and tilts, with neighbours, a gradient and noise.

    They are cleaner than photographs, so **numbers obtained on them must not be set beside those published**.

    Args:
        count: Number of images.
        seed: Of the sample.

    Raises:
        InputError: No images asked for.
    """
    if count < 1:
        raise InputError(f"expected at least one image, got {count}")
    generator = torch.Generator().manual_seed(seed)
    glyphs = torch.from_numpy(_glyphs())
    label = torch.randint(0, 10, (count,), generator=generator)
    images = [_drawn(glyphs, part, generator) for part in torch.split(label, _BATCH)]
    return InMemory({"image": torch.cat(images).numpy(), "label": label.numpy()})


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", ""]
    lines += [f"  {name}: {count} images" for name, count in PUBLISHED_IMAGES.items()]
    lines += ["", f"{'column':8} {'from':40} what"]
    lines += [f"{name:8} {source:40} {what}" for name, what, source in COLUMNS]
    return "\n".join(lines)


def _read(path: Path) -> Arrays:
    from scipy.io import loadmat

    check_file(path)
    with reading(path, "MATLAB"):
        content: dict[str, Any] = loadmat(path, variable_names=["X", "y"])
    if missing := {"X", "y"} - content.keys():
        raise InputError(f"{path}: expected the arrays X and y, {', '.join(sorted(missing))} is missing")
    x, y = (numbers(np.asarray(content[name]), f"{path}: {name}") for name in ("X", "y"))
    y = y.ravel()
    if x.ndim != 4 or x.shape[:3] != (SIDE, SIDE, 3) or x.dtype != np.uint8 or len(y) != x.shape[3]:
        raise InputError(
            f"{path}: expected X (32, 32, 3, n) of bytes and n labels, got {x.dtype} {x.shape} and {len(y)}"
        )
    if not np.isin(y, np.arange(1, 11)).all():
        raise InputError(f"{path}: expected labels 1 to 10, got {y.min()} to {y.max()}")
    return {"image": np.ascontiguousarray(x.transpose(3, 2, 0, 1)), "label": y.astype(np.int64) % 10}


def _glyphs() -> Float32[np.ndarray, "style 10 row column"]:
    """Digits of each font, plain and bold, 1 inside and 0 outside, centred and of equal height."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    axis = (np.arange(_GLYPH) + 0.5) / _GLYPH * 2.4 - 1.2  # digits reach from -1 to 1
    points = np.stack(np.meshgrid(axis, -axis), axis=-1).reshape(-1, 2)
    styles = [FontProperties(family=font, weight=weight) for font in _FONTS for weight in ("normal", "bold")]
    drawn = np.zeros((len(styles), 10, _GLYPH * _GLYPH), dtype=np.float32)
    for style, row in zip(styles, drawn, strict=True):
        for digit, mask in enumerate(row):
            outline = TextPath((0, 0), str(digit), prop=style)
            low, high = outline.vertices.min(axis=0), outline.vertices.max(axis=0)
            half = (high - low)[1] / 2
            for polygon in outline.to_polygons():
                inside = Outline((polygon - (low + high) / 2) / half).contains_points(points)
                mask[:] = np.abs(mask - inside)  # an outline within another is a hole
    return drawn.reshape(len(styles), 10, _GLYPH, _GLYPH)


def _drawn(
    glyphs: Float32[Tensor, "style 10 row column"], label: Int64[Tensor, "image"], generator: torch.Generator
) -> UInt8[Tensor, "image 3 32 32"]:
    """Images of the labels."""
    count = len(label)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    style = torch.randint(0, len(glyphs), (count,), generator=generator)
    turn, size = uniform(-math.pi / 12, math.pi / 12), uniform(0.55, 0.95)
    shift = uniform(-0.15, 0.15, 2)
    ink = torch.zeros(count, SIDE, SIDE)
    for side in (0, -1, 1):
        digit = label if side == 0 else torch.randint(0, 10, (count,), generator=generator)
        there = uniform(0, 1) < (1.0 if side == 0 else 0.6)
        placed = _placed(glyphs[style, digit], turn, size, shift, 1.5 * side)
        ink = torch.maximum(ink, placed * there[:, None, None])
    paper, pen = uniform(0, 1, 3, 1, 1), uniform(0, 1, 3, 1, 1)
    near = (paper - pen).mean(dim=1, keepdim=True).abs() < 0.25
    pen = torch.where(near, (pen + 0.5) % 1, pen)
    slope = uniform(-0.2, 0.2, 2, 1, 1)
    axis = torch.linspace(-1, 1, SIDE)
    light = slope[:, :1] * axis[:, None] + slope[:, 1:] * axis
    noise = uniform(0.01, 0.08, 1, 1, 1) * torch.randn(count, 3, SIDE, SIDE, generator=generator)
    image = paper + (pen - paper) * ink[:, None] + light + noise
    return (255 * image.clamp(0, 1)).round().to(torch.uint8)


def _placed(glyph: Tensor, turn: Tensor, size: Tensor, shift: Tensor, beside: float) -> Tensor:
    """Glyphs turned, scaled and shifted into images; `beside` is a distance along the line of the text."""
    cosine, sine = torch.cos(turn) / size / 1.2, torch.sin(turn) / size / 1.2
    x = -(shift[:, 0] * cosine + shift[:, 1] * sine) - beside / 1.2
    y = -(-shift[:, 0] * sine + shift[:, 1] * cosine)
    rows = torch.stack((torch.stack((cosine, sine, x), dim=1), torch.stack((-sine, cosine, y), dim=1)), dim=1)
    grid = F.affine_grid(rows, [len(glyph), 1, SIDE, SIDE], align_corners=False)
    return F.grid_sample(glyph[:, None], grid, align_corners=False)[:, 0]
