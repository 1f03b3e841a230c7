"""Stacks of images from a user's file: imzML, NumPy arrays, or the pickled array of the published benchmark."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from femtobarn.data.image_stack import ImageStack, resized
from femtobarn.data.imzml import ENDING, Cube, read_imzml
from femtobarn.data.npy import NumpyFile, read_arrays
from femtobarn.data.opening import check_file
from femtobarn.data.source import Arrays, check_columns
from femtobarn.datasets.msi_uterine import is_published, read_published
from femtobarn.errors import InputError

ENDINGS = (".imzML", ".npz", ".npy")


def read_stack(
    path: Path, *, side: int, cube: Cube | None = None, mz: Sequence[float] = (), mask: Path | None = None
) -> ImageStack:
    """The stack of a file as squares.

    Args:
        path: ``.imzML``; ``.npz`` with "counts" (image, row, column), and perhaps "inside" (row, column) and "label"
            (image); ``.npy`` with an array (image, row, column) or as published.
        side: Pixels a side.
        cube, mz: See `read_imzml`.
        mask: ``.npy`` with a number for each pixel, 0 where it is inside, as published.

    Raises:
        InputError: No such file, another format, or arrays that do not fit each other.
    """
    ending = path.suffix.lower()
    if ending == ENDING:
        stack = read_imzml(path, cube, mz=mz)
    elif ending == ".npz":
        stack = _of_arrays(path)
    elif ending == ".npy":
        stack = read_published(path) if is_published(path) else _images(path, _one(path), None)
    else:
        check_file(path)
        raise InputError(f"{path}: expected a stack of images, a file that ends in {' or '.join(ENDINGS)}")
    if mask is not None:
        outside = _one(mask)
        if outside.shape != stack.inside.shape or outside.all():
            raise InputError(f"{mask}: expected a mask {stack.inside.shape}, 0 inside, got {outside.shape}")
        stack = replace(stack, inside=outside == 0)
    return resized(stack, side)


class StackSource:
    """The images of a stack as a table of "counts" and, where the names are numbers, "mz"."""

    def __init__(self, stack: ImageStack) -> None:
        self._stack = stack
        self._every: Arrays = {"counts": stack.counts}
        with contextlib.suppress(ValueError):
            self._every["mz"] = np.array([float(each) for each in stack.name])
        self.columns = tuple(self._every)

    def __len__(self) -> int:
        return len(self._stack)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The images of these numbers."""
        check_columns(columns, self.columns, "the stack")
        return {name: self._every[name][start:stop] for name in columns}


def _one(path: Path) -> np.ndarray:
    table = NumpyFile(path)
    return table.read(["array"], 0, len(table))["array"]


def _of_arrays(path: Path) -> ImageStack:
    known = read_arrays(path, "counts")
    stack = _images(path, known["counts"], known.get("inside"))
    label = known.get("label")
    if label is not None and (label.shape != (len(stack),) or label.dtype.kind not in "iu"):
        raise InputError(
            f"{path}: expected a whole number for each image as label, got {label.dtype} {label.shape}"
        )
    return replace(stack, label=label)


def _images(path: Path, counts: np.ndarray, inside: Bool[np.ndarray, "..."] | None) -> ImageStack:
    """Checked images; three equal channels, as of published arrays, count once."""
    if counts.ndim == 4 and counts.shape[3] == 3:
        counts = counts[..., 0]
    if counts.ndim != 3 or not counts.size:
        raise InputError(f"{path}: expected images (image, row, column), got an array {counts.shape}")
    mask = np.ones(counts.shape[1:], bool) if inside is None else inside.astype(bool)
    try:
        return ImageStack(counts.astype(np.float32), mask, [f"image {i}" for i in range(len(counts))])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
