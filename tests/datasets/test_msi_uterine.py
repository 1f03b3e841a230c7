"""Mouse uterus: the class means, where the tissue is, and arrays as published."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import msi_uterine
from femtobarn.errors import InputError
from femtobarn.simulate.ion_images import CLASS_SIZES


def write_exemplars(path: Path, *, classes: int = 3, side: int = 12) -> Path:
    draw = np.random.default_rng(1)
    mask = np.zeros((side, side), bool)
    mask[:3] = True
    image = draw.integers(0, 256, (classes, side, side)).astype(np.uint8)
    np.savez(path, image=image, label=np.arange(classes)[::-1], mask=mask)
    return path


def write_published(path: Path, images: int = 5, side: int = 12) -> np.ndarray:
    rows = np.empty((images, 2), object)
    for place in range(images):
        grey = np.random.default_rng(place).integers(0, 256, (side, side, 1)).astype(np.uint8)
        rows[place] = [np.repeat(grey, 3, axis=2), place % 3]
    np.save(path, rows)
    return rows


def test_class_means_come_in_the_order_of_their_labels_and_the_mask_turns(tmp_path: Path) -> None:
    path = write_exemplars(tmp_path / "a.npz")
    found = msi_uterine.read_exemplars(path)
    with np.load(path) as file:
        np.testing.assert_allclose(found.image[0], file["image"][2] / 255, rtol=1e-6)
    assert not found.inside[:3].any()
    assert found.inside[3:].all()


def test_an_array_as_published(tmp_path: Path) -> None:
    rows = write_published(tmp_path / "training_data.npy")
    assert msi_uterine.is_published(tmp_path / "training_data.npy")
    found = msi_uterine.read_published(tmp_path / "training_data.npy")
    np.testing.assert_array_equal(found.counts[2], rows[2, 0][..., 0])
    np.testing.assert_array_equal(found.label, [0, 1, 2, 0, 1])
    np.save(tmp_path / "plain.npy", np.zeros((2, 3, 3)))
    assert not msi_uterine.is_published(tmp_path / "plain.npy")


def test_rows_of_another_kind(tmp_path: Path) -> None:
    rows = np.empty((2, 2), object)
    rows[:] = [[np.zeros((3, 3, 3)), 0], [np.zeros((4, 3, 3)), 1]]
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(InputError, match="of one size"):
        msi_uterine.read_published(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", rows.ravel())
    with pytest.raises(InputError, match="image and its class"):
        msi_uterine.read_published(tmp_path / "b.npy")


@pytest.mark.parametrize(("text", "words"), [("polarity,mz\nneg,3\n", "class from 0"), ("", "class from 0")])
def test_a_table_without_classes(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        msi_uterine.class_sizes(tmp_path / "a.csv")


def test_a_mask_without_tissue(tmp_path: Path) -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    np.savez(tmp_path / "a.npz", image=image, label=np.zeros(1, int), mask=np.ones((4, 4), bool))
    with pytest.raises(InputError, match="no tissue"):
        msi_uterine.read_exemplars(tmp_path / "a.npz")


def test_the_real_class_means(real_data: Path) -> None:
    """The mask of the file is true off tissue: means are bright where we say that tissue is."""
    folder = real_data / msi_uterine.FOLDER
    if not folder.is_dir():
        pytest.skip("the ion images are not among the real samples")
    found = msi_uterine.read_exemplars(folder / msi_uterine.FILE)
    assert found.image.shape == (13, 96, 96)
    assert found.inside.sum() == 5848
    assert found.image[:, found.inside].mean() > 20 * found.image[:, ~found.inside].mean()
    assert tuple(sorted(msi_uterine.class_sizes(folder / msi_uterine.IONS))) == CLASS_SIZES
