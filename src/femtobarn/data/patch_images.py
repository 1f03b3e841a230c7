"""Images that are judged patch by patch: in memory or in a folder, with what is known of their patches."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, Shaped, UInt8
from torch import Tensor

from femtobarn.data.images import ENDINGS, read_image, trailing_number
from femtobarn.data.opening import check_file, given_files, reading
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError

ANNOTATIONS = "annotations.csv"  #: beside the images: file,row,column,kind of patches
BACKGROUND = "background"  #: the kind of patches that show nothing of the object
LEVEL = "marked"  #: of defects in a folder


@runtime_checkable
class Images(Protocol):
    """Images by their number, in memory or read when they are asked for."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __getitem__(self, index: int, /) -> UInt8[np.ndarray, "height width"]: ...


@dataclass(frozen=True)
class PatchImages:
    """Images of objects that are photographed at the same positions each, cut into a grid of square patches."""

    images: Images
    position: Int64[np.ndarray, "image"]
    object: Int64[np.ndarray, "image"]
    """Number of the object, such as a sensor: what must not be in two samples."""
    kind: Shaped[np.ndarray, "image"]
    """Of the defect, "" for clean images."""
    level: Shaped[np.ndarray, "image"]
    """Group of the defect, such as "strong", "" for clean images."""
    defect: Bool[np.ndarray, "image row column"]
    """Patches with a defect."""
    background: Bool[np.ndarray, "image row column"]
    """Patches that show nothing of the object."""

    @classmethod
    def unknown(
        cls,
        images: Images,
        position: Int64[np.ndarray, "image"],
        patch: int,
    ) -> "PatchImages":
        """Images of which nothing is known but their position."""
        nothing = np.zeros((len(images), *(side // patch for side in images[0].shape)), bool)
        text = np.full(len(images), "")
        return cls(images, position, np.zeros(len(images), np.int64), text, text, nothing, nothing)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Any) -> "PatchImages":
        """These images."""
        index = np.arange(len(self))[rows]
        columns = (self.position, self.object, self.kind, self.level, self.defect, self.background)
        return PatchImages(_Taken(self.images, index), *(each[index] for each in columns))

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return self.images[0].shape[0] // self.defect.shape[1]

    @property
    def clean(self) -> Bool[np.ndarray, "image"]:
        """Images without a defect."""
        return np.logical_not(self.defect.any(axis=(1, 2)))

    def image(self, index: int) -> Float32[Tensor, "1 height width"]:
        """One image with values from 0 to 1."""
        return torch.from_numpy(np.array(self.images[index], np.float32))[None] / 255

    def patches(self, number: Int64[np.ndarray, "patch"]) -> Float32[Tensor, "patch size size"]:
        """Patches by their number: those of the first image row by row, then those of the next; values from 0 to 1."""
        rows, columns = self.defect.shape[1:]
        image, place = np.divmod(number, rows * columns)
        row, column = np.divmod(place, columns)
        return self._cut(image, row, column, self.patch)

    def bands(self, number: Int64[np.ndarray, "band"]) -> Float32[Tensor, "band size width"]:
        """Whole rows of patches by their number, as `patches`."""
        image, row = np.divmod(number, self.defect.shape[1])
        return self._cut(image, row, np.zeros_like(row), self.patch * self.defect.shape[2])

    def _cut(self, image: np.ndarray, row: np.ndarray, column: np.ndarray, width: int) -> Tensor:
        size, found = self.patch, []
        for i, y, x in zip(image.tolist(), (row * size).tolist(), (column * size).tolist(), strict=True):
            found.append(self.images[i][y : y + size, x : x + width])
        return torch.from_numpy(np.array(found, np.float32)) / 255


class ImageFiles:
    """Images that are read when they are asked for, cropped to whole patches.

    Args:
        paths: Of the images.
        patch: Side of a patch in pixels.
        shape: Rows and columns that all of them have to have; those of the first if not given.

    Raises:
        InputError: A file that is no image, or one of another size; the latter when it is asked for.
    """

    def __init__(self, paths: Sequence[Path], patch: int, shape: tuple[int, int] | None = None) -> None:
        self.paths, self.patch = paths, patch
        self.shape = shape or self._read(0).shape

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> UInt8[np.ndarray, "height width"]:
        image = self._read(index)
        if image.shape != self.shape:
            expected, got = (" x ".join(map(str, shape)) for shape in (self.shape, image.shape))
            raise InputError(f"{self.paths[index]}: expected {expected} pixels in whole patches, got {got}")
        return image

    def _read(self, index: int) -> UInt8[np.ndarray, "height width"]:
        image = read_image(self.paths[index])
        rows, columns = (side // self.patch * self.patch for side in image.shape)
        if not rows * columns:
            raise InputError(
                f"{self.paths[index]}: expected at least a patch of {self.patch} pixels, got {image.shape}"
            )
        return image[:rows, :columns]


class ImageSource:
    """Images of a file or a folder as a table of "image" and "position", read in pieces.

    Raises:
        InputError: No images, one of another size, or a name without a position.
    """

    columns = ("image", "position")

    def __init__(self, path: Path, patch: int, shape: tuple[int, int]) -> None:
        self.images = ImageFiles(image_paths(path), patch, shape)
        self.position = np.array([position_of(each) for each in self.images.paths])

    def __len__(self) -> int:
        return len(self.images)

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The images of these numbers."""
        check_columns(columns, self.columns, "images")
        rows = range(start, min(stop, len(self)))
        every = {"position": self.position[start:stop]}
        if "image" in columns:
            every["image"] = np.stack([self.images[row] for row in rows])
        return {name: every[name] for name in columns}


class _Taken:
    """Some of a sequence, by their numbers."""

    def __init__(self, whole: Images, index: Int64[np.ndarray, "_"]) -> None:
        self.whole, self.index = whole, index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, place: int, /) -> UInt8[np.ndarray, "height width"]:
        return self.whole[int(self.index[place])]


def image_paths(path: Path) -> list[Path]:
    """A file, or the images in a folder, by name.

    Raises:
        InputError: A folder without images.
    """
    return given_files(path, *ENDINGS)


def position_of(path: Path) -> int:
    """The position of an image, by which the name ends, such as 12 of ``sensor7_012.npy``.

    Raises:
        InputError: The name does not end in a number.
    """
    if (number := trailing_number(path)) is None:
        raise InputError(
            f"{path}: expected a name that ends in the position, such as sensor7_012{path.suffix}"
        )
    return number


def read_folder(folder: Path, patch: int) -> PatchImages:
    """Images called OBJECT_POSITION in a folder, with its ``annotations.csv``; images are read when they are asked for.

    A line ``file,row,column,kind`` marks a patch, counted from 0 at the top left; those of the kind "background" show
    nothing of the object, all others a defect.

    Raises:
        InputError: No images, a name without a position, or a line of another kind.
    """
    paths = image_paths(folder)
    images = ImageFiles(paths, patch)
    grid = tuple(side // patch for side in images.shape)
    defect, background = np.zeros((2, len(paths), *grid), bool)
    kind = np.full(len(paths), "", "U32")
    for place, row, column, what in _annotations(folder / ANNOTATIONS, [path.name for path in paths], grid):
        (background if what == BACKGROUND else defect)[place, row, column] = True
        kind[place] = kind[place] if what == BACKGROUND else what
    position = np.array([position_of(path) for path in paths])
    names = [path.stem.rstrip("0123456789").rstrip("_- ") for path in paths]
    _, number = np.unique(names, return_inverse=True)
    return PatchImages(images, position, number, kind, np.where(kind != "", LEVEL, ""), defect, background)


def split_objects(found: PatchImages, *, validation: float, test: float, seed: int) -> dict[str, PatchImages]:
    """Images in five samples without a common object: clean ones to train on and to calibrate with, some to choose
    by and to test, and under "annotated" those with defects of the objects to train on.

    A third of the objects that are left by validation and test is for calibration.

    Raises:
        InputError: A sample remains empty.
    """
    order = np.random.default_rng(seed).permutation(found.object.max() + 1)
    chosen, tested = (round(share * len(order)) for share in (validation, test))
    left = len(order) - chosen - tested
    groups = np.split(order, np.cumsum([left - left // 3, left // 3, chosen]))
    own, calibration, validated, kept = (np.isin(found.object, group) for group in groups)
    rows = {
        "train": own & found.clean, "annotated": own & ~found.clean, "calibration": calibration & found.clean,
        "validation": validated, "test": kept,
    }  # fmt: skip
    if missing := [name for name, which in rows.items() if not which.any()]:
        raise InputError(
            f"no images for {', '.join(missing)} among {len(found)} of {len(order)} objects: expected clean images and "
            "some with defects of at least eight objects"
        )
    return {name: found.take(which) for name, which in rows.items()}


def _annotations(path: Path, names: list[str], grid: tuple[int, ...]) -> list[tuple[int, int, int, str]]:
    """Image, row, column and kind of each line."""
    check_file(path)
    with reading(path, "CSV"), path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    found, place = [], {name: index for index, name in enumerate(names)}
    for number, line in enumerate(lines, 2):
        try:
            row, column, kind = int(line["row"]), int(line["column"]), line["kind"].strip()
            found.append((place[line["file"]], range(grid[0])[row], range(grid[1])[column], kind))
        except (KeyError, ValueError, TypeError, IndexError, AttributeError):
            raise InputError(
                f"{path}, line {number}: expected file,row,column,kind of a patch among {grid[0]} x {grid[1]} of an "
                f"image in the folder, got {','.join(map(str, line.values()))[:80]}"
            ) from None
    return found
