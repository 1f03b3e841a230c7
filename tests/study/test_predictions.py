"""Predictions: every row of every file, in pieces, whole or not at all, the same bytes again."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data.source import Arrays, InMemory
from femtobarn.errors import InputError
from femtobarn.study import write_predictions


def _open(path: Path) -> InMemory:
    return InMemory({"x": np.load(path), "y": np.load(path)})


def _double(piece: Arrays) -> Arrays:
    return {"twice": 2 * piece["x"], "pair": np.stack([piece["x"], piece["x"]], axis=1).astype(np.float32)}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path, count in zip(paths, (25, 7), strict=True):
        np.save(path, np.arange(count, dtype=float))
    return paths


def test_every_row_is_there_with_its_place(files: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.h5"
    told = {"signal": "tops"}
    write_predictions(
        files, output, _open, _double, model="m", columns=("x", "z"), units={"twice": "GeV"},
        attributes=told, rows=10, progress=False,
    )  # fmt: skip
    with h5py.File(output) as file:
        assert file["file"][:].tolist() == [0] * 25 + [1] * 7
        assert file["row"][:].tolist() == [*range(25), *range(7)]
        np.testing.assert_array_equal(file["twice"][:], 2.0 * file["row"][:])
        assert file["pair"].shape == (32, 2)
        assert file["twice"].attrs["unit"] == "GeV"
        assert (file.attrs["model"], file.attrs["format"], file.attrs["signal"]) == ("m", 1, "tops")
        assert list(file.attrs["files"]) == [str(path) for path in files]
    again = tmp_path / "again.h5"
    write_predictions(
        files, again, _open, _double, model="m", columns=("x", "z"), units={"twice": "GeV"},
        attributes=told, rows=10, progress=False,
    )  # fmt: skip
    assert output.read_bytes() == again.read_bytes()


def test_parquet_and_root_hold_the_same_table(files: list[Path], tmp_path: Path) -> None:
    def written(name: str) -> Path:
        return write_predictions(
            files, tmp_path / name, _open, _double, model="m", columns=("x", "z"), units={"twice": "GeV"},
            attributes={"signal": "tops", "events": np.int64(5)}, rows=10, progress=False,
        )  # fmt: skip

    with h5py.File(written("out.hdf5")) as file:
        wanted = {name: column[:] for name, column in file.items()}
    table = pytest.importorskip("pyarrow.parquet").read_table(written("out.parquet"))
    assert table.column_names == ["file", "row", "twice", "pair"]
    for name, column in wanted.items():
        found = np.array(table[name].to_pylist())
        np.testing.assert_array_equal(found, column)
    assert table.schema.field("pair").type.value_type == "float"
    assert table.schema.field("twice").metadata == {b"unit": b"GeV"}
    told = pytest.importorskip("pyarrow.parquet").read_metadata(tmp_path / "out.parquet").metadata
    assert (told[b"model"], told[b"signal"], told[b"events"]) == (b"m", b"tops", b"5")
    assert json.loads(told[b"files"]) == [str(path) for path in files]
    for ending in (".root", ".rntuple.root"):
        with pytest.importorskip("uproot").open(written(f"out{ending}")) as file:
            assert ("RNTuple" in str(file.classname_of("table"))) == (ending == ".rntuple.root")
            for name, column in wanted.items():
                branch = np.asarray(file["table"].arrays()[name])
                np.testing.assert_array_equal(branch, column)
                assert branch.dtype == column.dtype
            assert (file["model"], file["units"]) == ("m", '{"twice": "GeV"}')


def test_names_of_branches_are_those_that_root_can_draw(files: list[Path], tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")

    def score(*names: str) -> Path:
        def found(piece: Arrays) -> Arrays:
            return dict.fromkeys(names, piece["x"])

        return write_predictions(files, tmp_path / "out.root", _open, found, model="m", progress=False)

    with uproot.open(score("inverse Dice")) as file:
        assert file["table"].keys() == ["file", "row", "inverse_Dice"]
    with pytest.raises(InputError, match="are one branch to ROOT"):
        score("inverse Dice", "inverse-Dice")


@pytest.mark.parametrize("name", ["out.csv", "out", "out.h6"])
def test_another_ending_is_refused_before_anything_is_computed(
    name: str, files: list[Path], tmp_path: Path
) -> None:
    def never(_: Arrays) -> Arrays:
        raise AssertionError("computed")

    with pytest.raises(InputError, match=r"written as one of \.h5, \.hdf5, \.parquet, \.root"):
        write_predictions(files, tmp_path / name, _open, never, model="m", progress=False)


def test_nothing_is_left_of_what_fails(files: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.h5"

    def fails(piece: Arrays) -> Arrays:
        if piece["x"][0] == 20:
            raise InputError("not a number")
        return _double(piece)

    with pytest.raises(InputError, match=r"a.npy, from row 20 on: not a number"):
        write_predictions(files, output, _open, fails, model="m", rows=10, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_files_without_rows_and_unwritable_places_are_one_line(files: list[Path], tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros(0))
    with pytest.raises(InputError, match=r"no jets in .*none.npy"):
        write_predictions(
            [tmp_path / "none.npy"], tmp_path / "o.h5", _open, _double, model="m", what="jets", progress=False
        )
    with pytest.raises(InputError, match="cannot write"):
        write_predictions(files, files[0] / "o.h5", _open, _double, model="m", progress=False)


def test_no_input_is_replaced(files: list[Path]) -> None:
    before = files[1].read_bytes()
    with pytest.raises(InputError, match="is one of the inputs"):
        write_predictions(files, files[1], _open, _double, model="m", progress=False)
    assert files[1].read_bytes() == before


def test_a_name_that_is_not_unicode_is_noted_as_it_can_be(files: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.npy")
    files[1].rename(odd)
    write_predictions([odd], tmp_path / "out.h5", _open, _double, model="m", progress=False)
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file.attrs["files"]) == [str(tmp_path / "caf\N{REPLACEMENT CHARACTER}.npy")]
