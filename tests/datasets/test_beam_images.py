"""Images of beams: the public laser spot, histories of screens, and files that are none."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.datasets import beam_images
from femtobarn.errors import InputError


def history(shots: int = 5) -> beam_images.History:
    draw = np.random.default_rng(1)
    screen, cathode = (draw.random((shots, 8, 8)).astype(np.float32) for _ in range(2))
    return beam_images.History(screen, draw.random((shots, 1)), cathode)


def test_the_public_laser_image(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEMTOBARN_DATA", str(real_data))
    path = beam_images.published_file()
    if path is None:
        pytest.skip("the public laser image is not there")
    image = beam_images.read_laser(path, pixels=32)
    assert image.sum() == pytest.approx(1, rel=1e-5)
    axis = beam_images.HALF_WIDTH * ((np.arange(32) + 0.5) * 2 / 32 - 1)
    widths = [float(np.sqrt((image.sum(axis=i) * axis**2).sum())) for i in (0, 1)]
    assert widths == pytest.approx([0.81, 0.82], abs=0.01), "mm, as in the full image"
    assert image.std() / image.mean() > 0.2, "it is not flat"


def test_without_public_data_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEMTOBARN_DATA", raising=False)
    assert beam_images.published_file() is None


def test_blocks_keep_the_light(tmp_path: Path) -> None:
    light = np.random.default_rng(2).random((66, 66))
    np.savez(tmp_path / "laser.npz", intensity=light, words=np.array(["mm"]))
    np.save(tmp_path / "laser.npy", light)
    one, two = (beam_images.read_laser(tmp_path / f"laser.{end}", pixels=33) for end in ("npz", "npy"))
    np.testing.assert_array_equal(one, two)
    kept = light.reshape(33, 2, 33, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(one, kept / kept.sum(), rtol=1e-5)


@given(rows=st.integers(7, 40), columns=st.integers(7, 40))
def test_other_sizes_cover_the_same_area(rows: int, columns: int) -> None:
    """Light and its centre of gravity stay, whatever the sides are."""
    light = np.random.default_rng(rows + 100 * columns).random((rows, columns))
    with tempfile.TemporaryDirectory() as folder:
        np.save(path := Path(folder, "laser.npy"), light)
        found = beam_images.read_laser(path, pixels=7)
    for axis, size in ((0, columns), (1, rows)):
        before, after = (
            (share * (np.arange(len(share)) + 0.5)).sum() / len(share)
            for share in (light.sum(axis=axis) / light.sum(), found.sum(axis=axis))
        )
        assert before == pytest.approx(after, abs=0.25 / 7 + 1 / size / 7)


def test_a_history_comes_back(tmp_path: Path) -> None:
    made = history()
    beam_images.write_history(tmp_path / "a.h5", made)
    found = beam_images.read_history(tmp_path / "a.h5")
    for ours, theirs in zip(found, made, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    beam_images.write_history(tmp_path / "b.h5", made._replace(cathode=None))
    assert beam_images.read_history(tmp_path / "b.h5").cathode is None


def _change(name: str, array: np.ndarray) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            del file[name]
            file[name] = array

    return change


FAULTS = [
    ("as many shots", _change("settings", np.ones((4, 1)))),
    ("as many shots", _change("screen", np.ones((5, 8)))),
    ("finite numbers", _change("settings", np.full((5, 1), np.nan))),
    ("light in each image", _change("screen", np.zeros((5, 8, 8)))),
    ("HDF5", lambda path: path.write_bytes(path.read_bytes()[:700]) and None),
]


@pytest.mark.parametrize(("said", "change"), FAULTS, ids=[str(i) for i in range(len(FAULTS))])
def test_faults_of_a_history_are_one_line(said: str, change: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    beam_images.write_history(path, history())
    change(path)
    with pytest.raises(InputError, match=said) as caught:
        beam_images.read_history(path)
    assert "a.h5" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "light", [np.zeros((40, 40)), np.full((40, 40), np.nan), -np.ones((40, 40)), np.ones((8, 8))]
)
def test_what_is_no_laser_image(light: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", light)
    with pytest.raises(InputError, match=r"a\.npy"):
        beam_images.read_laser(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", other=light)
    with pytest.raises(InputError, match="intensity"):
        beam_images.read_laser(tmp_path / "b.npz")


def test_the_stand_in_looks_like_a_laser() -> None:
    one, two = (beam_images.stand_in(seed=seed) for seed in (1, 2))
    assert one.sum() == pytest.approx(1, rel=1e-5)
    assert not np.allclose(one, two)
    assert one[0, 0] < 0.01 * one.max()
    assert "screen" in beam_images.describe()
