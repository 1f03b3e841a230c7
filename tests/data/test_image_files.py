"""Images as files: bytes, fractions, pictures in grey and in colour, and files that hold none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from femtobarn.data.images import demosaic, mosaic, read_image, trailing_number
from femtobarn.errors import InputError

DRAW = np.random.default_rng(1)
GREY = DRAW.integers(0, 256, (6, 8), dtype=np.uint8)
COLOURS = DRAW.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_a_mosaic_keeps_each_colour_at_its_site() -> None:
    plane = mosaic(COLOURS)
    again = demosaic(plane)
    sites = {0: (slice(0, None, 2), slice(0, None, 2)), 2: (slice(1, None, 2), slice(1, None, 2))}
    for colour, site in sites.items():
        np.testing.assert_array_equal(again[site][..., colour], COLOURS[site][..., colour])
        np.testing.assert_array_equal(plane[site], COLOURS[site][..., colour])
    for site in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        np.testing.assert_array_equal(again[site][..., 1], COLOURS[site][..., 1])
    np.testing.assert_array_equal(mosaic(again), plane)
    with pytest.raises(InputError, match="even number"):
        demosaic(plane[:5])


@pytest.mark.parametrize("ending", [".npy", ".png", ".tif"])
def test_what_was_written_is_read(ending: str, tmp_path: Path) -> None:
    for name, array, expected in (("grey", GREY, GREY), ("colour", COLOURS, mosaic(COLOURS))):
        path = tmp_path / f"{name}{ending}"
        np.save(path, array) if ending == ".npy" else Image.fromarray(array).save(path)
        np.testing.assert_array_equal(read_image(path), expected)


def test_fractions_are_bytes_over_255(tmp_path: Path) -> None:
    path = tmp_path / "image.npy"
    np.save(path, (GREY / 255).astype(np.float32))
    np.testing.assert_array_equal(read_image(path), GREY)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 4), np.nan), "16 of 16 pixels are NaN"),
        (np.full((4, 4), 2.0), "fractions from 0 to 1"),
        (np.zeros((4, 4), np.int32), "bytes or fractions"),
        (np.zeros((4, 4, 2), np.uint8), "expected an image"),
        (np.zeros(4, np.uint8), "expected an image"),
        (np.zeros((0, 4), np.uint8), "expected an image"),
    ],
)
def test_arrays_that_are_no_image(array: np.ndarray, words: str, tmp_path: Path) -> None:
    path = tmp_path / "image.npy"
    np.save(path, array)
    with pytest.raises(InputError, match=words) as error:
        read_image(path)
    assert str(path) in str(error.value)


def test_files_that_are_no_image(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(GREY.repeat(40, axis=0)).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:100])
    text = tmp_path / "text.jpg"
    text.write_text("Dear reader")
    gif = tmp_path / "gif.png"
    Image.fromarray(GREY).save(gif, format="GIF")
    deep = tmp_path / "deep.png"
    Image.fromarray(GREY.astype(np.uint16)).save(deep)
    other = tmp_path / "letter.doc"
    other.write_text("Dear reader")
    for path, words in (
        (cut, "cut short"), (text, "not a readable picture"), (gif, "expected a picture as"), (deep, "8 bits"),
        (other, "expected an image"), (tmp_path / "none.png", "no such file"), (tmp_path / "none.npy", "no such file"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            read_image(path)


def test_the_number_at_the_end_of_a_name() -> None:
    assert trailing_number(Path("a1/sensor7_012.npy")) == 12
    assert trailing_number(Path("sensor7_012b.npy")) is None
