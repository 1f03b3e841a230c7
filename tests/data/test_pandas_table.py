"""Tables of pandas without pandas: written and read here, and by pandas itself where it is installed."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data.pandas_table import PandasTable, write_pandas_table
from femtobarn.data.source import Source
from femtobarn.errors import InputError

COLUMNS = {
    "a": np.arange(5, dtype=np.float32),
    "k": np.array([3, 1, 4, 1, 5]),
    "b": np.linspace(0, 1, 5, dtype=np.float32),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_pandas_table(tmp_path / "x.h5", COLUMNS)
    return tmp_path / "x.h5"


def test_there_and_back(path: Path) -> None:
    table = PandasTable(path)
    assert isinstance(table, Source)
    assert len(table) == 5
    assert table.columns == ("a", "b", "k")  # by type, as pandas does
    found = table.read(("k", "b"), 1, 4)
    np.testing.assert_array_equal(found["k"], COLUMNS["k"][1:4])
    np.testing.assert_array_equal(found["b"], COLUMNS["b"][1:4])
    np.testing.assert_array_equal(table.matrix(("b", "a"), 0, 9), np.stack([COLUMNS["b"], COLUMNS["a"]], 1))
    np.testing.assert_array_equal(table.matrix(("k", "a"), 2, 3), [[4, 2]])
    assert table.where(3) == f"{path}, row 3"


def test_the_layout_is_that_of_pandas(path: Path) -> None:
    """As in a file that pandas 3.1 wrote with PyTables 3."""
    with h5py.File(path) as file:
        table = file["table/table"]
        assert table.dtype == [
            ("index", "<i8"),
            ("values_block_0", "<f4", (2,)),
            ("values_block_1", "<i8", (1,)),
        ]
        assert table.attrs["values_block_0_kind"] == b"(lp0\nVa\np1\naVb\np2\na."
        assert file["table"].attrs["pandas_type"] == b"frame_table"
        assert file["table"].attrs["index_cols"] == b"(lp0\n(I0\nVindex\np1\ntp2\na."
        kind = file["table"].attrs.get_id("pandas_type").get_type()
        assert kind.get_cset() == h5py.h5t.CSET_UTF8


def test_pandas_reads_it_and_is_read(path: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    frame = pandas.read_hdf(path, key="table")
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(frame[name], column)
    frame.to_hdf(tmp_path / "y.h5", key="table", mode="w", format="table")
    np.testing.assert_array_equal(PandasTable(tmp_path / "y.h5").read(("k",), 0, 5)["k"], COLUMNS["k"])


def test_names_are_read_without_loading_a_pickle(path: Path) -> None:
    """A pickle that would create a file if it were loaded; its strings are taken for names, two for one column."""
    trap = path.parent / "trap"
    with h5py.File(path, "r+") as file:
        file["table/table"].attrs["values_block_1_kind"] = np.bytes_(
            f"cpathlib\nPath\n(V{trap}\ntR(dVmkdir\n(tsb.".encode()
        )
    with pytest.raises(InputError, match="2 names of columns for a block values_block_1"):
        PandasTable(path)
    assert not trap.exists()


def test_columns_with_a_field_of_their_own(tmp_path: Path) -> None:
    """As pandas writes with data_columns, which it needs for queries."""
    path = tmp_path / "x.h5"
    records = np.zeros(5, [("index", "<i8"), ("values_block_0", "<f4", (2,)), ("k", "<i8"), ("word", "S3")])
    records["values_block_0"] = np.stack((COLUMNS["a"], COLUMNS["b"]), axis=1)
    records["k"] = COLUMNS["k"]
    with h5py.File(path, "w") as file:
        table = file.create_dataset("table/table", data=records)
        for block, names in (("values_block_0", ["a", "b"]), ("k", ["k"]), ("word", ["word"])):
            table.attrs[f"{block}_kind"] = np.bytes_(pickle.dumps(names, 0))
    table = PandasTable(path)
    assert table.columns == ("a", "b", "k", "word")
    np.testing.assert_array_equal(
        table.matrix(("b", "k"), 1, 4), np.stack((COLUMNS["b"], COLUMNS["k"]), axis=1)[1:4]
    )
    np.testing.assert_array_equal(table.matrix(("k",), 0, 5)[:, 0], COLUMNS["k"])
    with pytest.raises(InputError, match="word: expected numbers, got text"):
        table.read(("word",), 0, 1)


def test_packed_in_a_way_that_cannot_be_unpacked(tmp_path: Path) -> None:
    if h5py.h5z.filter_avail(32001):
        pytest.skip("hdf5plugin is loaded")
    path = tmp_path / "x.h5"
    write_pandas_table(path, COLUMNS)
    with h5py.File(path, "r+") as file:
        kind = file["table/table"].dtype
        attributes = dict(file["table/table"].attrs)
        del file["table/table"]
        packing = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        packing.set_chunk((5,))
        packing.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, 1, 40, 5, 1))
        h5py.h5d.create(
            file["table"].id, b"table", h5py.h5t.py_create(kind), h5py.h5s.create_simple((5,)), packing
        )
        file["table/table"].attrs.update(attributes)
    with pytest.raises(InputError, match=r"packed with blosc.*pip install hdf5plugin"):
        PandasTable(path)


def test_faults_are_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        PandasTable(tmp_path / "none.h5")
    with pytest.raises(InputError, match="expected a table 'jets' written by pandas, got table"):
        PandasTable(path, key="jets")
    with pytest.raises(InputError, match="no column 'c'"):
        PandasTable(path).read(("c",), 0, 1)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="cut short"):
        PandasTable(cut)
    with pytest.raises(InputError, match="equal length"):
        write_pandas_table(path, {"a": np.zeros(2), "b": np.zeros(3)})
