"""Feature files of every format: what is written is read, what is broken is told."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data import opening
from femtobarn.data.features import FeatureFile, check_same_columns
from femtobarn.data.hdf5 import write_hdf5
from femtobarn.data.npy import NumpyFile
from femtobarn.data.parquet import ParquetFile
from femtobarn.errors import InputError

X = np.random.default_rng(1).normal(size=(100, 3))
Writer = Callable[[Path, np.ndarray], None]


def write_npz(path: Path, x: np.ndarray) -> None:
    np.savez(path, mass=x[:, 0], rest=x[:, 1:])


def write_parquet(path: Path, x: np.ndarray) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({f"x{i}": x[:, i] for i in range(x.shape[1])})
    parquet.write_table(table, path, row_group_size=7)


WRITERS: dict[str, Writer] = {
    ".npy": np.save,
    ".npz": write_npz,
    ".parquet": write_parquet,
    ".h5": lambda path, x: write_hdf5(path, {"features": x}, {}),
}


@pytest.fixture(params=WRITERS, ids=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Writer]:
    path = tmp_path / f"features{request.param}"
    WRITERS[request.param](path, X)
    return path, WRITERS[request.param]


def test_every_format_gives_the_same_matrix(written: tuple[Path, Writer]) -> None:
    file = FeatureFile(written[0])
    assert (len(file), file.features) == (100, 3)
    for start, stop in ((0, 100), (5, 9), (6, 23), (95, 999), (50, 50)):
        np.testing.assert_array_equal(file.read(start, stop), X[start:stop])


def test_a_cut_file_is_told(written: tuple[Path, Writer]) -> None:
    path = written[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="cut short"):
        FeatureFile(path)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        FeatureFile(path)


def test_nan_is_told_with_its_row(written: tuple[Path, Writer]) -> None:
    path, write = written
    bad = X.copy()
    bad[42, 1] = np.nan
    write(path, bad)
    with pytest.raises(InputError, match="row 42: expected finite numbers"):
        FeatureFile(path).read(10, 100)


def test_what_is_no_table_of_numbers_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"features are read from .npy"):
        FeatureFile(tmp_path / "a.txt")
    np.save(tmp_path / "one.npy", np.float64(1))
    with pytest.raises(InputError, match="single number"):
        NumpyFile(tmp_path / "one.npy")
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.zeros(3))
    with pytest.raises(InputError, match="equal length"):
        NumpyFile(tmp_path / "two.npz")
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    with pytest.raises(InputError, match="array: expected numbers, got text"):
        FeatureFile(tmp_path / "words.npy").read(0, 1)
    np.save(tmp_path / "code.npy", np.array([print]), allow_pickle=True)
    with pytest.raises(InputError, match="it holds objects, not numbers"):
        FeatureFile(tmp_path / "code.npy")


@pytest.mark.parametrize("kind", [">f8", ">i4", "<f2", "u1", "?"])
def test_numbers_of_every_type_come_in_the_order_of_the_machine(kind: str, tmp_path: Path) -> None:
    x = (X > 0).astype(kind)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", x=x)
    write_hdf5(tmp_path / "a.h5", {"x": x}, {})
    for ending in ("npy", "npz", "h5"):
        found = FeatureFile(tmp_path / f"a.{ending}")
        np.testing.assert_array_equal(found.read(0, 100), x.astype(np.float64))
        (column,) = found._source.read(found.names, 0, 3).values()
        assert column.dtype.isnative


def test_columns_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mass=X[:, 0], rest=X[:, 1:])
    file = FeatureFile(tmp_path / "a.npz")
    assert file.widths == {"mass": 1, "rest": 2}
    np.testing.assert_array_equal(file.read(2, 5, names=("rest", "mass")), X[2:5][:, [1, 2, 0]])


def test_columns_are_paired_by_their_names(tmp_path: Path) -> None:
    def file(name: str, **columns: np.ndarray) -> FeatureFile:
        np.savez(tmp_path / name, **columns)
        return FeatureFile(tmp_path / name)

    real = file("real.npz", mass=X[:, 0], rest=X[:, 1:])
    assert check_same_columns(real, file("other.npz", rest=X[:, 1:], mass=X[:, 0])) == real.names
    with pytest.raises(InputError, match="only in one of them: girth, mass"):
        check_same_columns(real, file("names.npz", girth=X[:, 0], rest=X[:, 1:]))
    with pytest.raises(InputError, match="1 numbers a row in rest, but 2"):
        check_same_columns(real, file("width.npz", mass=X[:, 0], rest=X[:, 1]))
    np.save(tmp_path / "bare.npy", X)
    bare = FeatureFile(tmp_path / "bare.npy")
    assert check_same_columns(real, bare) == ("array",)
    np.save(tmp_path / "wide.npy", X[:, :2])
    with pytest.raises(InputError, match=r"2 features, but .* has 3"):
        check_same_columns(real, FeatureFile(tmp_path / "wide.npy"))


def test_the_index_of_pandas_is_no_feature(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    told = {"index_columns": ["__index_level_0__"], "columns": []}
    table = pyarrow.table({"x": X[:, 0], "__index_level_0__": np.arange(100)})
    table = table.replace_schema_metadata({"pandas": json.dumps(told)})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert FeatureFile(tmp_path / "a.parquet").names == ("x",)


def test_one_column_that_cannot_be_read_refuses_the_file(tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"x": X[:, 0], "label": ["a"] * 100})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"expected numeric columns, got label \(string\)"):
        FeatureFile(tmp_path / "a.parquet")
    twice = pyarrow.table([X[:, 0], X[:, 1]], names=["x", "x"])
    parquet.write_table(twice, tmp_path / "b.parquet")
    with pytest.raises(InputError, match="2 columns of the name 'x'"):
        FeatureFile(tmp_path / "b.parquet")
    write_hdf5(tmp_path / "a.h5", {"x": X[:, 0]}, {})
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.create_group("more")["y"] = X[:, 1]
    with pytest.raises(InputError, match="expected a data set more, got a group of y"):
        FeatureFile(tmp_path / "a.h5")


def _array(kind: str, shape: str, content: bytes = b"") -> bytes:
    """A .npy file with a header of one's own."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (_array("<f8", "(1000000000000,)"), "8000000000000 bytes, but there are 0"),
        (_array("<f8", "(2,)", bytes(24)), "16 bytes, but there are 24"),
        (_array("<f8", "(-1,)"), "declares an array"),
        (_array("<f8", f"({10**40},)"), "but there are 0"),
        (_array("<f8", "(1,"), "not a readable NumPy file"),
        (_array("|O", "(1,)", bytes(8)), "it holds objects"),
        (_array("<c16", "(1,)", bytes(16)), "array: expected numbers, got complex numbers"),
    ],
)
def test_an_array_that_declares_something_else(tmp_path: Path, header: bytes, message: str) -> None:
    for name in ("a.npy", "a.npz"):
        path = tmp_path / name
        path.write_bytes(header)
        if name == "a.npz":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("array.npy", header)
        with pytest.raises(InputError, match=message):
            FeatureFile(path)


def test_an_archive_that_unpacks_to_more_than_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(100_000))
    assert FeatureFile(tmp_path / "a.npz").features == 1
    monkeypatch.setattr(opening, "_memory", lambda: 100_000)
    with pytest.raises(InputError, match=r"says to hold 0\.0008 GB, more than the 0\.0001 GB of memory here"):
        FeatureFile(tmp_path / "a.npz")


def test_an_archive_with_something_else_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=r"expected NumPy arrays, got readme\.txt"):
        FeatureFile(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", _array("<f8", "(1,)", bytes(8)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", _array("<f8", "(1,)", bytes(8)))
    with pytest.raises(InputError, match="two arrays of one name, x"):
        FeatureFile(tmp_path / "b.npz")


def test_parquet_without_numbers_is_told(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"expected numeric columns, got name \(string\)"):
        ParquetFile(tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table({"x": [1.0, None]}), tmp_path / "b.parquet")
    assert np.isnan(ParquetFile(tmp_path / "b.parquet").read(["x"], 0, 2)["x"][1])
