"""IDX files: an independent parse, every damage in one line, the stand-in."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import mnist
from femtobarn.errors import InputError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    images, labels = draw.integers(0, 256, (7, 28, 28), dtype=np.uint8), np.arange(7, dtype=np.uint8)
    for ending in ("", ".gz"):
        mnist.write_idx(tmp_path / f"a-images-idx3-ubyte{ending}", images)
        mnist.write_idx(tmp_path / f"a-labels-idx1-ubyte{ending}", labels)
        found = mnist.open_images(tmp_path / f"a-images-idx3-ubyte{ending}").read(["image", "label"], 0, 9)
        np.testing.assert_array_equal(found["image"], images)
        np.testing.assert_array_equal(found["label"], labels)


def test_the_published_file_agrees_with_an_independent_parse(real_data: Path) -> None:
    path = real_data / "mnist_t10k" / "t10k-images-idx3-ubyte.gz"
    source = mnist.open_images(path)
    content = gzip.decompress(path.read_bytes())
    assert struct.unpack(">4I", content[:16]) == (2051, 10_000, 28, 28)
    found = source.read(["image", "label"], 0, 10_000)
    assert found["image"].tobytes() == content[16:]
    assert np.bincount(found["label"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def _damaged(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


_GOOD = bytes((0, 0, 8, 1)) + struct.pack(">I", 4) + b"abcd"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected an IDX file of bytes"),
        (_GOOD[:6], "expected an IDX file of bytes"),
        (bytes((0, 0, 13, 1)) + _GOOD[4:], "begins with 00000d01"),
        (_GOOD[:-1], r"expected \(4,\) bytes, got 3"),
        (_GOOD + b"e", r"expected \(4,\) bytes, got 5"),
        (gzip.compress(_GOOD, mtime=0)[:-9], "is it cut short"),
        (bytes((0, 0, 8, 9)) + b"x" * 60, "expected an IDX file of bytes"),
    ],
)
def test_damaged_files_are_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        mnist.read_idx(_damaged(tmp_path / "x", content))
    assert "\n" not in str(error.value)


def test_missing_labels_and_other_shapes_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a-images-idx3-ubyte"
    mnist.write_idx(path, np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(InputError, match=r"a-labels-idx1-ubyte: no such file"):
        mnist.open_images(path)
    mnist.write_idx(tmp_path / "a-labels-idx1-ubyte", np.zeros(2, np.uint8))
    with pytest.raises(InputError, match=r"got \(3, 28, 28\) and \(2,\)"):
        mnist.open_images(path)
    with pytest.raises(InputError, match="a name with images-idx3"):
        mnist.open_images(tmp_path / "pictures")


def test_the_stand_in_is_all_digits() -> None:
    pytest.importorskip("sklearn")
    found = mnist.stand_in().read(["image", "label"], 0, 2000)
    assert found["image"].shape == (1797, 28, 28)
    assert found["image"].max() == 255
    assert not found["image"][:, :2].any()
    assert set(found["label"].tolist()) == set(range(10))
