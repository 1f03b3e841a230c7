from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.data.source import Concatenated, InMemory, Source, stream
from femtobarn.errors import InputError


class Table(InMemory):
    """An in-memory table that pretends to be a file."""

    def where(self, row: int) -> str:
        return f"table, row {row}"


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    start=st.integers(0, 12),
    stop=st.integers(0, 30),
)
def test_concatenated_sources_read_like_one(sizes: list[int], start: int, stop: int) -> None:
    x = np.arange(sum(sizes))
    edges = np.cumsum([0, *sizes])
    parts = [Table({"x": x[a:b], "y": -x[a:b]}) for a, b in pairwise(edges)]
    whole = Concatenated(parts)
    assert len(whole) == len(x)
    np.testing.assert_array_equal(whole.read(("y", "x"), start, stop)["x"], x[start : max(start, stop)])
    row = int(start % len(x))
    part = int(np.searchsorted(edges, row, side="right")) - 1
    assert whole.where(row) == f"table, row {row - edges[part]}"


@given(n=st.integers(1, 50), rows=st.integers(1, 60))
def test_stream_gives_each_row_once(n: int, rows: int) -> None:
    source = InMemory({"x": np.arange(n)})
    pieces = [piece["x"] for piece in stream(source, ("x",), rows=rows)]
    np.testing.assert_array_equal(np.concatenate(pieces), np.arange(n))
    assert max(map(len, pieces)) <= rows


def test_sources_are_known_by_what_they_offer() -> None:
    assert isinstance(InMemory({"x": np.zeros(1)}), Source)
    assert not isinstance({"x": np.zeros(1)}, Source)


def test_columns_that_do_not_fit_are_told() -> None:
    with pytest.raises(InputError, match="equal length"):
        InMemory({"x": np.zeros(2), "y": np.zeros(3)})
    with pytest.raises(InputError, match="no column 'eat'; did you mean eta"):
        InMemory({"eta": np.zeros(2)}).read(("eat",), 0, 1)
    with pytest.raises(InputError, match="other columns than table, row 0: y"):
        Concatenated([Table({"x": np.zeros(2)}), Table({"x": np.zeros(2), "y": np.zeros(2)})])
