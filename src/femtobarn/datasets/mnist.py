"""Handwritten digits and the images of clothes in the same format: 28 x 28 grey pixels with a label from 0 to 9.

`open_images` reads IDX files, packed or not; `stand_in` enlarges the small digits that come with scikit-learn.
"""

import gzip
import math
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from femtobarn.data.atomic import write_whole
from femtobarn.data.opening import check_file, reading
from femtobarn.data.source import InMemory
from femtobarn.errors import InputError, require

NAME = "mnist"
SUMMARY = (
    "Grey images of 28 x 28 pixels in ten classes (MNIST, Fashion-MNIST; stand-in: digits of scikit-learn)"
)
RECORD = "MNIST and Fashion-MNIST: {train,t10k}-images-idx3-ubyte.gz, {train,t10k}-labels-idx1-ubyte.gz"
SIDE = 28  #: pixels
COLUMNS = (
    ("image", "uint8 (28, 28), rows from the top, 0 is the background", "images-idx3-ubyte"),
    ("label", "the class, 0 to 9", "labels-idx1-ubyte, beside the images"),
)
_UNSIGNED_BYTES = 8  # code of the type in the third byte of an IDX file
_LARGEST = 200_000_000  # bytes; the largest published file has 47 million


def open_images(path: str | Path) -> InMemory:
    """Images of a file and their labels, from the file of labels beside it.

    Args:
        path: Such as ``train-images-idx3-ubyte.gz``; the labels are in ``train-labels-idx1-ubyte.gz``.

    Raises:
        InputError: A file that is missing, damaged or of another layout, or another number of labels.
    """
    path = Path(path)
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if labels == path:
        raise InputError(f"{path}: expected a name with images-idx3 in it, so that its labels can be found")
    image, label = read_idx(path), read_idx(labels)
    if image.ndim != 3 or image.shape[1:] != (SIDE, SIDE) or label.shape != image.shape[:1]:
        raise InputError(
            f"{path}: expected images (n, {SIDE}, {SIDE}) and n labels, got {image.shape} and {label.shape}"
        )
    return InMemory({"image": image, "label": label.astype(np.int64)})


def read_idx(path: str | Path) -> UInt8[np.ndarray, "..."]:
    """The array of an IDX file of bytes, packed by gzip or not.

    Raises:
        InputError: No such file, damaged, of another type, or not as long as its header says.
    """
    path = Path(path)
    check_file(path)
    with reading(path, "IDX"):
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    axes = content[3] if len(content) > 3 else 0
    if content[:3] != bytes((0, 0, _UNSIGNED_BYTES)) or not 1 <= axes <= 3 or len(content) < 4 + 4 * axes:
        raise InputError(
            f"{path}: expected an IDX file of bytes, got one that begins with {content[:4].hex()}"
        )
    shape = tuple(np.frombuffer(content, ">u4", axes, 4).tolist())
    found = len(content) - 4 - 4 * axes
    if math.prod(shape) != found:
        raise InputError(f"{path}: expected {shape} bytes, got {found}: is it cut short?")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()


def write_idx(path: str | Path, array: UInt8[np.ndarray, "..."]) -> None:
    """Write bytes as an IDX file, packed if the name ends with .gz; the same array gives the same file."""
    head = bytes((0, 0, _UNSIGNED_BYTES, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    content = head + np.ascontiguousarray(array).tobytes()
    packed = gzip.compress(content, mtime=0) if Path(path).suffix == ".gz" else content
    write_whole(Path(path), lambda unfinished: unfinished.write_bytes(packed))


def stand_in() -> InMemory:
    """The 1,797 digits of 8 x 8 pixels that come with scikit-learn, enlarged: each pixel 3 x 3, two empty around.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    digits = require("sklearn.datasets", extra="baselines").load_digits()
    large = np.kron(digits.images, np.ones((3, 3)))
    image = np.pad(large, ((0, 0), (2, 2), (2, 2))) * (255 / 16)
    return InMemory({"image": image.round().astype(np.uint8), "label": digits.target.astype(np.int64)})


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':8} {'from':38} what"]
    return "\n".join(lines + [f"{name:8} {source:38} {what}" for name, what, source in COLUMNS])
