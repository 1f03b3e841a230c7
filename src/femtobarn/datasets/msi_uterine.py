"""Ion images of mouse uterine tissue with expert classes (nano-DESI; Hu, Bindu, Laskin 2022, 10.1039/D1SC04077D).

The public repository holds 367 ion images of 13 classes (``training_data.npy``), the mean of each class
(``labeling_data.npy``), the tissue (``mask.npy``, 1 OFF tissue) and the ions (``mass_list.npy``). `read_exemplars`
reads the class means as our real samples hold them, `read_published` an array as published.
"""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from femtobarn.data.array_pickle import read_object_array
from femtobarn.data.image_stack import ImageStack, resized
from femtobarn.data.npy import read_arrays
from femtobarn.data.opening import check_file, reading
from femtobarn.errors import InputError
from femtobarn.simulate.ion_images import drawn_templates

NAME = "msi_uterine"
SUMMARY = (
    "Ion images of mouse uterus in 13 expert classes (nano-DESI; stand-in from class means or drawn patterns)"
)
RECORD = "https://github.com/LabLaskin/MSI-self-supervised-clustering, benchmark_data, commit 2bdd101 (BSD-3-Clause)"
FOLDER, FILE, IONS = "msi_uterine", "exemplar_ion_images.npz", "mz_labels.csv"  #: in FEMTOBARN_DATA
COLUMNS = (
    ("image", "uint8 (class, row, column), mean ion image of the class", FILE),
    ("label", "class, 0 to 12", FILE),
    ("mask", "true OFF tissue", FILE),
    ("polarity, mz, label", "of each of the 367 ions", IONS),
)


class Exemplars(NamedTuple):
    """One image of each class, and the tissue."""

    image: Float32[np.ndarray, "class row column"]
    """From 0 to 1."""
    inside: Bool[np.ndarray, "row column"]
    """On tissue."""


def published_folder() -> Path | None:
    """Where FEMTOBARN_DATA holds the class means, if it does."""
    folder = Path(os.environ.get("FEMTOBARN_DATA", ""), FOLDER)
    return folder if (folder / FILE).is_file() else None


def read_exemplars(path: str | Path) -> Exemplars:
    """The class means of an ``.npz`` file in the order of their classes.

    Raises:
        InputError: No such file, a damaged one, or arrays of other shapes or types.
    """
    arrays = read_arrays(Path(path), "image", "label", "mask")
    image, label, mask = arrays["image"], arrays["label"], arrays["mask"]
    if (
        image.ndim != 3
        or label.shape != image.shape[:1]
        or mask.shape != image.shape[1:]
        or mask.dtype != bool
    ):
        got = ", ".join(f"{each.dtype} {each.shape}" for each in (image, label, mask))
        raise InputError(f"{path}: expected images, a label for each and a mask of their size, got {got}")
    if image.dtype != np.uint8 or sorted(label.tolist()) != list(range(len(label))):
        raise InputError(
            f"{path}: expected bytes, and each label from 0 on once, got {image.dtype} and {label}"
        )
    if mask.all():
        raise InputError(f"{path}: the mask, which is true off tissue, leaves no tissue")
    return Exemplars(image[np.argsort(label)].astype(np.float32) / 255, ~mask)


def class_sizes(path: str | Path) -> list[int]:
    """Ions of each class in a table of ``polarity,mz,label``.

    Raises:
        InputError: No such file, or a line without a class.
    """
    path = Path(path)
    check_file(path)
    with reading(path, "CSV"), path.open(encoding="ascii", newline="") as file:
        words = [line.get("label") or "" for line in csv.DictReader(file)]
    if not words or not all(word.isdecimal() and len(word) < 4 for word in words):
        raise InputError(f"{path}: expected polarity,mz,label with a class from 0 on in each line")
    return np.bincount([int(word) for word in words]).tolist()


def stand_in_templates(
    classes: int, side: int, folder: Path | None = None
) -> tuple[Float32[np.ndarray, "class row column"], Bool[np.ndarray, "row column"]]:
    """Patterns of classes from 0 to 1 and the tissue, for `femtobarn.simulate.ion_images`.

    Args:
        classes: The first so many.
        side: Pixels a side.
        folder: With the class means, see `published_folder`; drawn patterns without one.

    Raises:
        InputError: There are fewer classes, or the file cannot be read.
    """
    if folder is None:
        return drawn_templates(classes, side, generator=np.random.default_rng(17))
    read = read_exemplars(folder / FILE)
    if classes > len(read.image):
        raise InputError(
            f"expected at most {len(read.image)} classes, those of {folder / FILE}, got {classes}"
        )
    names = [str(number) for number in range(len(read.image))]
    small = resized(ImageStack(read.image, read.inside, names), side)
    return small.counts[:classes], small.inside


def is_published(path: Path) -> bool:
    """Whether a ``.npy`` file holds objects, as the published ones do.

    Raises:
        InputError: No such file.
    """
    check_file(path)
    with path.open("rb") as file:
        return b"'descr': '|O'" in file.read(128)


def read_published(path: str | Path, mask: Bool[np.ndarray, "row column"] | None = None) -> ImageStack:
    """Images and classes of an array as published: rows of an image (row, column, 3) of three equal bytes, and a class.

    The file is a pickle, of which only arrays and plain numbers are read.

    Args:
        path: ``training_data.npy`` or ``labeling_data.npy``.
        mask: Pixels inside; all if not given.

    Raises:
        InputError: No such file, a damaged one, or one that holds anything else.
    """
    path = Path(path)
    rows = read_object_array(path)
    if rows.ndim != 2 or rows.shape[1] != 2 or not len(rows):
        raise InputError(f"{path}: expected rows of an image and its class, got an array {rows.shape}")
    shapes = sorted({np.shape(image) for image in rows[:, 0]})
    shape = shapes[0]
    if len(shapes) > 1 or len(shape) != 3 or shape[2] != 3:
        raise InputError(f"{path}: expected images (row, column, 3) of one size, got {shapes[:2]}")
    with reading(path, "NumPy"):
        counts = np.stack([np.asarray(image)[..., 0] for image in rows[:, 0]]).astype(np.float32)
        label = np.array([int(each) for each in rows[:, 1]])
    inside = np.ones(shape[:2], bool) if mask is None else mask
    return ImageStack(counts, inside, [f"image {i}" for i in range(len(rows))], label)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':20} {'from':24} what"]
    return "\n".join(lines + [f"{name:20} {source:24} {what}" for name, what, source in COLUMNS])
