"""Images in patches: taking, cutting, folders with annotations, splits without a common object."""

from pathlib import Path

import numpy as np
import pytest
import torch

from femtobarn.data.patch_images import ImageSource, PatchImages, read_folder, split_objects
from femtobarn.errors import InputError
from femtobarn.nn import cut_patches


def _sample(count: int = 5, seed: int = 1) -> PatchImages:
    draw = np.random.default_rng(seed)
    defect = draw.random((count, 2, 3)) < 0.2
    kind = np.where(defect.any(axis=(1, 2)), "dust", "")
    images = list(draw.integers(0, 256, (count, 20, 30), dtype=np.uint8))
    return PatchImages(
        images, np.arange(count), np.arange(count) // 2, kind, kind, defect, np.zeros_like(defect)
    )


def _folder(folder: Path, sensors: int = 12, lines: str = "") -> Path:
    for sensor in range(sensors):
        for position in (3, 14):
            image = np.random.default_rng([sensor, position]).integers(0, 256, (23, 30), dtype=np.uint8)
            np.save(folder / f"8inch_N{sensor:03d}_{position:03d}.npy", image)
    rows = "".join(f"8inch_N{sensor:03d}_014.npy,1,2,scratch\n" for sensor in range(0, sensors, 2))
    (folder / "annotations.csv").write_text(f"file,row,column,kind\n{rows}{lines}")
    return folder


def test_patches_are_counted_row_by_row() -> None:
    sample = _sample()
    every = cut_patches(torch.stack([sample.image(i)[0] for i in range(5)]), 10).flatten(0, 2)
    torch.testing.assert_close(sample.patches(np.arange(30)), every)
    torch.testing.assert_close(sample.patches(np.array([29, 0, 7])), every[[29, 0, 7]])
    torch.testing.assert_close(sample.bands(np.array([3])), sample.image(1)[:, 10:])


def test_images_are_taken_with_all_that_is_known_of_them() -> None:
    sample = _sample()
    some = sample.take(np.array([4, 1]))
    np.testing.assert_array_equal(some.images[0], sample.images[4])
    np.testing.assert_array_equal(some.defect, sample.defect[[4, 1]])
    np.testing.assert_array_equal(some.take([1]).images[0], sample.images[1])
    np.testing.assert_array_equal(sample.take(sample.clean).kind, np.full(sample.clean.sum(), ""))


def test_a_folder_is_read_with_its_annotations(tmp_path: Path) -> None:
    found = read_folder(_folder(tmp_path, lines="8inch_N001_003.npy,0,0,background\n"), 10)
    assert found.images[0].shape == (20, 30), "cropped to whole patches"
    assert len(found) == 24
    assert set(found.position) == {3, 14}
    np.testing.assert_array_equal(np.bincount(found.object), np.full(12, 2))
    marked = np.flatnonzero(~found.clean)
    assert found.kind[marked].tolist() == ["scratch"] * 6
    assert found.defect[marked, 1, 2].all()
    assert found.defect.sum() == 6
    assert found.background.sum() == found.background[2, 0, 0] == 1
    assert found.clean[2], "what lies beside the object is no defect"


def test_no_object_is_in_two_samples(tmp_path: Path) -> None:
    found = read_folder(_folder(tmp_path), 10)
    parts = split_objects(found, validation=0.25, test=0.25, seed=1)
    groups = [
        set(np.concatenate([parts[name].object for name in names]).tolist())
        for names in (("train", "annotated"), ("calibration",), ("validation",), ("test",))
    ]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 12
    assert parts["train"].clean.all()
    assert parts["calibration"].clean.all()
    assert not parts["annotated"].clean.any()
    again = split_objects(found, validation=0.25, test=0.25, seed=2)
    assert set(again["test"].object) != set(parts["test"].object)
    with pytest.raises(InputError, match="no images for"):
        split_objects(found.take(found.object < 2), validation=0.25, test=0.25, seed=1)


@pytest.mark.parametrize(
    "line",
    ["nothing.npy,0,0,dust", *(f"8inch_N000_003.npy,{rest}" for rest in ("2,0,dust", "a,0,dust", "0,0"))],
)
def test_lines_that_mark_nothing(line: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotations\.csv, line 8: expected file,row,column,kind"):
        read_folder(_folder(tmp_path, lines=line), 10)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a_1.npy"
    np.save(path, np.zeros((20, 30), np.uint8))
    assert ImageSource(path, 10, (20, 30)).read(["image"], 0, 1)["image"].shape == (1, 20, 30)
    with pytest.raises(InputError, match="expected 40 x 30 pixels in whole patches, got 20 x 30"):
        ImageSource(path, 10, (40, 30)).read(["image"], 0, 1)
    with pytest.raises(InputError, match="at least a patch of 50 pixels"):
        ImageSource(path, 50, (50, 50)).read(["image"], 0, 1)
    np.save(tmp_path / "name.npy", np.zeros((20, 30), np.uint8))
    with pytest.raises(InputError, match="ends in the position"):
        ImageSource(tmp_path / "name.npy", 10, (20, 30))


def test_a_folder_without_images_or_annotations(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file"):
        read_folder(tmp_path, 10)
    np.save(tmp_path / "a_1.npy", np.zeros((20, 30), np.uint8))
    with pytest.raises(InputError, match="annotations"):
        read_folder(tmp_path, 10)
