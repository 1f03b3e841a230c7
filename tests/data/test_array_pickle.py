"""Pickles of arrays: what NumPy writes is read, what would run is refused and does not run."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from femtobarn.data.array_pickle import read_array_pickle, read_object_array
from femtobarn.errors import InputError

KINDS = st.sampled_from(["<f8", ">f8", "f4", "i8", ">i4", "u1", "bool"])


def read(content: bytes) -> Any:
    return read_array_pickle(content, "file.pkl")


@given(
    array=arrays(KINDS, array_shapes(min_dims=1, max_dims=3, min_side=0)),
    protocol=st.sampled_from([1, 2, 3, 4, 5]),
    fortran=st.booleans(),
)
def test_what_numpy_pickles_is_read_as_python_does(array: np.ndarray, protocol: int, fortran: bool) -> None:
    given_array = np.asfortranarray(array) if fortran else array
    content = {"X": [given_array, given_array], "n": [3, 2.5, "word", None, True]}
    found = read(pickle.dumps(content, protocol))
    for mine in found["X"]:
        np.testing.assert_array_equal(mine, array)
        assert mine.dtype == array.dtype
    assert found["n"] == content["n"]


class Hostile:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path, function: Any = os.mkdir) -> None:
        self.path, self.function = path, function

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return self.function, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_nothing_in_a_pickle_runs(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "made"
    content = pickle.dumps({"X": [Hostile(target)]}, protocol)
    with pytest.raises(InputError, match=r"not read"):
        read(content)
    assert not target.exists()
    pickle.loads(content)  # the test can fail: Python's own reader runs it
    assert target.exists()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (eval, "eval"),
        (np.array([1, "a", None], object), "dtype|kind|array of objects"),
        (np.array(["2020-01-01"], "M8[D]"), "kind"),
        (np.zeros(2, [("a", "f4"), ("b", "i4")]), "kind|fields"),
        (OrderedDict(a=1), "OrderedDict"),
        ({1, 2}, "EMPTY_SET|set"),
        (np.ma.masked_array([1.0], [True]), "mareconstruct"),
        (np.random.default_rng(1), "random"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_by_its_name(value: Any, word: str) -> None:
    for protocol in (2, 5):
        with pytest.raises(InputError, match=word):
            read(pickle.dumps({"X": [value]}, protocol))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"N",
        b"}(K\x01K\x02u.",  # a key that is no text
        b"](h\x05e.",  # a memo that is not there
        b"cnumpy\ndtype\n.",  # a name alone
        b"cnumpy\ndtype\n(S'f8'\nK\x00K\x01tR.",  # a type alone
        b"N." + b"more",
        b"(" * 100,
        b"\x80\x04" + b"]\x94(" * 50 + b"e" * 50 + b".",
    ],
)
def test_other_bytes_are_told_in_one_line(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^file\.pkl") as told:
        read(content)
    assert "\n" not in str(told.value)


def test_a_list_in_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InputError, match="levels"):
        read(pickle.dumps({"X": loop}))


def test_arrays_of_objects_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    rows = np.empty((3, 2), object)
    for place in range(3):
        rows[place] = [np.full((2, 2, 3), place, np.uint8), (np.int64(place), place, float(place))[place]]
    np.save(tmp_path / "a.npy", rows)
    found = read_object_array(tmp_path / "a.npy")
    assert found.shape == (3, 2)
    for mine, theirs in zip(found, rows, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])
        assert mine[1] == theirs[1]
    with pytest.raises(InputError, match="not read"):
        read(pickle.dumps(rows))


def test_nothing_in_an_array_of_objects_runs(tmp_path: Path) -> None:
    target = tmp_path / "made"
    rows = np.array([[Hostile(target), 1], [0, 1]], object)
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(InputError, match=r"a\.npy.*not read"):
        read_object_array(tmp_path / "a.npy")
    assert not target.exists()
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(InputError, match="expected an array of objects"):
        read_object_array(tmp_path / "b.npy")
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "c.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"c\.npy"):
        read_object_array(tmp_path / "c.npy")
