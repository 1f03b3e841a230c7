"""The gate that every file passes: what is no file, given twice, or larger than it can be."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data import opening
from femtobarn.data.csv import CsvFile
from femtobarn.data.features import FeatureFile
from femtobarn.data.hardest import hardest
from femtobarn.data.hdf5 import Hdf5File, opened_hdf5, write_hdf5
from femtobarn.data.opening import check_file, given_files, reading
from femtobarn.errors import InputError


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        tmp_path / "none": "no such file",
        tmp_path / "folder": "expected a file, got a folder",
        tmp_path / "pipe.csv": "expected a file, got a named pipe",
        Path("/dev/zero"): "expected a file, got a device",
        tmp_path / "loop": "symbolic link",
        tmp_path / ("x" * 5000): "name too long",
        Path("a\0b"): "no name of a file",
    }
    for path, message in cases.items():
        with pytest.raises(InputError, match=f"(?i){message}"):
            check_file(path)
    with pytest.raises(InputError, match="named pipe"):
        CsvFile(tmp_path / "pipe.csv", names=lambda n: ("a",) * n)


def test_names_that_are_not_utf_8_are_opened(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    x = np.arange(3.0)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", x=x)
    write_hdf5(tmp_path / "a.h5", {"x": x}, {})
    parquet.write_table(pyarrow.table({"x": x}), tmp_path / "a.parquet")
    for ending in ("npy", "npz", "h5", "parquet"):
        odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9." + ending.encode()))
        (tmp_path / f"a.{ending}").rename(odd)
        np.testing.assert_array_equal(FeatureFile(odd).read(0, 3)[:, 0], x)


def test_messages_are_one_line_whatever_a_name_holds(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("two\nlines\x1b[31m")
    with pytest.raises(InputError) as error:
        Hdf5File(tmp_path / "a.h5")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("two\nlines"), MemoryError(), OverflowError()])
def test_whatever_a_library_stumbles_over_becomes_one_line(error: Exception) -> None:
    told = pytest.raises(InputError, match=r"a\.x: (not a readable X file|says to hold more)")
    with told as found, reading(Path("a.x"), "X"):
        raise error
    assert str(found.value).isprintable()


def test_files_are_listed_once(tmp_path: Path) -> None:
    for name in ("b.h5", "a.h5", "c.txt"):
        (tmp_path / name).write_text(name)
    assert [path.name for path in given_files(tmp_path, ".h5")] == ["a.h5", "b.h5"]
    assert given_files([tmp_path / "b.h5", str(tmp_path / "a.h5")]) == [tmp_path / "b.h5", tmp_path / "a.h5"]
    with pytest.raises(InputError, match="at least one file"):
        given_files([])
    with pytest.raises(InputError, match=r"no file that ends in \.csv"):
        given_files(tmp_path, ".csv")
    (tmp_path / "link.h5").symlink_to(tmp_path / "a.h5")
    for again in ("a.h5", "link.h5", "../" + tmp_path.name + "/a.h5"):
        with pytest.raises(InputError, match="given twice"):
            given_files([tmp_path / "a.h5", tmp_path / again])


def test_data_that_were_never_written_are_no_zeros(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10, 4), "f4", chunks=(2, 4))[:2] = 1
        file.create_dataset("y", (10,), "f4")
    with pytest.raises(InputError, match=r"x says to hold \(10, 4\) numbers, of which 20.0% were written"):
        Hdf5File(tmp_path / "a.h5", known=("x",))
    with pytest.raises(InputError, match=r"y says to hold .* 0.0% were written"):
        Hdf5File(tmp_path / "a.h5", known=("y",))


def test_more_than_the_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_hdf5(tmp_path / "a.h5", {"x": np.zeros((1000, 10))}, {})
    file = Hdf5File(tmp_path / "a.h5")
    monkeypatch.setattr(opening, "_memory", lambda: 10_000)
    assert file.read(("x",), 0, 100)["x"].shape == (100, 10)
    with pytest.raises(InputError, match="more than the 1e-05 GB of memory here"):
        file.read(("x",), 0, 1000)


def test_nothing_outside_the_file_is_read(tmp_path: Path) -> None:
    """External storage would give the bytes of any file of the machine."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(80)))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10,), "f8", external=[(str(secret), 0, 80)])
        file["far"] = h5py.ExternalLink("/dev/zero", "x")
        file["alias"] = h5py.SoftLink("/far/x")
        file["good"] = np.arange(3.0)
        file["soft"] = h5py.SoftLink("good")
        file["inner/soft"] = h5py.SoftLink("../good")
    with opened_hdf5(tmp_path / "a.h5") as file:
        for name, message in {
            "x": "keeps its numbers in another file",
            "far": "link into another file",
            "alias": "link into another file",
            "inner/soft": r"expected inner/\.\./good",
        }.items():
            with pytest.raises(InputError, match=message):
                file.read(name)
        np.testing.assert_array_equal(file.read("soft"), [0, 1, 2])


def test_the_hardest_particles_are_found_in_any_order() -> None:
    draw = np.random.default_rng(1)
    pt, mask = draw.random((50, 9)), draw.random((50, 9)) < 0.6
    table = np.stack((pt, np.arange(450.0).reshape(50, 9)), axis=2)
    for number in (1, 4, 9):
        take = hardest(pt, mask, number)
        found, there = take(table), take(mask)
        for row in range(50):
            expected = sorted(pt[row, mask[row]], reverse=True)[:number]
            assert sorted(found[row, there[row], 0], reverse=True) == expected
            assert set(found[row, there[row], 1]) <= set(table[row, mask[row], 1]), "columns stay together"
    ordered = -np.sort(-pt, axis=1)
    np.testing.assert_array_equal(hardest(ordered, np.ones_like(mask), 4)(ordered), ordered[:, :4])
