"""Images of beams: the laser spot on a photocathode, and histories of screens with the settings of the machine."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from scipy.ndimage import gaussian_filter

from femtobarn.data.hdf5 import opened_hdf5, write_hdf5
from femtobarn.data.npy import NumpyFile
from femtobarn.errors import InputError

NAME = "beam_images"
SUMMARY = "Measured laser spot on a photocathode, and histories of beam screens (stand-in: a soft-edged speckled disc)"
RECORD = "ColwynGulliford/distgen on GitHub, docs/examples/data/laser.image.txt, commit 653e5be (Apache-2.0)"
FILE = "laser_image.npz"
HALF_WIDTH = 1.7501  #: mm, of the public image
COLUMNS = (
    ("intensity", "counts of the laser image, 3.5 mm a side", "(row, column)"),
    ("screen", "charge in each pixel of the screen, any unit", "(shot, row, column)"),
    ("settings", "field of the solenoid, T, as it was read back", "(shot, 1)"),
    ("cathode", "if there is one: image of the virtual cathode", "(shot, row, column)"),
)


class History(NamedTuple):
    """What a beam line saw over time."""

    screen: Float32[np.ndarray, "shot row column"]
    settings: Float64[np.ndarray, "shot 1"]
    """Field of the solenoid as it was read back, T."""
    cathode: Float32[np.ndarray, "shot y x"] | None
    """The map behind the screen, where a camera sees it."""


def published_file() -> Path | None:
    """The public laser image where `FEMTOBARN_DATA` holds it."""
    folder = os.environ.get("FEMTOBARN_DATA")
    path = Path(folder or "") / NAME / FILE
    return path if folder and path.is_file() else None


def read_laser(path: str | Path, *, pixels: int = 32) -> Float32[np.ndarray, "row column"]:
    """The laser image of a ``.npz`` or ``.npy`` file in fewer pixels, which cover the same area; it sums to one.

    A pixel of the file on a border is shared by area.

    Raises:
        InputError: Not NumPy's format, no array ``intensity``, not of rows and columns, values that are negative or not
            finite, fewer pixels than asked for, or no light.
    """
    path = Path(path)
    table = NumpyFile(path, known=("intensity",)) if path.suffix == ".npz" else NumpyFile(path)
    image = table.read(table.columns, 0, len(table))[table.columns[0]]
    if image.ndim != 2 or pixels < 1 or min(image.shape) < pixels:
        raise InputError(
            f"{path}: expected an image of {pixels} x {pixels} pixels or more, got {image.shape}"
        )
    if not (np.isfinite(image).all() and image.min() >= 0 and image.sum() > 0):
        raise InputError(
            f"{path}: expected light of 0 or more in each pixel and some of it, got another image"
        )
    light = _resampled(_resampled(image.astype(np.float64), pixels).T, pixels).T
    return (light / light.sum()).astype(np.float32)


def read_history(path: str | Path) -> History:
    """Screens of an HDF5 file, shot by shot, with the settings and, where there is one, the virtual cathode.

    Raises:
        InputError: Not HDF5, an array missing, images that are not square, more than one setting, arrays of another
            length, or numbers that are not finite, or a dark image.
    """
    path = Path(path)
    with opened_hdf5(path) as file:
        names = [name for name in ("screen", "settings", "cathode") if name in file or name != "cathode"]
        shapes = {name: file.shape(name) for name in names}
        images = [shape for name, shape in shapes.items() if name != "settings"]
        if (
            len({shape[0] for shape in shapes.values()}) > 1
            or shapes["settings"][1:] != (1,)
            or any(len(shape) != 3 or shape[1] != shape[2] for shape in images)
        ):
            raise InputError(
                f"{path}: expected square images screen (shot, row, column), settings (shot, 1) and perhaps "
                f"cathode (shot, row, column) of as many shots, got {shapes}"
            )
        arrays = {name: file.read(name) for name in names}
    for name, array in arrays.items():
        if not len(array) or not np.isfinite(array).all():
            raise InputError(f"{path}: expected finite numbers of one shot or more in {name}, got others")
        if name != "settings" and (array.sum(axis=(1, 2)) <= 0).any():
            dark = int((array.sum(axis=(1, 2)) <= 0).sum())
            raise InputError(f"{path}: expected light in each image of {name}, got {dark} without")
    cathode = arrays["cathode"].astype(np.float32) if "cathode" in arrays else None
    return History(arrays["screen"].astype(np.float32), arrays["settings"].astype(np.float64), cathode)


def write_history(path: str | Path, history: History) -> None:
    """Write a history in the layout that `read_history` reads."""
    columns = {name: array for name, array in history._asdict().items() if array is not None}
    write_hdf5(Path(path), columns, {"unit of settings": "T"})


def stand_in(pixels: int = 32, *, seed: int) -> Float32[np.ndarray, "row column"]:
    """A disc with a soft edge and speckle, which sums to one."""
    axis = (np.arange(pixels) + 0.5) * 2 / pixels - 1
    radius = np.hypot(axis[:, None], axis)
    speckle = gaussian_filter(np.random.default_rng(seed).normal(size=(pixels, pixels)), 1.5, mode="wrap")
    image = np.exp(-((radius / 0.85) ** 8) + 0.25 * speckle / speckle.std())
    return (image / image.sum()).astype(np.float32)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':10} {'shape':22} what"]
    return "\n".join(lines + [f"{name:10} {shape:22} {what}" for name, what, shape in COLUMNS])


def _resampled(image: np.ndarray, rows: int) -> np.ndarray:
    """Sums over rows of another height, by area."""
    below = np.vstack((np.zeros(image.shape[1]), image.cumsum(axis=0)))
    edges = np.linspace(0, len(image), rows + 1)
    low = np.minimum(edges.astype(int), len(image) - 1)
    return np.diff(below[low] + (edges - low)[:, None] * image[low], axis=0)
