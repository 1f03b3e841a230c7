"""HDF5 files, checksums, the cache folder: what is written is read, what is broken is told."""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data import checksums
from femtobarn.data.cache import cache_folder, write_whole
from femtobarn.data.hdf5 import Hdf5File, write_hdf5
from femtobarn.errors import InputError

ARRAYS = {"charge": np.arange(30, dtype=np.float32).reshape(10, 3), "layer": np.arange(10, dtype=np.int8)}


def test_hdf5_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.h5"
    write_hdf5(path, ARRAYS, {"format": 1})
    file = Hdf5File(path)
    assert (len(file), set(file.columns)) == (10, set(ARRAYS))
    for start, stop in ((0, 10), (3, 7), (8, 99), (5, 5), (7, 3)):
        found = file.read(("layer", "charge"), start, stop)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array[start : max(start, stop)])
            assert found[name].dtype == array.dtype
    with h5py.File(path) as raw:
        assert raw.attrs["format"] == 1
    assert [p.name for p in path.parent.iterdir()] == ["a.h5"]


def test_hdf5_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(InputError, match="no such file"):
        Hdf5File(path)
    path.write_text("charge,layer\n1,2\n")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        Hdf5File(path)
    write_hdf5(path, ARRAYS, {})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="is it cut short"):
        Hdf5File(path)
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = np.zeros(3), np.zeros(4)
    with pytest.raises(InputError, match="x 3, y 4"):
        Hdf5File(path)


def test_hdf5_damaged_inside_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_hdf5(path, {"x": np.random.default_rng(1).normal(size=100_000)}, {})
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = bytes(5000)
    path.write_bytes(content)
    file = Hdf5File(path)
    with pytest.raises(InputError, match="is it damaged"):
        file.read(("x",), 0, 100_000)


def test_columns_of_different_length_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="x 3, y 4"):
        write_hdf5(tmp_path / "a.h5", {"x": np.zeros(3), "y": np.zeros(4)}, {})
    assert not list(tmp_path.iterdir())


def test_checksum_is_sha256_and_of_large_files_a_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"wafers")
    assert checksums.checksum(path) == hashlib.sha256(b"wafers").hexdigest()
    monkeypatch.setattr(checksums, "LARGE", 5)
    monkeypatch.setattr(checksums, "HEAD", 3)
    head = hashlib.sha256(b"waf").hexdigest()
    assert checksums.checksum(path) == f"size 6, changed {int(path.stat().st_mtime)}, head sha256 {head}"
    with pytest.raises(InputError, match="No such file"):
        checksums.checksum(tmp_path / "b")
    os.mkfifo(tmp_path / "pipe")
    for endless in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="expected a file, it is none"):
            checksums.checksum(endless)


def test_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("FEMTOBARN_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "femtobarn"


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.write_text("half")
        assert not (tmp_path / "a").exists()
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_whole(tmp_path / "a", fails)
    assert not list(tmp_path.iterdir())
    write_whole(tmp_path / "a", lambda path: path.write_text("whole") and None)
    assert (tmp_path / "a").read_text() == "whole"


def test_of_two_folders_the_first_stays(tmp_path: Path) -> None:
    def folder(content: str) -> None:
        def write(path: Path) -> None:
            path.mkdir()
            (path / "x").write_text(content)

        write_whole(tmp_path / "a", write)

    folder("first")
    folder("second")
    assert (tmp_path / "a" / "x").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1
