"""Events of different size in one file: what goes in comes out, event by event, in batches, in order."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from femtobarn.data.ragged import RaggedFile, write_ragged
from femtobarn.errors import InputError

Event = dict[str, np.ndarray]


def events(sizes: list[int], seed: int = 1) -> list[Event]:
    draw = np.random.default_rng(seed)
    return [
        {
            "node": draw.normal(size=(size, 3)).astype(np.float32),
            "edge": draw.integers(9, size=(2 * size, 2)),
            "right": draw.random(2 * size) < 0.5,
        }
        for size in sizes
    ]


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_events_come_out_as_they_went_in(sizes: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    path, made = tmp_path_factory.mktemp("ragged") / "e.h5", events(sizes)
    assert write_ragged(path, iter(made)) == len(sizes)
    file = RaggedFile(path)
    assert file.columns == ("node", "edge", "right")
    np.testing.assert_array_equal(file.sizes["node"], sizes)
    every = file.read(0, len(file))
    for i, event in enumerate(made):
        for name, values in event.items():
            for found in (file.event(i)[name], every[name].event(i)):
                assert found.dtype == values.dtype
                np.testing.assert_array_equal(found, values)


@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=9), most=st.integers(1, 60))
def test_batches_hold_every_event_once(
    sizes: list[int], most: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("ragged") / "e.h5"
    write_ragged(path, events(sizes))
    batches = list(RaggedFile(path).batches("node", most))
    assert [i for batch in batches for i in batch] == list(range(len(sizes)))
    for batch in batches:
        assert sum(sizes[i] for i in batch) <= most or len(batch) == 1


def test_events_are_written_as_they_come(tmp_path: Path) -> None:
    """A sample larger than memory: no event is made before the one before it is written."""
    alive = 0

    def made() -> Iterator[Event]:
        nonlocal alive
        for _ in range(50):
            alive += 1
            yield events([100])[0]
            alive -= 1
            assert alive == 0

    assert write_ragged(tmp_path / "e.h5", made()) == 50


def test_a_sample_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def made() -> Iterator[Event]:
        yield events([3])[0]
        raise InputError("the second event is broken")

    with pytest.raises(InputError, match="second event"):
        write_ragged(tmp_path / "e.h5", made())
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    path, (one, other) = tmp_path / "e.h5", events([3, 4])
    for wrong, words in (
        ([one, {"node": other["node"]}], "expected columns node, edge, right"),
        ([one, {**other, "node": other["node"][:, :2]}], r"rows of \(3,\)"),
        ([one, {**other, "node": other["node"].astype(np.float64)}], "float32"),
        ([{"node": np.array(1.0)}], "array of numbers"),
    ):
        with pytest.raises(InputError, match=words):
            write_ragged(path, wrong)
    write_ragged(path, [one, other])
    file = RaggedFile(path)
    with pytest.raises(InputError, match="no column"):
        file.read(0, 1, ["nodes"])
    with pytest.raises(InputError, match="at least one row"):
        list(file.batches("node", 0))
    with h5py.File(path, "r+") as raw:
        raw["node/offset"][1] = 99
    with pytest.raises(InputError, match="belong to its events"):
        RaggedFile(path)
    with h5py.File(tmp_path / "other.h5", "w") as raw:
        raw["node"] = np.zeros(3)
    with pytest.raises(InputError, match="ragged format 1, got None"):
        RaggedFile(tmp_path / "other.h5")
