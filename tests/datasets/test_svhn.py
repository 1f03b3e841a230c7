from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from femtobarn.data.source import Source
from femtobarn.datasets import describe, summaries, svhn
from femtobarn.errors import InputError


def _images(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(3)
    return g.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), np.arange(count) % 10


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    """Written here by hand, so that writer and reader cannot be wrong together."""
    image, label = _images(12)
    x = np.zeros((32, 32, 3, 12), np.uint8)
    for i, row, column, colour in np.ndindex(12, 32, 32, 3):
        x[row, column, colour, i] = image[i, colour, row, column]
    savemat(
        tmp_path / "train_32x32.mat",
        {"X": x, "y": np.array([[10 if d == 0 else d] for d in label], np.uint8)},
    )
    source = svhn.open_images(tmp_path / "train_32x32.mat")
    assert isinstance(source, Source)
    found = source.read(("image", "label"), 2, 12)
    np.testing.assert_array_equal(found["image"], image[2:])
    np.testing.assert_array_equal(found["label"], label[2:])
    assert found["image"].dtype == np.uint8


def test_several_files_come_one_after_the_other(tmp_path: Path) -> None:
    image, label = _images()
    for name in ("a.mat", "b.mat"):
        svhn.write_images(tmp_path / name, image, label)
        image = 255 - image
    found = svhn.open_images([tmp_path / "a.mat", tmp_path / "b.mat"]).read(("image", "label"), 0, 99)
    np.testing.assert_array_equal(found["image"], np.concatenate((image, 255 - image)))
    np.testing.assert_array_equal(found["label"], np.concatenate((label, label)))


def test_spoilt_files_are_named(tmp_path: Path) -> None:
    image, label = _images()
    path = tmp_path / "x.mat"
    with pytest.raises(InputError, match=r"x\.mat: no such file"):
        svhn.open_images(path)
    path.write_bytes(b"no MATLAB at all")
    with pytest.raises(InputError, match="not a readable MATLAB file"):
        svhn.open_images(path)
    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8)})
    with pytest.raises(InputError, match="y is missing"):
        svhn.open_images(path)
    savemat(path, {"X": np.zeros((2, 32, 32, 3), np.uint8), "y": np.ones((2, 1))})
    with pytest.raises(InputError, match=r"expected X \(32, 32, 3, n\)"):
        svhn.open_images(path)
    savemat(path, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[0], [1]])})
    with pytest.raises(InputError, match="labels 1 to 10, got 0"):
        svhn.open_images(path)
    with pytest.raises(InputError, match="expected a digit for each"):
        svhn.write_images(path, image, label[:-1])
    with pytest.raises(InputError, match="at least one file"):
        svhn.open_images([])


def test_the_stand_in_shows_the_digit_of_its_label() -> None:
    """Images of one label are more alike than those of two, once each is reduced to ink and paper."""
    arrays = svhn.stand_in(3000, seed=1).read(("image", "label"), 0, 3000)
    image, label = arrays["image"].astype(float), arrays["label"]
    assert image.shape == (3000, 3, 32, 32)
    assert np.bincount(label, minlength=10).min() > 200
    flat = image.mean(axis=1).reshape(3000, -1)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= flat.std(axis=1, keepdims=True)
    core = (
        (flat.reshape(-1, 32, 32)[:, 4:28, 6:26]).reshape(3000, -1) ** 2
    )  # blind to which of both is brighter
    train, test = core[:2000], core[2000:]
    means = np.stack([train[label[:2000] == digit].mean(axis=0) for digit in range(10)])
    nearest = ((test[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == label[2000:]).mean() > 0.2, "ten classes by chance give 0.1"


def test_the_stand_in_is_its_seed_s() -> None:
    first, again, other = (svhn.stand_in(40, seed=seed).read(("image", "label"), 0, 40) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["image"], again["image"])
    assert (first["image"] != other["image"]).mean() > 0.5
    with pytest.raises(InputError, match="at least one image"):
        svhn.stand_in(0, seed=1)


def test_digits_with_holes_have_holes() -> None:
    glyphs = svhn._glyphs()
    assert set(np.unique(glyphs)) == {0.0, 1.0}
    middle = glyphs.shape[-1] // 2
    assert not glyphs[0, 0, middle, middle], "the middle of a 0 is empty"
    assert glyphs[0, 1, middle, middle - 3 : middle + 4].any(), "that of a 1 is not"


def test_it_is_described() -> None:
    assert "73257" in describe("svhn")
    assert "svhn" in summaries()
