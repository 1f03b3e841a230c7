"""Photographs as files: one array in ``.npy``, or a picture; colours as the plane of a Bayer sensor."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from femtobarn.data.npy import NumpyFile
from femtobarn.data.opening import check_file, check_memory, reading
from femtobarn.errors import InputError

ENDINGS = (".npy", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_PICTURES = {"PNG", "JPEG", "TIFF"}


def read_image(path: str | Path) -> UInt8[np.ndarray, "row column"]:
    """One brightness for each pixel, from 0 to 255; of a picture in colour, what a Bayer sensor would have seen.

    Arrays hold bytes, or fractions from 0 to 1.

    Raises:
        InputError: No such file, one that is damaged or holds no image, or numbers that are no brightness.
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        table = NumpyFile(path)
        image = _bytes(table.read(["array"], 0, len(table))["array"], path)
    elif path.suffix.lower() in ENDINGS:
        image = _picture(path)
    else:
        check_file(path)
        raise InputError(f"{path}: expected an image, a file that ends in {' or '.join(ENDINGS)}")
    if image.ndim == 3 and image.shape[2] == 3:
        image = mosaic(image)
    if image.ndim != 2 or not image.size:
        raise InputError(
            f"{path}: expected an image (rows, columns) or (rows, columns, 3), got {image.shape}"
        )
    return image


def mosaic(colours: UInt8[np.ndarray, "row column 3"]) -> UInt8[np.ndarray, "row column"]:
    """The plane of a Bayer sensor: red at even rows and columns, blue at odd ones, green elsewhere."""
    plane = colours[..., 1].copy()
    plane[::2, ::2] = colours[::2, ::2, 0]
    plane[1::2, 1::2] = colours[1::2, 1::2, 2]
    return plane


def demosaic(plane: UInt8[np.ndarray, "row column"]) -> UInt8[np.ndarray, "row column 3"]:
    """Red, green, blue of each pixel, from the nearest one of the plane in the same square of four, to the left first.

    Raises:
        InputError: An odd number of rows or columns.
    """
    if plane.shape[0] % 2 or plane.shape[1] % 2:
        raise InputError(f"expected an even number of rows and columns, got {plane.shape}")
    twice = {name: each.repeat(2, axis=0).repeat(2, axis=1) for name, each in (
        ("red", plane[::2, ::2]), ("blue", plane[1::2, 1::2]),
    )}  # fmt: skip
    green = plane.copy()
    green[::2, ::2], green[1::2, 1::2] = plane[::2, 1::2], plane[1::2, ::2]
    return np.stack((twice["red"], green, twice["blue"]), axis=-1)


def trailing_number(path: Path) -> int | None:
    """The number at the end of a file's name, such as the scan position 12 of ``sensor7_012.npy``; None without one."""
    found = re.search(r"(\d+)$", path.stem)
    return int(found[1]) if found else None


def _bytes(array: Shaped[np.ndarray, "..."], path: Path) -> UInt8[np.ndarray, "..."]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "f":
        if (bad := int((~np.isfinite(array)).sum())) > 0:
            raise InputError(f"{path}: {bad} of {array.size} pixels are NaN or infinite")
        if array.size and (array.min() < 0 or array.max() > 1):
            raise InputError(
                f"{path}: expected fractions from 0 to 1, got {array.min():g} to {array.max():g}"
            )
        return np.round(255 * array).astype(np.uint8)
    raise InputError(f"{path}: expected bytes or fractions from 0 to 1, got {array.dtype}")


def _picture(path: Path) -> UInt8[np.ndarray, "..."]:
    from PIL import Image

    check_file(path)
    with reading(path, "picture"), Image.open(path) as picture:
        if picture.format not in _PICTURES:
            raise InputError(
                f"{path}: expected a picture as {', '.join(sorted(_PICTURES))}, got {picture.format}"
            )
        check_memory(3 * picture.width * picture.height, str(path))
        if picture.mode not in ("L", "RGB"):
            raise InputError(
                f"{path}: expected 8 bits of grey or of red, green, blue, got the mode {picture.mode}"
            )
        return np.asarray(picture)
