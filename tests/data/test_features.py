"""Feature files of every format: what is written is read, what is broken is told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from femtobarn.data.features import FeatureFile
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
    with pytest.raises(InputError, match="holds no numbers"):
        FeatureFile(tmp_path / "words.npy").read(0, 1)
    np.save(tmp_path / "code.npy", np.array([print]), allow_pickle=True)
    with pytest.raises(InputError, match="not a readable NumPy file"):
        FeatureFile(tmp_path / "code.npy")


def test_parquet_without_numbers_is_told(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="expected numeric columns, got name"):
        ParquetFile(tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table({"x": [1.0, None]}), tmp_path / "b.parquet")
    assert np.isnan(ParquetFile(tmp_path / "b.parquet").read(["x"], 0, 2)["x"][1])
