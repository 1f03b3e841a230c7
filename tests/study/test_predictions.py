"""Predictions: every row of every file, in pieces, whole or not at all, the same bytes again."""

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
